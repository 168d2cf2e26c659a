// As in FreeBSD's sys/linker_set.h and sys/kernel.h.
#define DATA_SET(set, symbol) \
    static void const *__set_##set##_sym_##symbol __attribute__((used, section("set_" #set))) = \
        &(symbol)

#define SET_DECLARE(set, type) extern type *__start_set_##set[], *__stop_set_##set[]
#define SET_FOREACH(item, set) for (item = __start_set_##set; item < __stop_set_##set; item++)
#define SET_COUNT(set) ((int)(__stop_set_##set - __start_set_##set))

struct sysinit {
    unsigned subsystem, order;
    void (*function)(const void *);
    const void *data;
};

#define SYSINIT(name, subsystem, order, function, data) \
    static struct sysinit name##_sys_init = {subsystem, order, function, data}; \
    DATA_SET(sysinit_set, name##_sys_init)

enum { SI_SUB_TUNABLES = 0x0700000, SI_SUB_DRIVERS = 0x3100000, SI_SUB_SMP = 0xf000000 };
enum { SI_ORDER_FIRST = 0, SI_ORDER_SECOND = 1, SI_ORDER_ANY = 0xfffffff };
