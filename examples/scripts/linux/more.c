#include "init.h"

static int very_last(void) { return 75; }
static int fs(void) { return 50; }
static int sync_fs(void) { return 55; }
static int core(void) { return 10; }
static int sync_core(void) { return 15; }
static int pure(void) { return 2; }
static int postcore(void) { return 20; }
static int arch(void) { return 30; }
static int other_device(void) { return 61; }
static int vga(void) { return 8; }
static int twice(const char *value) { return 2 * (*value - '0'); }

late_initcall_sync(very_last);
fs_initcall_sync(sync_fs);
fs_initcall(fs);
core_initcall_sync(sync_core);
core_initcall(core);
pure_initcall(pure);
postcore_initcall(postcore);
arch_initcall(arch);
device_initcall(other_device);
console_initcall(vga);
__setup("nice=", twice);
