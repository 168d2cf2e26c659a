/* setjmp and longjmp on binaryen's Asyncify: `jump_set` and `jump_to`. They work in a function that `jump_root`
   calls, and in what that calls. */

struct jump {
    char *top, *end;   /* Asyncify's record: where it writes frames, or reads them */
    char *saved;       /* the top when all frames were saved */
    char *stack;       /* the stack pointer */
    int value;
    char frames[8192]; /* each function's locals, and where it was */
};

__attribute__((returns_twice)) int jump_set(struct jump *jump);
void jump_to(struct jump *jump, int value); /* unwinds its caller */
void jump_root(void (*run)(void));

/* The stack pointer: C's own stack is in linear memory, and grows down to 0. */
char *stack_pointer(void);
