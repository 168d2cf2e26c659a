#include "criterion.h"

TestSuite(numbers, 0);

Test(numbers, add) { cr_assert(1 + 1 == 2); }
Test(numbers, multiply) { cr_assert(2 * 3 == 5); }
