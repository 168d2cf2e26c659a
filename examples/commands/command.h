/* A registry of commands: COMMAND(name) anywhere in the program, and a loop over all of them. */
#ifndef COMMAND_H
#define COMMAND_H

struct command {
    const char *name;
    int (*run)(int);
};

#define COMMAND(function) \
    __attribute__((section("COMMANDS"), used)) \
    static const struct command command_##function = { #function, function }

extern const struct command __start_COMMANDS[], __stop_COMMANDS[];

#define FOR_EACH_COMMAND(c) \
    for (const struct command *c = __start_COMMANDS; c < __stop_COMMANDS; c++)

#endif
