//! A real program (`program/`): some hundred crates, of which one has a registry. It is linked with our `inventory` by
//! our linker, and with that of crates.io by the backend.

use crate::cargo::{self, Profile};
use crate::crates::write;
use crate::rows::Links;
use crate::{Result, Setup};
use std::fs;
use std::path::Path;

/// How many entries it has.
const ENTRIES: usize = 129;

/// Its links: ours of our `inventory`, and the plain one of the original.
pub fn registered(setup: &Setup, profile: Profile) -> Result<Links> {
    Ok(Links {
        ours: link(setup, profile, true)?,
        plain: link(setup, profile, false)?,
        entries: ENTRIES,
    })
}

/// Its link with the original `inventory`: there is nothing to gather.
pub fn original(setup: &Setup, profile: Profile) -> Result<Links> {
    link(setup, profile, false).map(Links::same)
}

fn link(setup: &Setup, profile: Profile, ours: bool) -> Result<Vec<String>> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
    let name = if ours { "ours" } else { "original" };
    let workspace = setup.work.join(format!("program-{name}"));
    let source = sources.join("program");
    let mut manifest = fs::read_to_string(source.join("Cargo.toml"))?;
    if ours {
        let crates = fs::canonicalize(sources.join("../../../crates"))?;
        manifest += &format!(
            "\n[patch.crates-io]\ninventory = {{ path = \"{}/inventory\" }}\n",
            crates.display()
        );
    }
    write(&workspace.join("Cargo.toml"), &manifest)?;
    let library = fs::read_to_string(source.join("src/lib.rs"))?;
    write(&workspace.join("src/lib.rs"), &library)?;
    // Cargo adapts it to the patch.
    let lock = workspace.join("Cargo.lock");
    if !lock.exists() {
        fs::copy(source.join("Cargo.lock"), lock)?;
    }
    cargo::link(setup, &workspace, profile)
}
