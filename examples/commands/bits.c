#include "command.h"

static int ones(int n) { return __builtin_popcount(n); }
COMMAND(ones);
