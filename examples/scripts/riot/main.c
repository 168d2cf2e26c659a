#include "../report.h"
#include "xfa.h"

XFA_USE_CONST(shell_command_t, shell_commands);
XFA_USE(int, counters);
XFA_USE_CONST(int, nothing);

static int echo(int n) { return n; }
XFA_CONST(shell_commands, 1) const shell_command_t echo_command = {"echo", echo};

void run(void) {
    for (int i = 0; i < XFA_LEN(shell_command_t, shell_commands); i++)
        report(shell_commands[i].name, shell_commands[i].handler(5));
    for (int i = 0; i < XFA_LEN(int, counters); i++)
        report("counter", ++counters[i]);
    report("nothing", XFA_LEN(int, nothing));
}
