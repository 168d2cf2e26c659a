// As in Linux's include/linux/init.h: a driver names the level of its function.
typedef int (*initcall_t)(void);

#define initcall_at(function, level) \
    static initcall_t initcall_##function \
        __attribute__((used, section(".initcall" level ".init"))) = function

#define early_initcall(function) initcall_at(function, "early")
#define core_initcall(function) initcall_at(function, "1")
#define device_initcall(function) initcall_at(function, "6")
#define device_initcall_sync(function) initcall_at(function, "6s")
#define late_initcall(function) initcall_at(function, "7")
