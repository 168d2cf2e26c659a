//! The packages as they are published, and the two ways to use `linkme` and `inventory` from them: under a name
//! of their own, and as a patch for other crates. A directory stands in for the registry.

use crate::support::module::contains;
use crate::support::rust::{TARGET, cargo};
use crate::support::workspace::{copy, root, write};
use crate::support::{Instance, linker};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

const LICENCES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];
/// What each package may hold beside its licences.
const FILES: [&str; 6] = [
    ".cargo_vcs_info.json",
    "Cargo.lock",
    "Cargo.toml",
    "Cargo.toml.orig",
    "README.md",
    "src",
];
/// What else some may hold.
const MORE: [(&str, &str); 3] = [
    ("wasm-section-ld", "CHANGELOG.md"),
    ("wasm-section-ld", "linker-scripts"),
    ("wasm-section-linkme-impl", "build.rs"),
];

fn directory() -> PathBuf {
    root().join("target/tests/publishing")
}

/// Runs a command, which must succeed, and returns its output.
fn run(command: &mut Command) -> String {
    let output = command.output().expect("a command that runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout);
    assert!(
        output.status.success(),
        "{command:?}\n{said}{}",
        text(&output.stderr)
    );
    said
}

/// All packages that are published, unpacked: directories that are named by package and version.
static PACKAGES: LazyLock<Vec<PathBuf>> = LazyLock::new(|| {
    let target = directory().join("target");
    let packed = target.join("package");
    let _ = fs::remove_dir_all(&packed);
    run(cargo()
        .args(["package", "--workspace", "--no-verify", "--allow-dirty"])
        .args(["--locked", "--offline", "--quiet", "--target-dir"])
        .arg(&target)
        .current_dir(root()));
    let unpacked = directory().join("packages");
    let _ = fs::remove_dir_all(&unpacked);
    fs::create_dir_all(&unpacked).expect("a directory");
    let files = fs::read_dir(&packed).expect("packages");
    let files = files.map(|file| file.expect("a file").path());
    let mut packages = Vec::new();
    for file in files.filter(|file| file.extension().is_some_and(|name| name == "crate")) {
        run(Command::new("tar")
            .arg("xzf")
            .arg(&file)
            .arg("-C")
            .arg(&unpacked));
        packages.push(unpacked.join(file.file_stem().expect("a name")));
    }
    packages.sort();
    packages
});

/// The name of a package, without its version.
fn name(package: &Path) -> String {
    let name = package.file_name().expect("a name").to_string_lossy();
    let (name, _) = name.rsplit_once('-').expect("a name and a version");
    name.to_owned()
}

#[test]
fn what_is_published() {
    let names: Vec<_> = PACKAGES.iter().map(|package| name(package)).collect();
    let expected = [
        "link-section-name",
        "wasm-section-inventory-impl",
        "wasm-section-inventory",
        "wasm-section-ld",
        "wasm-section-linkme-impl",
        "wasm-section-linkme",
        "wasm-section-manifest",
        "wasm-sections",
    ];
    let sorted = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let expected: BTreeSet<String> = sorted(&expected);
    assert_eq!(names.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn packages_have_licences_and_only_what_belongs_there() {
    for package in PACKAGES.iter() {
        let name = name(package);
        for licence in LICENCES {
            let content = |directory: &Path| fs::read(directory.join(licence)).expect(licence);
            assert_eq!(content(package), content(root()), "{licence} of {name}");
        }
        let more = MORE.iter().filter(|(of, _)| *of == name);
        let allowed: BTreeSet<_> = FILES
            .into_iter()
            .chain(LICENCES)
            .chain(more.map(|(_, file)| *file))
            .map(str::to_owned)
            .collect();
        let files = fs::read_dir(package).expect("a package");
        let files = files.map(|file| file.expect("a file").file_name());
        let files: BTreeSet<_> = files
            .map(|file| file.to_string_lossy().into_owned())
            .collect();
        let others: Vec<_> = files.difference(&allowed).collect();
        assert!(others.is_empty(), "{name}: {others:?}");
        let manifest = fs::read_to_string(package.join("Cargo.toml")).expect("a manifest");
        let has_readme = manifest.contains("readme = \"README.md\"");
        assert_eq!(files.contains("README.md"), has_readme, "{name}");
        assert!(
            has_readme || name.ends_with("-impl") || name == "link-section-name",
            "{name} has no README"
        );
        // Compilers before 1.84 know no later resolver, and those of `rust-version` must read the manifest.
        assert!(!manifest.contains("resolver = \"3\""), "{name}");
    }
}

/// Some manifests cannot inherit it: see Cargo.toml.
#[test]
fn every_package_names_the_same_repository() {
    let of = |manifest: &Path| {
        let text = fs::read_to_string(manifest).expect("a manifest");
        let lines = text
            .lines()
            .filter_map(|line| line.strip_prefix("repository = "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let whole = of(&root().join("Cargo.toml"));
    assert_eq!(whole.len(), 1);
    for package in fs::read_dir(root().join("crates")).expect("a directory") {
        let manifest = package.expect("an entry").path().join("Cargo.toml");
        let Ok(text) = fs::read_to_string(&manifest) else {
            continue;
        };
        if !text.contains("\npublish = false\n")
            && !text.contains("\nrepository.workspace = true\n")
        {
            assert_eq!(of(&manifest), whole, "{}", manifest.display());
        }
    }
}

/// A directory with the packages of this repository, and with all that they and the originals depend on.
static REGISTRY: LazyLock<PathBuf> = LazyLock::new(|| {
    let registry = directory().join("registry");
    let _ = fs::remove_dir_all(&registry);
    let originals = root().join("tests/fixtures/originals/sources");
    // Tests of the originals' sources may have fetched them already, so this may be offline.
    run(cargo()
        .args(["vendor", "--locked", "--quiet"])
        .arg(&registry)
        .current_dir(originals));
    for package in PACKAGES.iter() {
        let place = registry.join(package.file_name().expect("a name"));
        copy(package, &place);
        write(&place.join(".cargo-checksum.json"), br#"{"files":{}}"#);
    }
    newer_original(&registry);
    registry
});

/// An original that is published after ours: the patch is in force all the same.
fn newer_original(registry: &Path) {
    let newer = registry.join("linkme-newer");
    copy(&registry.join("linkme"), &newer);
    let manifest = fs::read_to_string(newer.join("Cargo.toml")).expect("a manifest");
    let newest = manifest.replace("version = \"0.3.37\"", "version = \"0.3.99\"");
    assert_ne!(newest, manifest);
    write(&newer.join("Cargo.toml"), newest.as_bytes());
    write(&newer.join(".cargo-checksum.json"), br#"{"files":{}}"#);
}

/// This repository as it is now, with a tag.
fn repository(tag: &str) -> String {
    let repository = directory().join("repository");
    let _ = fs::remove_dir_all(&repository);
    fs::create_dir_all(&repository).expect("a directory");
    let git = |arguments: &[&str]| {
        run(Command::new("git")
            .arg(format!("--git-dir={}", repository.display()))
            .arg(format!("--work-tree={}", root().display()))
            .args(["-c", "user.name=test", "-c", "user.email=test@localhost"])
            .args(["-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"])
            .args(arguments)
            .current_dir(root()));
    };
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--no-verify", "-m", "release"]);
    git(&["tag", tag]);
    format!("file://{}", repository.display())
}

/// The only block of docs/migrate.md that is opened by ```` ```toml NAME ````.
fn recipe(name: &str) -> String {
    let text = fs::read_to_string(root().join("docs/migrate.md")).expect("a file");
    let opening = format!("```toml {name}\n");
    let blocks: Vec<_> = text.split(&opening).skip(1).collect();
    assert_eq!(blocks.len(), 1, "{name}");
    blocks[0].split("```").next().expect("a block").to_owned()
}

const PROGRAM: &str = r#"
#[linkme::distributed_slice]
pub static NUMBERS: [u32];
#[linkme::distributed_slice(NUMBERS)]
static ONE: u32 = 1;
pub struct Number(pub u32);
inventory::collect!(Number);
inventory::submit! { Number(20) }
#[unsafe(no_mangle)]
pub extern "C" fn sum() -> u32 {
    let slice: u32 = NUMBERS.iter().sum();
    slice + inventory::iter::<Number>.into_iter().map(|number| number.0).sum::<u32>()
}
"#;

/// Uses a crate that depends on the originals: by itself, and through typetag.
const THROUGH_ANOTHER: &str = r#"
use other as _;
#[unsafe(no_mangle)]
pub extern "C" fn others() -> u32 {
    let shapes = other::shapes();
    other::VALUES.iter().sum::<u32>() + shapes.iter().map(|shape| shape.corners()).sum::<u32>()
}
"#;

const ANOTHER: &str = r#"
#[linkme::distributed_slice]
pub static VALUES: [u32];
#[linkme::distributed_slice(VALUES)]
static VALUE: u32 = 300;

#[typetag::deserialize]
pub trait Shape { fn corners(&self) -> u32; }
#[derive(serde::Deserialize)]
struct Square;
#[typetag::deserialize]
impl Shape for Square { fn corners(&self) -> u32 { 4 } }

/// One of each shape that is registered.
pub fn shapes() -> Vec<Box<dyn Shape>> {
    use serde::Deserialize;
    use serde::de::value::{Error, MapDeserializer};
    let square = MapDeserializer::<_, Error>::new(std::iter::once(("Square", ())));
    vec![Box::<dyn Shape>::deserialize(square).expect("a registered shape")]
}
"#;

struct Program {
    directory: PathBuf,
}

impl Program {
    /// A library for wasm with this end of its `Cargo.toml`. Its cargo knows no registry but the directory.
    fn new(name: &str, manifest: &str, source: &str) -> Self {
        let directory = directory().join(name);
        let _ = fs::remove_dir_all(&directory);
        let put = |path: &str, text: &str| write(&directory.join(path), text.as_bytes());
        let begin = "[workspace]\n[package]\nname = \"program\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
             [lib]\ncrate-type = [\"cdylib\"]\n[profile.dev]\ndebug = false\n";
        put("Cargo.toml", &format!("{begin}{manifest}"));
        put("src/lib.rs", source);
        put(
            ".cargo/config.toml",
            &format!(
                "[source.crates-io]\nreplace-with = \"here\"\n[source.here]\ndirectory = '{}'\n",
                REGISTRY.display()
            ),
        );
        Self { directory }
    }

    /// A cargo with a home of its own, so that nothing is found that the directory does not have.
    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = cargo();
        command
            .args(arguments)
            .current_dir(&self.directory)
            .env("CARGO_HOME", self.directory.join("home"))
            .env("CARGO_TARGET_DIR", self.directory.join("target"))
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker());
        command
    }

    fn built(&self) -> Vec<u8> {
        run(&mut self.cargo(&["build", "--quiet", "--target", TARGET]));
        let module = self.directory.join("target").join(TARGET);
        fs::read(module.join("debug/program.wasm")).expect("the module")
    }
}

#[test]
fn under_a_name_of_their_own() {
    let program = Program::new("direct", &recipe("direct"), PROGRAM);
    let module = program.built();
    assert_eq!(Instance::new(&module).call("sum", &[]), 21);
    assert!(!contains(&module, "__wasm_call_ctors"));
}

/// The patch of docs/migrate.md, with the address of a repository here.
fn patch() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let tag = format!("v{version}");
    let recipe = recipe("patch");
    assert_eq!(recipe.matches(&format!("tag = \"{tag}\"")).count(), 2);
    recipe.replace("\"…\"", &format!("\"{}\"", repository(&tag)))
}

#[test]
fn as_a_patch_for_other_crates() {
    let dependencies =
        "[dependencies]\nlinkme = \"0.3\"\ninventory = \"0.3\"\nother = { path = \"other\" }\n";
    let patch = patch();
    let source = format!("{PROGRAM}{THROUGH_ANOTHER}");
    let program = Program::new("patched", &format!("{dependencies}{patch}"), &source);
    let other = program.directory.join("other");
    write(
        &other.join("Cargo.toml"),
        b"[package]\nname = \"other\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\
          [dependencies]\nlinkme = \"0.3\"\nserde = { version = \"1\", features = [\"derive\"] }\ntypetag = \"0.2\"\n",
    );
    write(&other.join("src/lib.rs"), ANOTHER.as_bytes());
    let module = program.built();
    let mut instance = Instance::new(&module);
    assert_eq!(instance.call("sum", &[]), 21);
    assert_eq!(instance.call("others", &[]), 304);
    for name in ["linkme", "inventory"] {
        let tree = run(&mut program.cargo(&["tree", "--depth=0", "--target=all", "-i", name]));
        assert!(tree.contains("file://"), "{tree}");
    }
}
