// As in RT-Thread's include/rtdef.h and finsh.h: functions by level, and commands of the shell.
typedef int (*init_fn_t)(void);

#define INIT_EXPORT(function, level) \
    __attribute__((used, section(".rti_fn." level))) const init_fn_t __rt_init_##function = function

#define INIT_BOARD_EXPORT(function) INIT_EXPORT(function, "1")
#define INIT_PREV_EXPORT(function) INIT_EXPORT(function, "2")
#define INIT_DEVICE_EXPORT(function) INIT_EXPORT(function, "3")
#define INIT_COMPONENT_EXPORT(function) INIT_EXPORT(function, "4")
#define INIT_ENV_EXPORT(function) INIT_EXPORT(function, "5")
#define INIT_APP_EXPORT(function) INIT_EXPORT(function, "6")

struct finsh_syscall {
    const char *name;
    const char *desc;
    int (*func)(void);
};

#define MSH_CMD_EXPORT(command, text) \
    __attribute__((used, section("FSymTab"), aligned(sizeof(void *)))) \
    const struct finsh_syscall __fsym_##command = {#command, text, command}
