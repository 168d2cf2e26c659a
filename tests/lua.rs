//! `examples/lua`: Lua's standard libraries and two others, listed by section.

use crate::args;
use crate::support::examples::example;
use crate::support::{Work, setting, tool};
use std::fs;

#[test]
fn lua_opens_the_libraries_that_register_themselves() {
    let example = example("lua");
    let expected = fs::read_to_string(example.join("expected.txt")).expect("what it prints");
    let work = Work::new();
    // With one backend: most of the time is clang's and wasm-opt's.
    work.build_example("lua", tool("WSL_LUA"), &tool("WSL_WASM_LD"));
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
    assert_eq!(work.run("env", words), expected);
}
