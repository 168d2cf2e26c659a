//! A registry of commands, in C and in Rust, for programs that print the result of each command.

/// Entries in C. `FIRST` and `SECOND` are the names of the commands.
const ENTRIES: &str = r#"
    struct command { const char *name; int (*run)(int); };
    static int FIRST(int n) { return 2 * n; }
    static int SECOND(int n) { return n * n; }
    static const struct command a __asm__("__link_section__COMMANDS$$a")
        __attribute__((used)) = { "FIRST", FIRST };
    __attribute__((section("COMMANDS"), used)) static const struct command b = { "SECOND", SECOND };
"#;

/// A C function that prints the result of each command and returns the number of commands.
pub const LIST: &str = r#"
    #include <stdio.h>
    struct command { const char *name; int (*run)(int); };
    extern const struct command __start_COMMANDS[], __stop_COMMANDS[];
    __attribute__((used)) int list(int n) {
        for (const struct command *c = __start_COMMANDS; c < __stop_COMMANDS; c++)
            printf("%s %d\n", c->name, c->run(n));
        return __stop_COMMANDS - __start_COMMANDS;
    }
"#;

/// A C program that lists the results of two commands for 5.
pub const MAIN: &str = "int list(int); int main(void) { return list(5) != 2; }";

/// The output of the C program with `entries("twice", "square")`.
pub const LISTED: &str = "twice 10\nsquare 25\n";

/// C code with two commands with these names. They double and square their argument.
pub fn entries(first: &str, second: &str) -> String {
    ENTRIES.replace("FIRST", first).replace("SECOND", second)
}

/// Rust code with another entry and `lines`, which returns the result of each command for 5.
pub const RUST: &str = r#"
    use std::ffi::{CStr, c_char};
    #[repr(C)]
    pub struct Command { name: *const c_char, run: extern "C" fn(i32) -> i32 }
    unsafe impl Sync for Command {}
    extern "C" fn negate(n: i32) -> i32 { -n }
    pub mod __link_section__COMMANDS {
        use super::*;
        #[used] static NEGATE: Command = Command { name: c"negate".as_ptr(), run: negate };
    }
    unsafe extern "C" {
        static __start_COMMANDS: [Command; 0];
        static __stop_COMMANDS: [Command; 0];
    }
    pub fn lines() -> Vec<String> {
        let (start, stop) = (&raw const __start_COMMANDS, &raw const __stop_COMMANDS);
        let count = (stop.addr() - start.addr()) / size_of::<Command>();
        let commands = unsafe { core::slice::from_raw_parts(start.cast::<Command>(), count) };
        let name = |command: &Command| unsafe { CStr::from_ptr(command.name) }.to_str().unwrap();
        let mut lines: Vec<_> =
            commands.iter().map(|c| format!("{} {}", name(c), (c.run)(5))).collect();
        lines.sort();
        lines
    }
"#;

/// A Rust program that prints the lines.
pub const RUST_MAIN: &str = r#"fn main() { println!("{}", lines().join("\n")); }"#;

/// The output of the Rust program with `entries("twice", "square")`.
pub const RUST_LISTED: &str = "negate -5\nsquare 25\ntwice 10\n";
