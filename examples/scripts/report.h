// What a program of these examples does, as a text of words and numbers. The same sources make a native
// program, by gcc and GNU ld, and a module.
#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(name)))
#else
#define EXPORT(name)
#endif

void report(const char *word, int number);
EXPORT("reported") const char *reported(void);

// Each example has one.
EXPORT("run") void run(void);
