//! The output of `--help` and `--version`, before that of the backend.

use crate::backend::Backend;

/// The version line, which follows that of the backend.
pub fn version() -> String {
    format!("wasm-section-ld {}\n", env!("CARGO_PKG_VERSION"))
}

/// The help text of our options.
pub fn help(backend: &Backend) -> String {
    format!(
        "\
wasm-section-ld {}: wasm-ld with link sections

A drop-in for wasm-ld. The entries of a link section, spread over objects and archives, become one
array in linear memory, with __start_NAME and __stop_NAME at its ends. Every option of wasm-ld is
passed on.

Options of its own:
  -T FILE, --script=FILE  Lay out data by this linker script, in the language of GNU ld
  --section-print-script  Print the policy in force and stop
  --section-manifest      Add a custom section to the module that lists its arrays
  --gather=PATTERN        Gather sections that match, even those that wasm-ld would handle itself
  --section-linker=PATH   The linker to run

Environment:
  WASM_SECTION_LD_LINKER  The linker to run, without --section-linker
  WASM_SECTION_LD_LOG     info: what is gathered, and what is not; debug: each entry too;
                          time: the time of each phase; a path: log to that file, as in
                          debug,/tmp/link.log (cargo hides the output of linkers)
  WASM_SECTION_LD_MANIFEST=1  The same as --section-manifest

Entries of a section NAME are data segments named NAME, custom sections named NAME, and statics
named __link_section__NAME$KEY$UNIQUE or in a module __link_section__NAME.

The linker to run is {}. Its own output:

",
        env!("CARGO_PKG_VERSION"),
        backend.path.display()
    )
}
