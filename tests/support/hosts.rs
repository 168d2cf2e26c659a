//! Hosts of modules and components: scripts for Node, and for Python with wasmtime.

use super::{Work, setting, tool};
use crate::args;
use std::ffi::OsString;
use std::path::Path;

impl Work {
    /// Runs a Node script in this directory and returns its output. It must succeed. It can import files from
    /// `support/…`, which is `tests/support`.
    pub fn node(&self, flags: &[&str], script: &str) -> String {
        let support = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support");
        let script = script.replace("support/", &format!("{}/", support.display()));
        let script = self.write("run.mjs", script);
        let flags = flags.iter().map(Into::into);
        let arguments = args!["--no-warnings"].into_iter().chain(flags);
        self.run(tool("WSL_NODE"), arguments.chain([script.into()]))
    }

    /// Runs a Python script in this directory and returns its output. It must succeed. It can import
    /// `wasmtime`.
    pub fn wasmtime(&self, script: &str) -> String {
        let script = self.write("run.py", script);
        let mut path = OsString::from("PYTHONPATH=");
        path.push(setting("WSL_PYTHONPATH"));
        self.run("env", args![path, tool("WSL_PYTHON"), script])
    }
}
