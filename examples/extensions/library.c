/* Part of every extension library: passes the library's array to the host when the library is loaded. Each
   library has its own array, and `__start_EXTENSIONS` here is that of the library that this file is linked into. */

#include "extension.h"

extern const struct extension __start_EXTENSIONS[], __stop_EXTENSIONS[];

__attribute__((constructor)) static void announce(void) {
    static struct library library;
    library.start = __start_EXTENSIONS;
    library.stop = __stop_EXTENSIONS;
    host_add_library(&library);
}
