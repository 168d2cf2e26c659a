#include "../report.h"
#include "device.h"

extern const struct pci_driver _pci_drivers[], _epci_drivers[];
extern const struct cpu_driver _cpu_drivers[], _ecpu_drivers[];
extern struct boot_state_init_entry *const _bs_init_begin[];

void run(void) {
    for (const struct pci_driver *driver = _pci_drivers; driver != _epci_drivers; driver++)
        report("pci", driver->init(driver->device));
    for (const struct cpu_driver *driver = _cpu_drivers; driver != _ecpu_drivers; driver++)
        report(driver->name, driver->init());
    for (int state = BS_PRE_DEVICE; state <= BS_PAYLOAD_BOOT; state++)
        for (struct boot_state_init_entry *const *entry = _bs_init_begin; *entry; entry++)
            if ((*entry)->state == state)
                (*entry)->callback((*entry)->arg);
}
