#include "../report.h"
#include "linker_lists.h"

static int do_version(int n) { return 2025 + n; }
U_BOOT_CMD(version, do_version);

void run(void) {
    struct cmd_tbl *cmd = ll_entry_start(struct cmd_tbl, cmd);
    for (; cmd < ll_entry_end(struct cmd_tbl, cmd); cmd++)
        report(cmd->name, cmd->cmd(1));
    report("commands", ll_entry_count(struct cmd_tbl, cmd));
    struct driver *driver = ll_entry_start(struct driver, driver);
    for (; driver < ll_entry_end(struct driver, driver); driver++)
        report(driver->name, driver->id + driver->probe());
    report("none", ll_entry_count(struct driver, uclass));
    report("serial", ll_entry_get(struct driver, serial, driver)->id);
}
