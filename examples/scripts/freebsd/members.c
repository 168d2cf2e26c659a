#include "../report.h"
#include "linker_set.h"

static const int ten = 10, twenty = 20;
DATA_SET(foo, ten);
DATA_SET(foo, twenty);

static void start(const void *name) { report(name, 1); }
SYSINIT(smp, SI_SUB_SMP, SI_ORDER_FIRST, start, "smp");
SYSINIT(disk, SI_SUB_DRIVERS, SI_ORDER_ANY, start, "disk");
