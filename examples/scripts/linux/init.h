// As in Linux's include/linux/init.h: a driver names the level of its function.
typedef int (*initcall_t)(void);

#define initcall_at(function, level) \
    static initcall_t __initcall_##function \
        __attribute__((used, section(".initcall" level ".init"))) = function

#define early_initcall(function) initcall_at(function, "early")
#define pure_initcall(function) initcall_at(function, "0")
#define core_initcall(function) initcall_at(function, "1")
#define core_initcall_sync(function) initcall_at(function, "1s")
#define postcore_initcall(function) initcall_at(function, "2")
#define arch_initcall(function) initcall_at(function, "3")
#define subsys_initcall(function) initcall_at(function, "4")
#define fs_initcall(function) initcall_at(function, "5")
#define fs_initcall_sync(function) initcall_at(function, "5s")
#define rootfs_initcall(function) initcall_at(function, "rootfs")
#define device_initcall(function) initcall_at(function, "6")
#define device_initcall_sync(function) initcall_at(function, "6s")
#define late_initcall(function) initcall_at(function, "7")
#define late_initcall_sync(function) initcall_at(function, "7s")

#define console_initcall(function) \
    static initcall_t __initcall_##function \
        __attribute__((used, section(".con_initcall.init"))) = function

// A parameter of the kernel's command line, and the function that handles it.
struct obs_kernel_param {
    const char *text;
    int (*setup)(const char *value);
    int early;
};

#define __setup(name, function) \
    static const struct obs_kernel_param __setup_##function \
        __attribute__((used, section(".init.setup"), aligned(__alignof__(struct obs_kernel_param)))) = \
            {name, function, 0}
