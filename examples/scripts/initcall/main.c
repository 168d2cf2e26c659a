#include "initcall.h"

extern initcall_t __initcall_start[], __initcall0_start[], __initcall6_start[], __initcall7_start[],
    __initcall_end[];

// The calls so far, as decimal digits.
static int done;

static void run(initcall_t *call, initcall_t *end) {
    for (; call < end; call++)
        done = done * 10 + (*call)();
}

__attribute__((export_name("all"))) int all(void) {
    done = 0;
    run(__initcall_start, __initcall_end);
    return done;
}

__attribute__((export_name("early"))) int early(void) {
    done = 0;
    run(__initcall_start, __initcall0_start);
    return done;
}

__attribute__((export_name("devices"))) int devices(void) {
    done = 0;
    run(__initcall6_start, __initcall7_start);
    return done;
}
