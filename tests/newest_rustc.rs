//! What rustc makes of `#[link_section = "NAME"]`: a custom section up to 1.99, a data segment and a
//! custom section from 1.100 on, and a data segment alone where it puts no custom section beside it.
//! docs/ways-of-linking.md has what comes of each.

use crate::args;
use crate::support::module::custom_sections;
use crate::support::refusal::says;
use crate::support::{Instance, Work, reading, tool};
use std::fs;
use std::path::{Path, PathBuf};

/// LLVM IR of a static of 4 bytes in section NUMBERS. `keep` is the list that it is in: `llvm.used` for
/// `#[used]`, which makes the segment RETAIN, and `llvm.compiler.used` otherwise.
fn module(value: u8, segment: bool, custom: bool, keep: &str) -> String {
    let bytes = format!("\\{value:02x}\\00\\00\\00");
    let mut ir = String::new();
    if segment {
        ir += &format!(
            "@entry{value} = constant [4 x i8] c\"{bytes}\", section \"NUMBERS\", align 4
             @{keep} = appending global [1 x ptr] [ptr @entry{value}], section \"llvm.metadata\"\n"
        );
    }
    if custom {
        ir += &format!(
            "!wasm.custom_sections = !{{!0}}
             !0 = !{{!\"NUMBERS\", !\"{bytes}\"}}\n"
        );
    }
    ir
}

/// The object under the name that rustc gives it.
fn by_rustc(work: &Work, object: &Path) -> PathBuf {
    let stem = object.file_stem().expect("a name").to_string_lossy();
    let named = work.file(&format!("{stem}.1a2b-cgu.0.rcgu.o"));
    fs::copy(object, &named).expect("a copy");
    named
}

const SHAPES: [(bool, bool); 3] = [(true, false), (true, true), (false, true)];
const KEPT: [&str; 2] = ["llvm.used", "llvm.compiler.used"];

#[test]
fn nothing_of_rusts_is_lost_in_any_shape() {
    for (segment, custom) in SHAPES {
        for keep in KEPT {
            let work = Work::new();
            let object = |value: u8| {
                let ir = module(value, segment, custom, keep);
                by_rustc(&work, &work.ir(&format!("part{value}"), &ir))
            };
            let (here, in_rlib, in_library) = (object(1), object(2), object(3));
            // Under another name it is still a crate.
            let other = work.ir("other", &module(4, segment, custom, keep));
            let rlib = work.archive("libpart.rlib", &[&in_rlib, &other]);
            let library = work.archive("libpart.a", &[&in_library]);
            let what = format!("segment: {segment}, custom section: {custom}, {keep}");
            for inputs in [
                vec![&here, &rlib, &library],
                vec![&here],
                vec![&rlib],
                vec![&library],
            ] {
                let expected = inputs.iter().flat_map(|&input| match input {
                    _ if *input == here => vec![1],
                    _ if *input == rlib => vec![2, 4],
                    _ => vec![3],
                });
                let expected: Vec<u32> = expected.collect();
                let words = inputs.iter().map(|&input| input.clone());
                let linked = work.link(reading("NUMBERS", words)).silent();
                let mut numbers = Instance::new(&linked).words("NUMBERS");
                // Custom sections come behind the segments of their object, not of all.
                numbers.sort_unstable();
                let mut sorted = expected.clone();
                sorted.sort_unstable();
                assert_eq!(numbers, sorted, "{what}: {inputs:?}");
                // What is in both ways is still to be seen from outside, of what is linked.
                let sections = custom_sections(&linked);
                let seen = sections.iter().any(|(name, _)| name == "NUMBERS");
                let is_linked = inputs.contains(&&here);
                assert_eq!(seen, segment && custom && is_linked, "{what}: {inputs:?}");
            }
        }
    }
}

/// A segment that the backend keeps is its own business, in Rust too.
#[test]
fn what_the_backend_keeps_is_left_to_it() {
    let work = Work::new();
    let object = by_rustc(&work, &work.ir("part", &module(1, true, true, "llvm.used")));
    let arguments = reading("NUMBERS", [object]);
    let plain = work.plain_link(&tool("WSL_WASM_LD"), &arguments).silent();
    assert_eq!(work.link(&arguments).silent(), plain);
}

/// As ELF linkers have it for C: a member that nothing refers to is not linked, and data that is not used
/// is garbage, unless somebody asks.
#[test]
fn segments_of_c_libraries_are_as_with_elf() {
    for keep in KEPT {
        let work = Work::new();
        let object = work.ir("part", &module(1, true, false, keep));
        let library = work.archive("libpart.a", &[&object]);
        let linked = work.link(reading("NUMBERS", [library.clone()]));
        says(
            linked.error(),
            &["not found: __start_NUMBERS", "give --gather=NUMBERS"],
        );
        let asked = args!["--gather=NUMBERS", library];
        assert_eq!(work.gathered("NUMBERS", asked).words("NUMBERS"), [1]);
    }
}
