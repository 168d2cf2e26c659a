#include "rtdef.h"

static int usb(void) { return 31; }
static int pins(void) { return 11; }
static int environment(void) { return 5; }
static int files(void) { return 4; }
static int before(void) { return 2; }
static int reboot(void) { return 0; }

INIT_DEVICE_EXPORT(usb);
INIT_BOARD_EXPORT(pins);
INIT_ENV_EXPORT(environment);
INIT_COMPONENT_EXPORT(files);
INIT_PREV_EXPORT(before);
MSH_CMD_EXPORT(reboot, "start again");
