//! The linker that encodes every input anew (`tests/programs/reencode.rs`) must do what `ci/lld-tests` and
//! `tests/differential/plain.rs` take for granted: the backend gets other bytes than the inputs', which
//! say the same.

use crate::args;
use crate::support::{Work, linkers, reencoder};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use wasm_encoder::RawSection;
use wasm_section_ld::input::{ArchiveContent, archive_members};
use wasm_section_ld::wasm::{Object, Sections};
use wasmparser::BinaryReader;

/// What an object says, whatever the length of its numbers.
fn meaning(bytes: &[u8]) -> impl PartialEq + std::fmt::Debug + use<> {
    let bytes = bytes.into();
    let object = Object::parse(&bytes).expect("an object");
    let symbols: Vec<_> = object
        .symbols
        .iter()
        .map(|symbol| (symbol.name.to_owned(), symbol.flags, symbol.definition()))
        .collect();
    let segments: Vec<_> = object
        .segments
        .iter()
        .map(|segment| (segment.name.to_owned(), segment.data.to_vec()))
        .collect();
    let sections: Vec<_> = object
        .sections
        .iter()
        .map(|section| (section.id, section.name.clone().into_owned()))
        .collect();
    (symbols, segments, sections)
}

/// The same object with the sizes of its sections as short as they can be. LLVM writes all of them in
/// five bytes, and so do we.
fn with_short_sizes(path: &Path) -> PathBuf {
    let bytes = fs::read(path).expect("an object");
    let mut module = wasm_encoder::Module::new();
    for section in Sections::of(&bytes).expect("a module") {
        let section = section.expect("a section");
        let mut reader = BinaryReader::new(&bytes[section.range], 0);
        let id = reader.read_u8().expect("an id");
        let size = reader.read_var_u32().expect("a size");
        let data = reader.read_bytes(size as usize).expect("a payload");
        module.section(&RawSection { id, data });
    }
    let short = path.with_extension("short.o");
    fs::write(&short, module.finish()).expect("a file");
    short
}

#[cfg(unix)]
#[test]
fn the_backend_gets_every_object_and_member_encoded_anew() {
    let work = Work::new();
    let source = "extern int f(int); int data[2] = { 1, 2 }; int *pointer = data + 1; int g(void) { return f(*pointer); }";
    let object = with_short_sizes(&work.c("object", source));
    let member = with_short_sizes(&work.c("member", "int f(int n) { return n + 1; }"));
    let archive = work.archive(
        "libmember.a",
        &[&member, &work.c("odd", "char odd[3] = \"od\";")],
    );
    let backend = work.script(
        "backend",
        "for file; do case $file in *.o) cp \"$file\" seen.o;; *.a) cp \"$file\" seen.a;; esac; done",
    );
    let mut command = Command::new(reencoder());
    command.env("WASM_SECTION_LD_LINKER", &backend);
    let linked = work.link_by(&mut command, args![object, archive]);
    assert_eq!((linked.status, linked.stderr.as_str()), (Some(0), ""));

    let (old, new) = (
        fs::read(&object).expect("it"),
        fs::read(work.file("seen.o")).expect("it"),
    );
    assert!(old != new, "not encoded anew");
    assert_eq!(meaning(&old), meaning(&new));
    let (old, new) = (
        fs::read(&archive).expect("it"),
        fs::read(work.file("seen.a")).expect("it"),
    );
    assert!(old != new, "not encoded anew");
    let members = |bytes: &[u8]| -> Vec<_> {
        let members = archive_members(Path::new("x.a"), bytes).expect("an archive");
        let meaning = members.into_iter().map(|member| match member.content {
            // The names are ours.
            ArchiveContent::Inside(bytes) => meaning(bytes),
            ArchiveContent::Outside(path) => panic!("{}", path.display()),
        });
        meaning.collect()
    };
    assert_eq!(members(&old), members(&new));
}

/// A member is linked if something refers to it, and where its archive is asked for it by name the
/// archive's index must say where it is now.
#[test]
fn archives_are_searched_as_before() {
    let work = Work::new();
    let object = work.c("object", "extern int f(int); int g(void) { return f(4); }");
    // The one that is asked for is not where it was.
    let members = [
        "int unused(void) { return 1; }",
        "char odd[3];",
        "int f(int n) { return n; }",
    ];
    let members: Vec<_> = members
        .iter()
        .enumerate()
        .map(|(number, source)| work.c(&format!("a_member_with_a_long_name_{number}"), source))
        .collect();
    let paths: Vec<_> = members.iter().map(AsRef::as_ref).collect();
    for operation in ["rcs", "rcS", "rcsT"] {
        let archive = work.archive_with(operation, &format!("lib{operation}.a"), &paths);
        for backend in linkers() {
            let words = args![object, archive, "--no-entry", "--export=g", "--export-all"];
            let theirs = work.link_by(&mut Command::new(&backend), &words);
            let expected = fs::read(&theirs.output).ok();
            let mut command = Command::new(reencoder());
            command.env("WASM_SECTION_LD_LINKER", &backend);
            let ours = work.link_by(&mut command, &words);
            let what = format!("{operation} {}", backend.display());
            if theirs.stderr.contains("archive has no index") {
                // What is given to the backend has one.
                assert_eq!(ours.status, Some(0), "{what}");
                continue;
            }
            assert_eq!(
                (ours.status, &ours.stderr),
                (theirs.status, &theirs.stderr),
                "{what}"
            );
            assert!(fs::read(&ours.output).ok() == expected, "{what}");
        }
    }
}
