//! What the documents say, where a tool can check it: links, the man page, and where archives are downloaded from.

use crate::support::workspace::root;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|_| panic!("no {}", path.display()))
}

/// The documents of these directories: files that end in `.md`.
fn documents() -> Vec<PathBuf> {
    let crates = fs::read_dir(root().join("crates")).expect("a directory");
    let crates = crates.map(|entry| entry.expect("an entry").path());
    let directories = [".", "docs", "crates", "linker-scripts"].map(|name| root().join(name));
    let directories = directories.into_iter().chain(crates);
    let files = directories.filter_map(|directory| fs::read_dir(directory).ok());
    let files = files.flatten().map(|file| file.expect("a file").path());
    let files: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|name| name == "md"))
        .collect();
    assert!(files.len() > 15, "{files:?}");
    files
}

/// The text without code, in which brackets mean something else.
fn without_code(text: &str) -> String {
    let prose = text.split("```").step_by(2).collect::<String>();
    prose.split('`').step_by(2).collect()
}

/// The targets of `[text](target)`.
fn links(text: &str) -> Vec<String> {
    let prose = without_code(text);
    let targets = prose.split("](").skip(1);
    let targets = targets.filter_map(|rest| rest.split(')').next());
    targets.map(str::to_owned).collect()
}

/// The anchors of headings, as GitHub and crates.io make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let prose = text
        .split("\n```")
        .step_by(2)
        .collect::<Vec<_>>()
        .join("\n");
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

/// crates.io resolves links of a README as links of the repository, from the place that the README has there.
#[test]
fn links_lead_to_files_of_the_repository() {
    let mut count = 0;
    for document in documents() {
        let text = read(&document);
        for link in links(&text) {
            if link.starts_with("http") {
                continue;
            }
            count += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let to = match path {
                "" => document.clone(),
                path => document.with_file_name(path),
            };
            let place = format!("{link} in {}", document.display());
            assert!(to.exists(), "{place}");
            let inside = to.canonicalize().expect("a file");
            assert!(
                inside.starts_with(root().canonicalize().expect("a path")),
                "{place}"
            );
            if !anchor.is_empty() {
                assert!(anchors(&read(&to)).contains(anchor), "no heading: {place}");
            }
        }
    }
    assert!(count > 60, "{count} links");
}

#[test]
fn the_man_page_has_all_options() {
    let help = crate::readme::help();
    let (_, ours) = help.split_once("Additional options:").expect("options");
    let (ours, _) = ours.split_once("Entries of a section").expect("the end");
    let page = read(&root().join("docs/wasm-section-ld.1"));
    let page = ["\\fB", "\\fR", "\\fI", "\\"]
        .iter()
        .fold(page, |page, code| page.replace(code, ""));
    let names = ours.split_whitespace().filter(|word| {
        word.starts_with("--") || word.starts_with("WASM_") || word.starts_with("GLIBC_")
    });
    let names: BTreeSet<_> = names
        .filter_map(|name| name.split(['=', ',', '.']).next())
        .collect();
    assert!(names.len() > 7, "{names:?}");
    for name in names {
        assert!(page.contains(name), "{name}");
    }
}

/// `cargo binstall` fills in these addresses. `ci/release archives` names the files.
#[test]
fn archives_are_where_binstall_looks_for_them() {
    let script = read(&root().join("ci/release"));
    assert!(script.contains("name=wasm-section-ld-$version-$1"));
    assert!(script.contains("\"$out/$name.tar.gz\"") && script.contains("\"$out/$name.zip\""));
    let hosts = script
        .lines()
        .find_map(|line| line.trim().strip_prefix("hosts=(x86"));
    let hosts = format!("x86{}", hosts.expect("the hosts"));
    let hosts: BTreeSet<_> = hosts.trim_end_matches(')').split(' ').collect();
    assert_eq!(hosts.len(), 5);
    for manifest in ["Cargo.toml", "crates/wasm-sections/Cargo.toml"] {
        let text = read(&root().join(manifest));
        let (_, binstall) = text
            .split_once("[package.metadata.binstall]")
            .expect("a table");
        let urls = binstall
            .lines()
            .filter_map(|line| line.strip_prefix("pkg-url = "));
        let urls: Vec<_> = urls.collect();
        assert_eq!(urls.len(), 4, "{manifest}");
        for url in urls {
            let name = url.rsplit('/').next().expect("a name");
            let named = ["{ target }"].into_iter().chain(hosts.iter().copied());
            let expected: Vec<_> = named
                .map(|target| {
                    format!("wasm-section-ld-{{ version }}-{target}{{ archive-suffix }}\"")
                })
                .collect();
            assert!(expected.iter().any(|expected| expected == name), "{name}");
        }
    }
}
