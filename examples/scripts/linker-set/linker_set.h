// As in FreeBSD's sys/linker_set.h.
#define DATA_SET(set, symbol) \
    static void const *const __set_##set##_sym_##symbol \
        __attribute__((used, section("set_" #set))) = &(symbol)

#define SET_DECLARE(set, type) \
    extern type *const __start_set_##set[], *const __stop_set_##set[]

#define SET_FOREACH(item, set) \
    for (item = __start_set_##set; item < __stop_set_##set; item++)
