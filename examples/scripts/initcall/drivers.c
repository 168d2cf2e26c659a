#include "initcall.h"

static int last(void) { return 5; }
static int sync_device(void) { return 4; }
static int device(void) { return 3; }
static int core(void) { return 2; }
static int console(void) { return 1; }

late_initcall(last);
device_initcall_sync(sync_device);
device_initcall(device);
core_initcall(core);
early_initcall(console);
