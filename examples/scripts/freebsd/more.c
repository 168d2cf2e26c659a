#include "../report.h"
#include "linker_set.h"

static const int thirty = 30;
DATA_SET(foo, thirty);

static void start(const void *name) { report(name, 2); }
SYSINIT(net, SI_SUB_DRIVERS, SI_ORDER_SECOND, start, "net");
SYSINIT(tunables, SI_SUB_TUNABLES, SI_ORDER_ANY, start, "tunables");
