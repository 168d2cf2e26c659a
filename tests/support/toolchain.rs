//! The tools that `ci/setup` found. A test fails if a tool that it needs is missing.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

static SETTINGS: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/ci/toolchain.env");
    let text = fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("{}: {error}: run ci/setup first", file.display()));
    let setting = |line: &str| {
        let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
        Some((name.to_owned(), value.trim_matches('\'').to_owned()))
    };
    text.lines().filter_map(setting).collect()
});

/// A setting of `ci/setup`, which may be empty.
pub fn setting(name: &str) -> &'static str {
    SETTINGS
        .get(name)
        .unwrap_or_else(|| panic!("{name} is not set: run ci/setup again"))
}

/// A tool that `ci/setup` found.
pub fn tool(name: &str) -> PathBuf {
    let path = setting(name);
    assert!(!path.is_empty(), "ci/setup did not find {name}: install it");
    path.into()
}

/// Every installed `wasm-ld`, oldest first.
pub fn linkers() -> Vec<PathBuf> {
    let list = tool("WSL_WASM_LDS");
    let linkers: Vec<PathBuf> = std::env::split_paths(&list).collect();
    assert!(!linkers.is_empty(), "ci/setup did not find any wasm-ld");
    linkers
}
