/* Declarations for the host and its extension libraries. */

struct method {
    const char *name;
    int (*call)(int);
};

struct extension {
    const char *name;
    void (*init)(void);
    const struct method *methods;
    int method_count;
};

/* An extension, registered in the library that its file is linked into. */
#define EXTENSION(NAME, INIT, METHODS) \
    __attribute__((section("EXTENSIONS"), used)) \
    static const struct extension extension_##NAME = { \
        #NAME, INIT, METHODS, sizeof METHODS / sizeof *METHODS \
    }

/* A library with its array of extensions. */
struct library {
    const struct extension *start, *stop;
    struct library *next;
};

/* Functions of the host that libraries and extensions call. */
void host_add_library(struct library *library);
int host_sum(const int *numbers, int count);
