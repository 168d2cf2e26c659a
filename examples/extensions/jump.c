#include "jump.h"

#define ASYNCIFY(NAME) __attribute__((import_module("asyncify"), import_name(#NAME)))

ASYNCIFY(start_unwind) void start_unwind(void *record);
ASYNCIFY(stop_unwind) void stop_unwind(void);
ASYNCIFY(start_rewind) void start_rewind(void *record);
ASYNCIFY(stop_rewind) void stop_rewind(void);

void set_stack_pointer(char *pointer);

__asm__(".globaltype __stack_pointer, i32\n"
        ".hidden stack_pointer\n"
        ".globl stack_pointer\n"
        "stack_pointer:\n"
        ".functype stack_pointer () -> (i32)\n"
        "global.get __stack_pointer\n"
        "end_function\n"
        ".hidden set_stack_pointer\n"
        ".globl set_stack_pointer\n"
        "set_stack_pointer:\n"
        ".functype set_stack_pointer (i32) -> ()\n"
        "local.get 0\n"
        "global.set __stack_pointer\n"
        "end_function\n");

static struct jump *target;    /* where the frames are being unwound for */
static struct jump *rewinding; /* whose frames are being rewound */

/* Saves all frames: unwinds them, and `jump_root` rewinds them at once, to here. */
__attribute__((noinline)) int jump_set(struct jump *jump) {
    if (rewinding == jump) {
        rewinding = 0;
        stop_rewind();
        return jump->value;
    }
    jump->top = jump->frames;
    jump->end = jump->frames + sizeof jump->frames;
    jump->saved = 0;
    jump->stack = stack_pointer();
    jump->value = 0;
    target = jump;
    start_unwind(jump);
    return 0;
}

/* Unwinds all frames, which are not needed, and `jump_root` rewinds those that `jump_set` saved. */
__attribute__((noinline)) void jump_to(struct jump *jump, int value) {
    static struct jump unneeded;
    unneeded.top = unneeded.frames;
    unneeded.end = unneeded.frames + sizeof unneeded.frames;
    jump->value = value;
    target = jump;
    start_unwind(&unneeded);
}

__attribute__((noinline)) void jump_root(void (*run)(void)) {
    run();
    while (target) {
        stop_unwind();
        rewinding = target;
        target = 0;
        if (!rewinding->saved)
            rewinding->saved = rewinding->top;
        rewinding->top = rewinding->saved;
        /* Unwinding leaves the stack pointer where it was. */
        set_stack_pointer(rewinding->stack);
        start_rewind(rewinding);
        run();
    }
}
