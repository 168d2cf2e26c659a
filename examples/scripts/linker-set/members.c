#include "linker_set.h"

static const int ten = 10, twenty = 20;
DATA_SET(foo, ten);
DATA_SET(foo, twenty);
