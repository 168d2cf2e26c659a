/* What the interpreter runs. It requires extensions and calls their methods; `run` returns the lines that it says. */

#include "collector.h"
#include "extension.h"
#include "interpreter.h"
#include "jump.h"

static char said[4096];
static int length;

static void say(const char *text) {
    while (*text && length < (int)sizeof said)
        said[length++] = *text++;
}

static void say_number(int number) {
    if (number < 0) {
        say("-");
        number = -number;
    }
    if (number >= 10)
        say_number(number / 10);
    say((char[]) { (char)('0' + number % 10), 0 });
}

static void say_feature(const char *name) {
    say(" ");
    say(name);
}

static void say_loaded(void) {
    say("loaded:");
    each_feature(1, say_feature);
    say("\n");
}

static void say_object(const object *object) {
    if (object->text[0])
        say(object->text);
    else
        say_number(object->number);
}

static object *require_text(object *argument) { return new_number(require(argument->text)); }

static void require_and_say(const char *feature) {
    object *error, *loaded = rescue(require_text, new_text(feature), &error);
    say("require ");
    say(feature);
    say(loaded && loaded->number ? ": loaded\n" : loaded ? ": loaded already\n" : ": error: ");
    if (error) {
        say(error->text);
        say("\n");
    }
}

static const char *module, *name;

static object *call_now(object *argument) { return call(module, name, argument); }

static object *call_and_say(const char *in, const char *method, object *argument) {
    object *error, *result;
    say(module = in);
    say(".");
    say(name = method);
    say("(");
    say_object(argument);
    say(")");
    result = rescue(call_now, argument, &error);
    say(result ? " = " : " raises: ");
    say_object(result ? result : error);
    say("\n");
    return result;
}

static void run_all(void) {
    say("in the table:");
    each_feature(0, say_feature);
    say("\n");
    say_loaded();
    call_and_say("digest", "fnv1a", new_text("before"));
    require_and_say("digest/fnv1a");
    say_loaded();
    require_and_say("digest");
    require_and_say("digest/fnv1a");
    require_and_say("zlib");
    require_and_say("journal");
    require_and_say("digits");
    say_loaded();

    call_and_say("digest", "fnv1a", new_text("a"));
    call_and_say("digest", "fnv1a", new_text("foobar"));
    call_and_say("digits", "sum", new_number(12345));
    call_and_say("digits", "sum", new_number(-1));
    call_and_say("digits", "sum", new_number(999));
    call_and_say("journal", "add", new_text("the first entry"));
    call_and_say("journal", "add_digest", new_text("foobar"));
    call_and_say("journal", "newest", new_number(0));
    call_and_say("journal", "add_digest", new_number(0));
    call_and_say("journal", "newest", new_number(0));

    call_and_say("journal", "churn", new_number(1000));
    call_and_say("journal", "oldest", new_number(0));
    call_and_say("journal", "newest", new_number(0));
    call_and_say("digits", "calls", new_number(0));
    call_and_say("digits", "total", new_number(0));
    say(objects_made() > 1000 && objects_freed() >= objects_made() - objects_possible()
            ? "objects: most of more than 1000 are freed\n"
            : "objects: wrong\n");
}

/* The export `run: func() -> string` by the component model's canonical ABI: the address and the length of the
   text, stored where the returned pointer says. */
__attribute__((export_name("run"))) const void *run(void) {
    static struct {
        const char *text;
        int length;
    } string;
    length = 0;
    jump_root(run_all);
    string.text = said;
    string.length = length;
    return &string;
}
