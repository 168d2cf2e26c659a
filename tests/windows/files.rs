//! Temporary files that another process still has open.

use crate::support::{Work, built, linker, number, reading};

#[test]
fn a_child_of_the_backend_holds_them() {
    let work = Work::new();
    work.write("1.o", number(1));
    let mut command = work.command(linker());
    command.env("WASM_SECTION_LD_LINKER", built(r"examples\stand-in.exe"));
    command.env("STAND_IN", "linger").args(reading());
    let linked = work.link_by(&mut command, ["1.o"]);
    assert_eq!((linked.status, linked.stderr.as_str()), (0, ""));
}
