//! The linker: see the library's documentation.

use std::process::ExitCode;

fn main() -> ExitCode {
    wasm_section_ld::driver::main(std::env::args_os())
}
