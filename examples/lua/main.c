/* Runs the script in the first argument. */

#include <stdio.h>

#include "lauxlib.h"
#include "lua.h"
#include "lualib.h"

#include "../extensions/jump.h"

/* Lua's `os` and `io` refer to these. WASI's C library does not have them. */
int system(const char *command) { return -1; }
FILE *tmpfile(void) { return 0; }

static const char *script;
static int failed;

static void run(void) {
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    if (luaL_dofile(L, script)) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        failed = 1;
    }
    lua_close(L);
}

int main(int argc, char **argv) {
    script = argv[1];
    jump_root(run);
    return failed;
}
