/* WASI's C library has no setjmp. This one is made of Asyncify: examples/extensions/jump.c. */

#include "../../extensions/jump.h"

typedef struct jump jmp_buf[1];
#define setjmp(BUFFER) jump_set(BUFFER)
#define longjmp(BUFFER, VALUE) (jump_to(BUFFER, VALUE), __builtin_unreachable())
