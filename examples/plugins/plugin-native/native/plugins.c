// Entries for the section PLUGINS, as in any C program.
#include <stddef.h>
#include <stdint.h>

// registry::Plugin. `name` is a &str: a pointer and a length, without a NUL.
struct str {
    const char *ptr;
    size_t len;
};

struct plugin {
    struct str name;
    int32_t (*run)(int32_t);
};

#define ENTRY __attribute__((section("PLUGINS"), used))
#define STR(literal) {literal, sizeof literal - 1}

static int32_t negate(int32_t n) { return -n; }

static int32_t bits(int32_t n) { return __builtin_popcount((uint32_t)n); }

ENTRY static const struct plugin negate_entry = {STR("plugins.c::negate"), negate};
ENTRY static const struct plugin bits_entry = {STR("plugins.c::bits"), bits};
