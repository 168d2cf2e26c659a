/* The base of all digests: what they share. */

#include "extension.h"

static object *hex(object *argument) {
    char text[9];
    for (int i = 0; i < 8; i++)
        text[i] = "0123456789abcdef"[(unsigned)argument->number >> (28 - 4 * i) & 15];
    text[8] = 0;
    return new_text(text);
}

static void init(void) { define_method("digest", "hex", hex); }

EXTENSION("digest", init);
