/* Included before the source of a library (`clang -include`): registers LUA_LIBRARY_NAME, which LUA_LIBRARY_OPEN
   opens. An entry has the layout of a luaL_Reg. */

struct lua_State;
extern int LUA_LIBRARY_OPEN(struct lua_State *);

__attribute__((section("LUA_LIBRARIES." LUA_LIBRARY_NAME), used)) static const struct {
    const char *name;
    int (*open)(struct lua_State *);
} registered = { LUA_LIBRARY_NAME, LUA_LIBRARY_OPEN };
