//! A workspace of small crates, each with registrations by linkme and inventory, and the same crates with arrays by
//! hand. Cargo builds both. The release profile has `lto = "thin"`.

use crate::cargo::{self, Profile};
use crate::rows::Links;
use crate::{Result, Setup};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// How the entries of the crates get into arrays.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Registered,
    ByHand,
}

/// Entries of a crate for linkme, and for inventory.
const SLICE_ENTRIES: usize = 4;
const COLLECTED_ENTRIES: usize = 2;

/// The links of `count` crates: ours of the registrations, and the plain one of the arrays by hand.
pub fn registered(setup: &Setup, count: usize, profile: Profile) -> Result<Links> {
    Ok(Links {
        ours: link(setup, count, profile, Way::Registered)?,
        plain: link(setup, count, profile, Way::ByHand)?,
        entries: count * (SLICE_ENTRIES + COLLECTED_ENTRIES),
    })
}

/// The link of the arrays by hand: there is nothing to gather.
pub fn by_hand(setup: &Setup, count: usize, profile: Profile) -> Result<Links> {
    link(setup, count, profile, Way::ByHand).map(Links::same)
}

/// Builds a workspace and returns the words of its link, without the output.
fn link(setup: &Setup, count: usize, profile: Profile, way: Way) -> Result<Vec<String>> {
    let name = match way {
        Way::Registered => "registered",
        Way::ByHand => "by-hand",
    };
    let workspace = setup.work.join(format!("crates-{count}-{name}"));
    write_workspace(&workspace, count, way)?;
    cargo::link(setup, &workspace, profile)
}

fn write_workspace(workspace: &Path, count: usize, way: Way) -> Result<()> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../crates");
    let crates = fs::canonicalize(crates)?;
    let registries = match way {
        Way::Registered => format!(
            "linkme = {{ package = \"wasm-section-linkme\", path = \"{0}/wasm-section-linkme\" }}\ninventory = {{ package = \"wasm-section-inventory\", path = \"{0}/wasm-section-inventory\" }}\n",
            crates.display()
        ),
        Way::ByHand => String::new(),
    };
    let mut program = manifest("program", "[lib]\ncrate-type = [\"cdylib\"]\n", "../api");
    for index in 0..count {
        writeln!(
            program,
            "plugins_{index} = {{ path = \"../plugins_{index}\" }}"
        )?;
    }
    program += match way {
        Way::Registered => "inventory.workspace = true\n",
        Way::ByHand => "",
    };
    let workspace_manifest = format!(
        "[workspace]\nresolver = \"2\"\nmembers = [\"program\"]\n\
         [workspace.dependencies]\n{registries}\
         [profile.dev]\npanic = \"abort\"\n\
         [profile.release]\nlto = \"thin\"\npanic = \"abort\"\n"
    );
    let uses = match way {
        Way::Registered => "linkme.workspace = true\ninventory.workspace = true\n",
        Way::ByHand => "",
    };
    write(&workspace.join("Cargo.toml"), &workspace_manifest)?;
    package(workspace, "program", &program, &program_source(count, way)?)?;
    let api = format!("[package]\nname = \"api\"\nedition = \"2024\"\n[dependencies]\n{uses}");
    package(workspace, "api", &api, &api_source(way))?;
    for index in 0..count {
        let name = format!("plugins_{index}");
        let manifest = manifest(&name, "", "../api") + uses;
        package(workspace, &name, &manifest, &plugins_source(index, way)?)?;
    }
    Ok(())
}

fn manifest(name: &str, more: &str, api: &str) -> String {
    format!(
        "[package]\nname = \"{name}\"\nedition = \"2024\"\n{more}\
         [dependencies]\napi = {{ path = \"{api}\" }}\n"
    )
}

fn package(workspace: &Path, name: &str, manifest: &str, source: &str) -> Result<()> {
    write(&workspace.join(name).join("Cargo.toml"), manifest)?;
    write(&workspace.join(name).join("src/lib.rs"), source)
}

/// Writes a file, unless it has these contents: cargo goes by its time.
pub fn write(file: &Path, text: &str) -> Result<()> {
    if fs::read(file).ok().as_deref() != Some(text.as_bytes()) {
        fs::create_dir_all(file.parent().unwrap_or(file))?;
        fs::write(file, text)?;
    }
    Ok(())
}

fn api_source(way: Way) -> String {
    let registries = match way {
        Way::Registered => {
            "#[linkme::distributed_slice]\npub static PLUGINS: [Plugin];\ninventory::collect!(Command);\n"
        }
        Way::ByHand => "",
    };
    format!(
        "pub struct Plugin {{ pub name: &'static str, pub run: fn(u32) -> u32 }}\n\
         pub struct Command {{ pub name: &'static str, pub run: fn(u32) -> u32 }}\n\
         {registries}"
    )
}

/// A crate: a function for each entry, and the entries.
fn plugins_source(index: usize, way: Way) -> Result<String> {
    let mut source = String::new();
    for entry in 0..SLICE_ENTRIES + COLLECTED_ENTRIES {
        writeln!(
            source,
            "fn run_{entry}(n: u32) -> u32 {{\n\
                 let text = format!(\"{index} {entry} {{n}}\");\n\
                 text.bytes().fold(n, |sum, byte| sum.wrapping_mul(31) ^ u32::from(byte))\n\
             }}"
        )?;
        let value = format!("{{ name: \"plugin {index} {entry}\", run: run_{entry} }}");
        let is_slice = entry < SLICE_ENTRIES;
        let kind = if is_slice { "Plugin" } else { "Command" };
        match way {
            Way::ByHand => {
                writeln!(
                    source,
                    "pub static E{entry}: api::{kind} = api::{kind} {value};"
                )?;
            }
            Way::Registered if is_slice => writeln!(
                source,
                "#[linkme::distributed_slice(api::PLUGINS)]\n\
                 static E{entry}: api::Plugin = api::Plugin {value};"
            )?,
            Way::Registered => writeln!(source, "inventory::submit!(api::Command {value});")?,
        }
    }
    Ok(source)
}

/// The program, which walks both arrays.
fn program_source(count: usize, way: Way) -> Result<String> {
    let mut source = String::new();
    let (plugins, commands) = match way {
        Way::Registered => {
            for index in 0..count {
                writeln!(source, "use plugins_{index} as _;")?;
            }
            ("api::PLUGINS.iter()", "inventory::iter::<api::Command>")
        }
        Way::ByHand => {
            for (name, kind, entries) in [
                ("PLUGINS", "Plugin", 0..SLICE_ENTRIES),
                (
                    "COMMANDS",
                    "Command",
                    SLICE_ENTRIES..SLICE_ENTRIES + COLLECTED_ENTRIES,
                ),
            ] {
                let length = count * entries.len();
                writeln!(source, "static {name}: [&api::{kind}; {length}] = [")?;
                for index in 0..count {
                    for entry in entries.clone() {
                        writeln!(source, "&plugins_{index}::E{entry},")?;
                    }
                }
                writeln!(source, "];")?;
            }
            ("PLUGINS.iter()", "COMMANDS.iter()")
        }
    };
    writeln!(
        source,
        "#[unsafe(no_mangle)] pub extern \"C\" fn run(n: u32) -> u32 {{\n\
             let mut sum = n;\n\
             for plugin in {plugins} {{ sum ^= (plugin.run)(n).wrapping_add(plugin.name.len() as u32); }}\n\
             for command in {commands} {{ sum ^= (command.run)(n).wrapping_add(command.name.len() as u32); }}\n\
             sum\n\
         }}"
    )?;
    Ok(source)
}
