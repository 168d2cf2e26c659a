/* The interpreter: features, methods and errors. It refers to no extension. */

#include "extension.h"
#include "interpreter.h"
#include "jump.h"

#define EXPORTED __attribute__((visibility("default")))

static struct feature {
    const struct extension *extension;
    int loaded; /* 1 for the first that was loaded, and so on; 0 if it is not loaded */
} features[16];
static int feature_count, loaded_count;

EXPORTED void add_extensions(const struct extension *start, const struct extension *stop) {
    for (const struct extension *e = start; e < stop; e++) {
        if (feature_count == sizeof features / sizeof *features)
            __builtin_trap();
        features[feature_count++].extension = e;
    }
}

static int equal(const char *a, const char *b) {
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

EXPORTED int require(const char *name) {
    for (struct feature *feature = features; feature < features + feature_count; feature++) {
        if (!equal(feature->extension->feature, name))
            continue;
        if (feature->loaded)
            return 0;
        feature->loaded = -1; /* not again, while it is being initialized */
        feature->extension->init();
        feature->loaded = ++loaded_count;
        return 1;
    }
    raise("cannot load such file -- ", name);
}

void each_feature(int loaded_only, void (*show)(const char *name)) {
    if (!loaded_only)
        for (int i = 0; i < feature_count; i++)
            show(features[i].extension->feature);
    for (int number = 1; loaded_only && number <= loaded_count; number++)
        for (int i = 0; i < feature_count; i++)
            if (features[i].loaded == number)
                show(features[i].extension->feature);
}

static struct {
    const char *module, *name;
    method *call;
} methods[32];
static int method_count;

EXPORTED void define_method(const char *module, const char *name, method *call) {
    if (method_count == sizeof methods / sizeof *methods)
        __builtin_trap();
    methods[method_count].module = module;
    methods[method_count].name = name;
    methods[method_count++].call = call;
}

EXPORTED object *call(const char *module, const char *name, object *argument) {
    for (int i = 0; i < method_count; i++)
        if (equal(methods[i].module, module) && equal(methods[i].name, name))
            return methods[i].call(argument);
    raise("undefined method ", name);
}

static struct handler {
    struct jump jump;
    struct handler *outer;
} *handlers;
static object *raised;

EXPORTED object *rescue(method *body, object *argument, object **error) {
    struct handler handler;
    handler.outer = handlers;
    if (jump_set(&handler.jump) == 0) {
        handlers = &handler;
        *error = 0;
        object *result = body(argument);
        handlers = handler.outer;
        return result;
    }
    handlers = handler.outer;
    *error = raised;
    return 0;
}

EXPORTED void raise(const char *message, const char *detail) {
    raised = new_text(message);
    unsigned i = 0;
    while (raised->text[i])
        i++;
    for (; *detail && i + 1 < sizeof raised->text; i++)
        raised->text[i] = *detail++;
    raised->text[i] = 0;
    if (!handlers)
        __builtin_trap();
    jump_to(&handlers->jump, 1);
    __builtin_unreachable();
}
