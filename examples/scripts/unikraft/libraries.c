#include "../report.h"
#include "init.h"

static int bus(int n) { return 40 + n; }
static int console(int n) { return 10 + n; }
static void console_end(int n) { report("console_end", n); }
static int alloc(void) { return 1; }
static int trace(void) { return 9; }

uk_bus_initcall_prio(bus, 0, 3);
uk_early_initcall_prio(console, console_end, 9);
UK_CTOR_PRIO(trace, 9);
UK_CTOR_PRIO(alloc, 1);
