// As in U-Boot's include/linker_lists.h: entries, and the ends of each list, which have no bytes, are
// sorted by the names of their sections.
#define ll_section(list, rest) section("__u_boot_list_2_" #list rest)

#define ll_entry_declare(type, name, list) \
    type _u_boot_list_2_##list##_2_##name \
        __attribute__((used, aligned(4), ll_section(list, "_2_" #name)))

#define ll_end(type, list, number) \
    ({ \
        static char end[0] __attribute__((used, aligned(4), ll_section(list, number))); \
        type *pointer = (type *)&end; \
        __asm__("" : "+r"(pointer)); \
        pointer; \
    })
#define ll_entry_start(type, list) ll_end(type, list, "_1")
#define ll_entry_end(type, list) ll_end(type, list, "_3")
#define ll_entry_count(type, list) ((int)(ll_entry_end(type, list) - ll_entry_start(type, list)))

#define ll_entry_get(type, name, list) \
    ({ \
        extern type _u_boot_list_2_##list##_2_##name; \
        &_u_boot_list_2_##list##_2_##name; \
    })

struct cmd_tbl {
    const char *name;
    int (*cmd)(int);
};

struct driver {
    const char *name;
    int id;
    int (*probe)(void);
};

#define U_BOOT_CMD(name, function) ll_entry_declare(struct cmd_tbl, name, cmd) = {#name, function}
#define U_BOOT_DRIVER(name) ll_entry_declare(struct driver, name, driver)
