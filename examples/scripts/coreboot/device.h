// As in coreboot's device/pci.h, cpu/cpu.h and bootstate.h.
struct pci_driver {
    int (*init)(int);
    unsigned short vendor, device;
};
#define __pci_driver __attribute__((used, section(".rodata.pci_driver"), aligned(sizeof(void *))))

struct cpu_driver {
    const char *name;
    int (*init)(void);
};
#define __cpu_driver __attribute__((used, section(".rodata.cpu_driver"), aligned(sizeof(void *))))

enum { BS_PRE_DEVICE, BS_DEV_INIT, BS_PAYLOAD_BOOT };
enum { BS_ON_ENTRY, BS_ON_EXIT };

struct boot_state_init_entry {
    int state, when;
    void (*callback)(void *);
    void *arg;
};

// A table of pointers. The script adds the null pointer at its end.
#define BOOT_STATE_INIT_ENTRY(state, when, function, argument) \
    static struct boot_state_init_entry bsie_##function = {state, when, function, argument}; \
    static struct boot_state_init_entry *const bsie_##function##_pointer \
        __attribute__((used, section(".bs_init"))) = &bsie_##function
