//! How other worlds register things in link sections: for each, a program in `examples/scripts/` with the
//! macros of that world's shape, and its script in `linker-scripts/`. The same sources make a native
//! program, by gcc and GNU ld, and a module, by each backend; what they do is the same.

use crate::args;
use crate::support::{Instance, Work, linkers};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// What both do must be this.
fn both(world: &str, script: Option<&str>, sources: &[&str], expected: &str) {
    let examples = directory("examples/scripts");
    let source = |name: &&str| examples.join(world).join(name).with_extension("c");
    let mut sources: Vec<PathBuf> = sources.iter().map(source).collect();
    sources.push(examples.join("report.c"));
    let script = script.map(|name| directory("linker-scripts").join(name));
    let work = Work::new();

    // As clang, the variables of a file in the order of the source.
    let flags = [
        "-O1",
        "-Wall",
        "-Werror",
        "-fno-toplevel-reorder",
        "-fno-pie",
        "-no-pie",
    ];
    let mut native: Vec<OsString> = flags.map(Into::into).to_vec();
    native.extend(args!["-o", "native"]);
    native.extend(sources.iter().map(Into::into));
    native.push(examples.join("native.c").into());
    native.extend(script.iter().flat_map(|script| args!["-T", script]));
    work.run("gcc", native);
    let printed = work.run(work.file("native"), [] as [&str; 0]);
    assert_eq!(printed.trim_end(), expected, "natively");

    let mut module = args!["--no-entry"].to_vec();
    module.extend(script.iter().flat_map(|script| args!["-T", script]));
    for source in &sources {
        let name = source.file_stem().and_then(|stem| stem.to_str());
        let text = fs::read_to_string(source).expect("a source");
        // What a source includes is beside it.
        let include = format!("-I{}", source.parent().expect("a directory").display());
        let object = work.c_with(
            name.expect("a name"),
            &text,
            &["-Wall", "-Werror", &include],
        );
        module.push(object.into());
    }
    for linker in linkers() {
        let mut instance = Instance::new(&work.link_with(&linker, &module).silent());
        instance.call("run", &[]);
        let text = instance.call("reported", &[]);
        let text = instance.string(text.cast_unsigned());
        assert_eq!(text, expected, "by {}", linker.display());
    }
}

#[test]
fn linux_initcalls() {
    both(
        "linux",
        Some("initcall.ld"),
        &["main", "drivers", "more"],
        "loglevel=:7 nice=:14 console:9 console:8 \
         level:0 call:1 level:1 call:2 level:2 call:10 call:15 level:3 call:20 level:4 call:30 \
         level:5 call:40 level:6 call:50 call:55 level:7 call:59 level:8 call:60 call:61 call:65 \
         level:9 call:70 call:75",
    );
}

#[test]
fn zephyr_iterable_sections() {
    both(
        "zephyr",
        Some("iterable.ld"),
        &["main", "others"],
        "foo:1 foo:2 foo:3 count:3 next:8 negate:-7 twice:14 square:49",
    );
}

#[test]
fn freebsd_linker_sets() {
    both(
        "freebsd",
        Some("linker-set.ld"),
        &["main", "members", "more"],
        "foo:10 foo:20 foo:30 count:3 tunables:2 net:2 disk:1 smp:1",
    );
}

#[test]
fn u_boot_linker_lists() {
    both(
        "u-boot",
        Some("linker-lists.ld"),
        &["main", "drivers"],
        "boot:10 help:1 version:2026 commands:3 gpio:101 serial:102 none:0 serial:2",
    );
}

#[test]
fn riot_cross_file_arrays() {
    both(
        "riot",
        Some("cross-file-arrays.ld"),
        &["main", "arrays", "modules"],
        "ps:6 echo:5 reboot:-5 counter:11 counter:21 nothing:0",
    );
}

#[test]
fn unikraft_init_tables() {
    both(
        "unikraft",
        Some("init-tables.ld"),
        &["main", "libraries", "more"],
        "ctor:0 ctor:1 ctor:9 init:12 init:11 init:41 init:61 net_end:2 console_end:2",
    );
}

#[test]
fn coreboot_driver_tables() {
    both(
        "coreboot",
        Some("driver-tables.ld"),
        &["main", "drivers", "board"],
        "pci:101 pci:202 pci:303 haswell:4 skylake:6 before:0 device:1 payload:2",
    );
}

#[test]
fn rt_thread_init_functions() {
    both(
        "rt-thread",
        Some("init-functions.ld"),
        &["components", "board", "drivers"],
        "board:0 board:1 board:11 component:0 component:2 component:3 component:31 component:4 \
         component:5 component:6 version:5 reboot:0",
    );
}

#[test]
fn criterion_tests() {
    both(
        "criterion",
        None,
        &["runner", "numbers", "texts"],
        "numbers:0 add:0 multiply:1 subtract:0 texts:0 prepared:1 first:0",
    );
}
