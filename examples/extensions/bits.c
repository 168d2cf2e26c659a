#include "extension.h"

static int ones(int n) { return __builtin_popcount(n); }
static int reverse(int n) { return __builtin_bitreverse32(n); }

static void init(void) {}

static const struct method methods[] = { { "ones", ones }, { "reverse", reverse } };
EXTENSION(bits, init, methods);
