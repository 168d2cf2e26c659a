/* A library of ours. */

#include "lauxlib.h"
#include "lua.h"

static int count(lua_State *L) {
    const char *text = luaL_checkstring(L, 1);
    int words = 0;
    for (int inside = 0; *text; text++) {
        words += !inside && *text != ' ';
        inside = *text != ' ';
    }
    lua_pushinteger(L, words);
    return 1;
}

/* Calls a function with each word. */
static int each(lua_State *L) {
    const char *text = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    while (*text) {
        const char *end = text;
        while (*end && *end != ' ')
            end++;
        if (end > text) {
            lua_pushvalue(L, 2);
            lua_pushlstring(L, text, end - text);
            lua_call(L, 1, 0);
        }
        text = *end ? end + 1 : end;
    }
    return 0;
}

int luaopen_words(lua_State *L) {
    static const luaL_Reg functions[] = { { "count", count }, { "each", each }, { 0, 0 } };
    luaL_newlib(L, functions);
    return 1;
}
