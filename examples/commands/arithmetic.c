#include "command.h"

static int twice(int n) { return 2 * n; }
COMMAND(twice);

static int square(int n) { return n * n; }
COMMAND(square);
