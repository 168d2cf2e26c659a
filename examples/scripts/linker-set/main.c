#include "linker_set.h"

SET_DECLARE(foo, const int);

__attribute__((export_name("sum"))) int sum(void) {
    int sum = 0;
    const int *const *item;
    SET_FOREACH(item, foo)
        sum += **item;
    return sum;
}
