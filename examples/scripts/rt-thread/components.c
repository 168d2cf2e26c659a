#include "../report.h"
#include "rtdef.h"

// Empty functions separate the levels.
static int rti_start(void) { return 0; }
INIT_EXPORT(rti_start, "0");
static int rti_board_start(void) { return 0; }
INIT_EXPORT(rti_board_start, "0.end");
static int rti_board_end(void) { return 0; }
INIT_EXPORT(rti_board_end, "1.end");
static int rti_end(void) { return 0; }
INIT_EXPORT(rti_end, "6.end");

extern const struct finsh_syscall __fsymtab_start[], __fsymtab_end[];

static void run_between(const char *what, const init_fn_t *from, const init_fn_t *to) {
    for (volatile const init_fn_t *function = from; function < to; function++)
        report(what, (*function)());
}

void run(void) {
    run_between("board", &__rt_init_rti_board_start, &__rt_init_rti_board_end);
    run_between("component", &__rt_init_rti_board_end, &__rt_init_rti_end);
    for (const struct finsh_syscall *call = __fsymtab_start; call < __fsymtab_end; call++)
        report(call->name, call->func());
}
