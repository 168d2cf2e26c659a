#include "extension.h"

static int count;

static void init(void) { count = 100; }
static int add(int n) { return count += n; }

static const struct method methods[] = { { "add", add } };
EXTENSION(counter, init, methods);
