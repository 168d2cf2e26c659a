#include "iterable_sections.h"

struct foo {
    int number;
};

struct step {
    const char *name;
    int (*run)(int);
};
