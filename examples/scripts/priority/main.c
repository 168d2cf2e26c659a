#define TASK(name, priority) \
    static int name(void); \
    static int (*const task_##name)(void) __attribute__((used, section("tasks" priority))) = name; \
    static int name(void)

extern int (*const __start_tasks[])(void), (*const __stop_tasks[])(void);

TASK(whenever, "") { return 4; }
TASK(late, ".10000") { return 3; }
TASK(first, ".5") { return 1; }
TASK(second, ".00101") { return 2; }

// The results in the order of the calls, as decimal digits.
__attribute__((export_name("run"))) int run(void) {
    int digits = 0;
    for (int (*const *task)(void) = __start_tasks; task < __stop_tasks; task++)
        digits = digits * 10 + (*task)();
    return digits;
}
