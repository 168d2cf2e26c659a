//! Scripts that run in Node, beside the modules that they load.

use super::{Work, tool};
use crate::args;
use std::path::Path;

impl Work {
    /// Runs a script here, which must go well, and gives what it printed. What it imports from
    /// `support/…` is in `tests/support`.
    pub fn node(&self, flags: &[&str], script: &str) -> String {
        let support = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support");
        let script = script.replace("support/", &format!("{}/", support.display()));
        let script = self.write("run.mjs", script);
        let flags = flags.iter().map(Into::into);
        let words = args!["--no-warnings"].into_iter().chain(flags);
        self.run(tool("WSL_NODE"), words.chain([script.into()]))
    }
}
