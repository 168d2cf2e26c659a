//! `examples/lua`: Lua's standard libraries and two others, listed by section.

use crate::args;
use crate::support::examples::example;
use crate::support::{Work, linkers, setting, tool};
use std::fs;

#[test]
fn lua_opens_the_libraries_that_register_themselves() {
    let example = example("lua");
    let expected = fs::read_to_string(example.join("expected.txt")).expect("what it prints");
    let work = Work::new();
    // Of the backends, the oldest and the newest: most of the time is wasm-opt's.
    let backends = linkers();
    for backend in backends.first().into_iter().chain(backends.last()) {
        work.build_example("lua", tool("WSL_LUA"), backend);
        let packages = format!("PYTHONPATH={}", setting("WSL_PYTHONPATH"));
        let (run, program) = (example.join("run.py"), work.file("lua.wasm"));
        let words = args![
            packages,
            tool("WSL_PYTHON"),
            run,
            program,
            example,
            "/program.lua"
        ];
        assert_eq!(work.run("env", words), expected, "{}", backend.display());
    }
}
