//! The texts of `--help` and `--version` that this program adds to those of the backend.

use crate::backend::Backend;

/// The version line, which follows the version of the backend.
pub fn version() -> String {
    format!("wasm-section-ld {}\n", env!("CARGO_PKG_VERSION"))
}

/// The help text, which precedes the help of the backend.
pub fn help(backend: &Backend) -> String {
    format!(
        "\
wasm-section-ld {}: wasm-ld with link sections

A drop-in for wasm-ld. The entries of a link section, from any objects and archives, become one array in
linear memory, with __start_NAME and __stop_NAME at its ends. All options of wasm-ld are accepted.

Additional options:
  -T FILE, --script=FILE  Lay out data with a GNU ld linker script
  --section-print-script  Print the effective linker script and exit
  --section-manifest      Record the gathered sections in a custom section of the module
  --gather=PATTERN        Also gather matching sections that wasm-ld would handle itself
  --section-keep=PATTERN  Output matching custom sections of all archive members, without their code
  --section-linker=PATH   The linker to run

Environment:
  WASM_SECTION_LD_LINKER  The linker to run, unless --section-linker is given
  WASM_SECTION_LD_LOG     info: which sections are gathered; debug: also each entry;
                          time: the time of each phase; a path: write the log to that file,
                          because cargo does not show it. Example: debug,/tmp/link.log
  WASM_SECTION_LD_MANIFEST=1  Same as --section-manifest
  GLIBC_TUNABLES          If set, even if empty, huge pages are not enabled

Entries of a section NAME are data segments named NAME, custom sections named NAME, and statics
named __link_section__NAME$KEY$UNIQUE or in a module __link_section__NAME.

The linker to run is {}. Its help:

",
        env!("CARGO_PKG_VERSION"),
        backend.path.display()
    )
}
