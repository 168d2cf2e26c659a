#include "../report.h"
#include "init.h"

extern initcall_t __initcall_start[], __initcall0_start[], __initcall1_start[], __initcall2_start[],
    __initcall3_start[], __initcall4_start[], __initcall5_start[], __initcallrootfs_start[],
    __initcall6_start[], __initcall7_start[], __initcall_end[];
extern initcall_t __con_initcall_start[], __con_initcall_end[];
extern const struct obs_kernel_param __setup_start[], __setup_end[];

static initcall_t *const levels[] = {
    __initcall_start,  __initcall0_start, __initcall1_start, __initcall2_start,
    __initcall3_start, __initcall4_start, __initcall5_start, __initcallrootfs_start,
    __initcall6_start, __initcall7_start, __initcall_end,
};

void run(void) {
    for (const struct obs_kernel_param *param = __setup_start; param < __setup_end; param++)
        report(param->text, param->setup("7"));
    for (initcall_t *call = __con_initcall_start; call < __con_initcall_end; call++)
        report("console", (*call)());
    for (unsigned level = 0; level + 1 < sizeof levels / sizeof *levels; level++) {
        report("level", (int)level);
        for (initcall_t *call = levels[level]; call < levels[level + 1]; call++)
            report("call", (*call)());
    }
}
