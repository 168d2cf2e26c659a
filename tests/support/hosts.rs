//! Hosts of modules and components: scripts that run in Node, and in Python with wasmtime.

use super::{Work, setting, tool};
use crate::args;
use std::ffi::OsString;
use std::path::Path;

impl Work {
    /// Runs a script in Node here, which must go well, and gives what it printed. What it imports
    /// from `support/…` is in `tests/support`.
    pub fn node(&self, flags: &[&str], script: &str) -> String {
        let support = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support");
        let script = script.replace("support/", &format!("{}/", support.display()));
        let script = self.write("run.mjs", script);
        let flags = flags.iter().map(Into::into);
        let words = args!["--no-warnings"].into_iter().chain(flags);
        self.run(tool("WSL_NODE"), words.chain([script.into()]))
    }

    /// Runs a script in Python here, which has `wasmtime` to import, and gives what it printed.
    pub fn wasmtime(&self, script: &str) -> String {
        let script = self.write("run.py", script);
        let mut path = OsString::from("PYTHONPATH=");
        path.push(setting("WSL_PYTHONPATH"));
        self.run("env", args![path, tool("WSL_PYTHON"), script])
    }
}
