/* In place of the file that CRuby's build generates, which has a call of `ruby_init_ext` for each extension. */

#include "extension.h"

extern const struct ruby_extension __start_RUBY_EXTENSIONS[], __stop_RUBY_EXTENSIONS[];

/* CRuby: adds an extension to the table that `require` looks up. */
void ruby_init_ext(const char *feature, void (*init)(void));

void Init_ext(void) {
    for (const struct ruby_extension *e = __start_RUBY_EXTENSIONS; e < __stop_RUBY_EXTENSIONS; e++)
        ruby_init_ext(e->feature, e->init);
}
