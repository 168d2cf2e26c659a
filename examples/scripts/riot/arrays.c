#include "xfa.h"

// Not in the file that reads them: a compiler that sees these definitions assumes that they are empty.
XFA_INIT_CONST(shell_command_t, shell_commands);
XFA_INIT(int, counters);
XFA_INIT_CONST(int, nothing);
