#include "foo.h"

STRUCT_SECTION_ITERABLE(foo, lion) = {2};

static int square(int n) { return n * n; }
static int negate(int n) { return -n; }
static int next(int n) { return n + 1; }
STRUCT_SECTION_ITERABLE_NAMED(step, step_100_square, step_square) = {"square", square};
STRUCT_SECTION_ITERABLE_NAMED(step, step_9_negate, step_negate) = {"negate", negate};
STRUCT_SECTION_ITERABLE_NAMED(step, step_2_next, step_next) = {"next", next};
