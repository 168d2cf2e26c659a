#include "rtdef.h"

static int application(void) { return 6; }
static int clocks(void) { return 1; }
static int disk(void) { return 3; }
static int version(void) { return 5; }

INIT_APP_EXPORT(application);
INIT_BOARD_EXPORT(clocks);
INIT_DEVICE_EXPORT(disk);
MSH_CMD_EXPORT(version, "show the version");
