#include "xfa.h"

static int reboot(int n) { return -n; }
static int ps(int n) { return n + 1; }
XFA_CONST(shell_commands, 5) const shell_command_t reboot_command = {"reboot", reboot};
XFA_CONST(shell_commands, 0) const shell_command_t ps_command = {"ps", ps};

XFA(counters, 1) int second = 20;
XFA(counters, 0) int first = 10;
