#include "init.h"

static int last(void) { return 70; }
static int sync_device(void) { return 65; }
static int device(void) { return 60; }
static int rootfs(void) { return 59; }
static int subsystem(void) { return 40; }
static int early(void) { return 1; }
static int tty(void) { return 9; }
static int digit(const char *value) { return *value - '0'; }

late_initcall(last);
device_initcall_sync(sync_device);
device_initcall(device);
rootfs_initcall(rootfs);
subsys_initcall(subsystem);
early_initcall(early);
console_initcall(tty);
__setup("loglevel=", digit);
