/* Part of the program, or of each library: adds its extensions to the interpreter's table. A generated list of all
   extensions is not needed. */

#include "extension.h"

extern const struct extension __start_EXTENSIONS[], __stop_EXTENSIONS[];

__attribute__((constructor)) static void add(void) {
    add_extensions(__start_EXTENSIONS, __stop_EXTENSIONS);
}
