/* What the interpreter and its extensions share. */

/* An extension: the name that `require` looks up, and the function that defines its methods. */
struct extension {
    const char *feature;
    void (*init)(void);
};

/* Registers an extension in the module that its file is linked into: the program, or a library. */
#define EXTENSION(FEATURE, INIT) \
    __attribute__((section("EXTENSIONS"), used)) static const struct extension registered = { FEATURE, INIT }

/* Any value. The collector frees objects to which no pointer is left in memory. */
typedef struct object object;
struct object {
    object *link; /* another object that this one keeps */
    int number;
    char text[40];
};

object *new_number(int number);
object *new_text(const char *text);

/* Methods are found by name, and called through the table. */
typedef object *method(object *argument);
void define_method(const char *module, const char *name, method *call);
object *call(const char *module, const char *name, object *argument);

/* Initializes an extension the first time that its feature is required, and returns whether it did. */
int require(const char *feature);

/* Calls `body`. If it raises an error, returns null, with the error in `error`. */
object *rescue(method *body, object *argument, object **error);
_Noreturn void raise(const char *message, const char *detail);

/* Adds the extensions of a module to the table that `require` looks up. It initializes none. */
void add_extensions(const struct extension *start, const struct extension *stop);
