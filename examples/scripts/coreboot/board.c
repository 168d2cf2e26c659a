#include "../report.h"
#include "device.h"

static int ethernet(int device) { return device + 3; }
static int skylake(void) { return 6; }

static const struct pci_driver ethernet_driver __pci_driver = {ethernet, 0x8086, 300};
static const struct cpu_driver skylake_driver __cpu_driver = {"skylake", skylake};

static void last(void *word) { report(word, BS_PAYLOAD_BOOT); }
static void first(void *word) { report(word, BS_PRE_DEVICE); }
BOOT_STATE_INIT_ENTRY(BS_PAYLOAD_BOOT, BS_ON_EXIT, last, "payload");
BOOT_STATE_INIT_ENTRY(BS_PRE_DEVICE, BS_ON_ENTRY, first, "before");
