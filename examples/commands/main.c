#include "command.h"

static int same(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}

/* Passes the name of each command to the host. */
__attribute__((import_module("host"), import_name("show"))) void show(const char *name);

__attribute__((export_name("list"))) void list(void) {
    FOR_EACH_COMMAND(c) show(c->name);
}

/* A buffer into which the host writes a name. */
static char name[32];
__attribute__((export_name("name"))) char *name_buffer(void) { return name; }

/* Runs the command of that name; -1 if there is none. */
__attribute__((export_name("run"))) int run(int n) {
    FOR_EACH_COMMAND(c)
        if (same(c->name, name)) return c->run(n);
    return -1;
}
