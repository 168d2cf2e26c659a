#include "xfa.h"

// Not in a file that reads them: to a compiler that sees them they are empty.
XFA_INIT_CONST(shell_command_t, shell_commands);
XFA_INIT(int, counters);
XFA_INIT_CONST(int, nothing);
