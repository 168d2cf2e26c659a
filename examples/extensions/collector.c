/* Objects, and a conservative mark-and-sweep collector: what looks like an object's address, anywhere in
   memory, keeps the object. So a static variable of an extension keeps objects without being announced. */

#include "extension.h"
#include "collector.h"
#include "jump.h"

static struct slot {
    object object;
    char used, marked;
} heap[64];
#define HEAP_END (heap + sizeof heap / sizeof *heap)

static int made, freed;

static void mark(const void *address) {
    const char *pointer = address;
    if (pointer < (char *)heap || pointer >= (char *)HEAP_END || (pointer - (char *)heap) % sizeof *heap)
        return;
    struct slot *slot = (struct slot *)pointer;
    if (!slot->used || slot->marked)
        return;
    slot->marked = 1;
    mark(slot->object.link);
}

static void mark_between(const void *start, const void *stop) {
    for (void *const *word = start; word < (void *const *)stop; word++)
        mark(*word);
}

static __attribute__((noinline)) void collect(void) {
    /* Local variables of WebAssembly are not in memory. This writes them to this function's frame. */
    struct jump locals;
    jump_set(&locals);
    /* The stack is first in memory, and what is below the stack pointer is no longer used. */
    mark_between(stack_pointer(), heap);
    mark_between(HEAP_END, (void *)(__builtin_wasm_memory_size(0) << 16));
    for (struct slot *slot = heap; slot < HEAP_END; slot++) {
        freed += slot->used && !slot->marked;
        slot->used = slot->marked;
        slot->marked = 0;
    }
}

static struct slot *unused(void) {
    for (struct slot *slot = heap; slot < HEAP_END; slot++)
        if (!slot->used)
            return slot;
    return 0;
}

__attribute__((visibility("default"))) object *new_number(int number) {
    struct slot *slot = unused();
    if (!slot) {
        collect();
        slot = unused();
    }
    if (!slot)
        __builtin_trap(); /* everything is in use */
    made++;
    slot->used = 1;
    slot->object.link = 0;
    slot->object.number = number;
    slot->object.text[0] = 0;
    return &slot->object;
}

__attribute__((visibility("default"))) object *new_text(const char *text) {
    object *object = new_number(0);
    unsigned i = 0;
    for (; text[i] && i + 1 < sizeof object->text; i++)
        object->text[i] = text[i];
    object->text[i] = 0;
    return object;
}

int objects_made(void) { return made; }
int objects_freed(void) { return freed; }
int objects_possible(void) { return sizeof heap / sizeof *heap; }
