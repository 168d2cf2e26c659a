#include "extension.h"

static int twice(int n) { return 2 * n; }
static int square(int n) { return n * n; }

/* The host and all libraries share one stack. */
static int triangle(int n) {
    int numbers[n + 1];
    for (int i = 0; i <= n; i++)
        numbers[i] = i;
    return host_sum(numbers, n + 1);
}

static void init(void) {}

static const struct method methods[] = {
    { "twice", twice }, { "square", square }, { "triangle", triangle },
};
EXTENSION(numbers, init, methods);
