/* In place of Lua's linit.c, which has a list of the standard libraries. */

#include "lua.h"
#include "lauxlib.h"
#include "lualib.h"

extern const luaL_Reg lua_libraries[];

void luaL_openlibs(lua_State *L) {
    for (const luaL_Reg *library = lua_libraries; library->func; library++) {
        luaL_requiref(L, library->name, library->func, 1);
        lua_pop(L, 1);
    }
}
