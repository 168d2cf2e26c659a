#include "../report.h"
#include "init.h"

extern const struct uk_inittab_entry uk_inittab_start[], uk_inittab_end[];
extern const uk_ctor_func_t uk_ctortab_start[], uk_ctortab_end[];

void run(void) {
    for (const uk_ctor_func_t *ctor = uk_ctortab_start; ctor < uk_ctortab_end; ctor++)
        report("ctor", (*ctor)());
    for (const struct uk_inittab_entry *entry = uk_inittab_start; entry < uk_inittab_end; entry++)
        report("init", entry->init(1));
    for (const struct uk_inittab_entry *entry = uk_inittab_end; entry-- > uk_inittab_start;)
        if (entry->term)
            entry->term(2);
}
