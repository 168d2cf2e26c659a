/* One digest. It needs the base, which may be in another library. */

#include "extension.h"

static object *fnv1a(object *argument) {
    unsigned hash = 2166136261u;
    if (!argument->text[0])
        raise("nothing to digest", "");
    for (const char *c = argument->text; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    return call("digest", "hex", new_number((int)hash));
}

static void init(void) {
    require("digest");
    define_method("digest", "fnv1a", fnv1a);
}

EXTENSION("digest/fnv1a", init);
