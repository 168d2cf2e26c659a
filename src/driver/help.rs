//! The part of `--help` and `--version` that comes before the backend's.

use crate::backend::Backend;

/// The version line, which is printed below that of the backend.
pub fn version() -> String {
    format!("wasm-section-ld {}\n", env!("CARGO_PKG_VERSION"))
}

/// The options of this program.
pub fn help(backend: &Backend) -> String {
    format!(
        "\
wasm-section-ld {}: wasm-ld with link sections

A drop-in for wasm-ld. The entries of a link section, from any objects and archives, become one array in
linear memory, with __start_NAME and __stop_NAME at its ends. All options of wasm-ld are accepted.

Options of its own:
  -T FILE, --script=FILE  Lay out data by a linker script in the language of GNU ld
  --section-print-script  Print the linker script in force, and stop
  --section-manifest      Record what was gathered in a custom section of the module
  --gather=PATTERN        Also gather matching sections that wasm-ld would handle itself
  --section-linker=PATH   The linker that does the linking

Environment:
  WASM_SECTION_LD_LINKER  The linker that does the linking, unless --section-linker is given
  WASM_SECTION_LD_LOG     info: what is gathered and what is not; debug: each entry too;
                          time: the time of each phase; a path: write the log to that file,
                          because cargo does not show it. Example: debug,/tmp/link.log
  WASM_SECTION_LD_MANIFEST=1  Like --section-manifest
  GLIBC_TUNABLES          If set, even to nothing, huge pages are not enabled for lld

Entries of a section NAME are data segments named NAME, custom sections named NAME, and statics
named __link_section__NAME$KEY$UNIQUE or in a module __link_section__NAME.

The linker that does the linking is {}. Its help:

",
        env!("CARGO_PKG_VERSION"),
        backend.path.display()
    )
}
