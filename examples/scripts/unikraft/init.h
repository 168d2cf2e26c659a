// As in Unikraft's include/uk/init.h and ctors.h: tables by class and priority.
struct uk_inittab_entry {
    int (*init)(int);
    void (*term)(int);
};

#define UK_INIT_ENTRY(function, end, class, priority) \
    static const struct uk_inittab_entry __uk_inittab_##class##priority##_##function \
        __attribute__((used, section(".uk_inittab" #class #priority))) = {function, end}

#define uk_early_initcall_prio(function, end, priority) UK_INIT_ENTRY(function, end, 1, priority)
#define uk_bus_initcall_prio(function, end, priority) UK_INIT_ENTRY(function, end, 4, priority)
#define uk_late_initcall_prio(function, end, priority) UK_INIT_ENTRY(function, end, 6, priority)

typedef int (*uk_ctor_func_t)(void);

#define UK_CTOR_PRIO(function, priority) \
    static const uk_ctor_func_t __uk_ctortab##priority##_##function \
        __attribute__((used, section(".uk_ctortab" #priority))) = function
