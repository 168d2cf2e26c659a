#include "report.h"

static char text[4096];
static unsigned length;

static void put(char character) {
    if (length + 1 < sizeof text)
        text[length++] = character;
}

void report(const char *word, int number) {
    unsigned rest = number < 0 ? -(unsigned)number : (unsigned)number;
    char digits[12];
    int count = 0;
    do
        digits[count++] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (length)
        put(' ');
    while (*word)
        put(*word++);
    put(':');
    if (number < 0)
        put('-');
    while (count)
        put(digits[--count]);
}

const char *reported(void) { return text; }
