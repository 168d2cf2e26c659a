#include "../report.h"
#include "criterion.h"

static void prepare(void) { report("prepared", 1); }
TestSuite(texts, prepare);

Test(texts, first) { cr_assert("a"[0] == 'a'); }
Test(numbers, subtract) { cr_assert(3 - 1 == 2); }
