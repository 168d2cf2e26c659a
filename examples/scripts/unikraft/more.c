#include "../report.h"
#include "init.h"

static int clock(int n) { return 11 + n; }
static int net(int n) { return 60 + n; }
static void net_end(int n) { report("net_end", n); }
static int heap(void) { return 0; }

uk_early_initcall_prio(clock, 0, 0);
uk_late_initcall_prio(net, net_end, 5);
UK_CTOR_PRIO(heap, 0);
