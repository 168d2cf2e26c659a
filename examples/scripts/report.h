// The output of an example, as a text of words and numbers. The same sources are built as a native program,
// with gcc and GNU ld, and as a module.
#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(name)))
#else
#define EXPORT(name)
#endif

void report(const char *word, int number);
EXPORT("reported") const char *reported(void);

// Each example has one.
EXPORT("run") void run(void);
