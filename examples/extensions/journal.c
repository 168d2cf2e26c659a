/* Keeps objects in static variables of its own. */

#include "extension.h"

static object *last;
static int count;

static object *add(object *argument) {
    argument->link = last;
    last = argument;
    return new_number(++count);
}

/* The newest entry or, if there is none, the argument. */
static object *newest(object *argument) { return last ? last : argument; }

static object *oldest(object *argument) {
    object *entry = last ? last : argument;
    while (entry->link)
        entry = entry->link;
    return entry;
}

static object *digest(object *argument) { return call("digest", "fnv1a", argument); }

/* Adds the digest, or the error: an extension that rescues what another one raises. */
static object *add_digest(object *argument) {
    object *error, *result = rescue(digest, argument, &error);
    return add(result ? result : error);
}

/* Keeps its first object in no variable but one of WebAssembly, which is not in memory. */
static object *churn(object *argument) {
    object *first = new_text("still here");
    for (int i = 0; i < argument->number; i++)
        new_number(i);
    return first;
}

static void init(void) {
    define_method("journal", "add", add);
    define_method("journal", "newest", newest);
    define_method("journal", "oldest", oldest);
    define_method("journal", "add_digest", add_digest);
    define_method("journal", "churn", churn);
}

EXTENSION("journal", init);
