#include "linker_lists.h"

static int do_help(int n) { return n; }
static int do_boot(int n) { return 10 * n; }
static int probe(void) { return 100; }

U_BOOT_CMD(help, do_help);
U_BOOT_CMD(boot, do_boot);
U_BOOT_DRIVER(serial) = {"serial", 2, probe};
U_BOOT_DRIVER(gpio) = {"gpio", 1, probe};
