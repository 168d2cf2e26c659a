/* The host. Libraries register their extensions with it when they are loaded. */

#include "extension.h"

static struct library *libraries;
static int initialized;

__attribute__((visibility("default"))) void host_add_library(struct library *library) {
    struct library **last = &libraries;
    while (*last)
        last = &(*last)->next;
    *last = library;
}

__attribute__((visibility("default"))) int host_sum(const int *numbers, int count) {
    int sum = 0;
    while (count > 0)
        sum += numbers[--count];
    return sum;
}

static void initialize(void) {
    if (initialized++)
        return;
    for (struct library *library = libraries; library; library = library->next)
        for (const struct extension *e = library->start; e < library->stop; e++)
            e->init();
}

/* The extension at `index`, in all libraries. */
static const struct extension *extension(int index) {
    initialize();
    for (struct library *library = libraries; library; library = library->next) {
        int count = library->stop - library->start;
        if (index < count)
            return &library->start[index];
        index -= count;
    }
    __builtin_trap();
}

/* The exports of host.wit, by the component model's canonical ABI: a string is its address and its
   length, stored where the returned pointer says. */
struct string {
    const char *bytes;
    int length;
};

static const struct string *string(const char *text) {
    static struct string string;
    string.bytes = text;
    for (string.length = 0; text[string.length]; string.length++);
    return &string;
}

__attribute__((export_name("extension-count"))) int extension_count(void) {
    int count = 0;
    for (struct library *library = libraries; library; library = library->next)
        count += library->stop - library->start;
    return count;
}

__attribute__((export_name("extension-name"))) const struct string *extension_name(int index) {
    return string(extension(index)->name);
}

__attribute__((export_name("method-count"))) int method_count(int index) {
    return extension(index)->method_count;
}

__attribute__((export_name("method-name"))) const struct string *method_name(int index, int method) {
    return string(extension(index)->methods[method].name);
}

__attribute__((export_name("call"))) int call(int index, int method, int argument) {
    return extension(index)->methods[method].call(argument);
}
