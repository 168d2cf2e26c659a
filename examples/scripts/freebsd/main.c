#include "../report.h"
#include "linker_set.h"

SET_DECLARE(foo, const int);
SET_DECLARE(sysinit_set, struct sysinit);

// Sorts the set in place, then runs it.
static void mi_startup(void) {
    struct sysinit **item, **other;
    SET_FOREACH(item, sysinit_set)
        for (other = item + 1; other < __stop_set_sysinit_set; other++) {
            struct sysinit *a = *item, *b = *other;
            if (a->subsystem < b->subsystem || (a->subsystem == b->subsystem && a->order <= b->order))
                continue;
            *item = b;
            *other = a;
        }
    SET_FOREACH(item, sysinit_set)
        (*item)->function((*item)->data);
}

void run(void) {
    const int **item;
    SET_FOREACH(item, foo)
        report("foo", **item);
    report("count", SET_COUNT(foo));
    mi_startup();
}
