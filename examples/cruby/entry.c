/* Registers one extension. It is compiled for each, and put into the extension's archive. */

#include "extension.h"

void INIT(void);

__attribute__((section("RUBY_EXTENSIONS"), used)) static const struct ruby_extension entry = { FEATURE, INIT };
