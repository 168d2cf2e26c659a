#include "../report.h"
#include "foo.h"

STRUCT_SECTION_ITERABLE(foo, zebra) = {3};
STRUCT_SECTION_ITERABLE(foo, ant) = {1};

// Names with a number are in the order of the numbers, of up to three digits.
static int twice(int n) { return 2 * n; }
STRUCT_SECTION_ITERABLE_NAMED(step, step_10_twice, step_twice) = {"twice", twice};

extern struct foo _foo_list_start[], _foo_list_end[];

void run(void) {
    STRUCT_SECTION_FOREACH(foo, foo)
        report("foo", foo->number);
    report("count", STRUCT_SECTION_COUNT(foo));
    STRUCT_SECTION_FOREACH(step, step)
        report(step->name, step->run(7));
}
