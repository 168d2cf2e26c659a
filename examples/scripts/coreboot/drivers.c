#include "../report.h"
#include "device.h"

static int sata(int device) { return device + 1; }
static int usb(int device) { return device + 2; }
static int haswell(void) { return 4; }

static const struct pci_driver sata_driver __pci_driver = {sata, 0x8086, 100};
static const struct pci_driver usb_driver __pci_driver = {usb, 0x8086, 200};
static const struct cpu_driver haswell_driver __cpu_driver = {"haswell", haswell};

static void say(void *word) { report(word, BS_DEV_INIT); }
BOOT_STATE_INIT_ENTRY(BS_DEV_INIT, BS_ON_ENTRY, say, "device");
