//! Who gathers a section, the backend or this linker, is one table (docs/sections.md). Here all of it is
//! walked: each kind of entry beside each other, whoever asks, with every backend. Whoever gathers, no entry
//! is lost.

use crate::args;
use crate::support::{Instance, Work, linker, linkers, tool};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An entry by what it is, and by what keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A segment with a global symbol that is `used`.
    Global,
    /// A segment that the program refers to.
    Referred,
    /// A segment that is retained, with a local symbol.
    Retained,
    /// A segment with a local symbol that is `used`, as compilers before LLVM 19 make it.
    Local,
    /// A segment without a symbol, which a partial link no longer retains.
    Nameless,
    /// A variable in a COMDAT group, in two objects.
    Comdat,
    /// A custom section.
    Custom,
    /// A marked symbol.
    Marked,
    /// A segment with a local symbol that is `used`, in bitcode.
    Bitcode,
}

use Kind::*;

const KINDS: [Kind; 9] = [
    Global, Referred, Retained, Local, Nameless, Comdat, Custom, Marked, Bitcode,
];

impl Kind {
    /// Objects with the entry `value`, and the values that they bring.
    fn objects(self, work: &Work, value: u32) -> Vec<PathBuf> {
        let name = format!("{self:?}{value}").to_lowercase();
        let section = r#"section("X")"#;
        let local = format!("__attribute__(({section}, used)) static const int e = {value};");
        match self {
            Global => {
                let source =
                    format!("__attribute__(({section}, used)) const int g{value} = {value};");
                vec![work.c(&name, &source)]
            }
            Referred => {
                let source =
                    format!("__attribute__(({section})) const int referred{value} = {value};");
                vec![work.c(&name, &source)]
            }
            Retained => vec![work.c(&name, &local)],
            Local => vec![work.compile("WSL_CLANG_OLD", &name, "c", &local, &[])],
            Nameless => {
                let source = format!(
                    "target triple = \"wasm32-unknown-unknown\"\n\
                     @e = private constant i32 {value}, section \"X\", align 4\n\
                     @llvm.used = appending global [1 x ptr] [ptr @e], section \"llvm.metadata\""
                );
                let object = work.ir(&format!("{name}-parts"), &source);
                let partial = work.file(&format!("{name}.o"));
                work.run(tool("WSL_WASM_LD"), args!["-r", object, "-o", partial]);
                vec![partial]
            }
            Comdat => {
                let source = format!(
                    "inline const int inline{value} __attribute__(({section}, used)) = {value};"
                );
                vec![
                    work.cxx(&name, &source),
                    work.cxx(
                        &format!("{name}-again"),
                        &(source + &format!("int another{value};")),
                    ),
                ]
            }
            Custom => vec![work.asm(
                &name,
                &format!(".section .custom_section.X,\"\",@\n.int32 {value}"),
            )],
            Marked => {
                let mark = format!("__link_section__X$$e{value}");
                vec![work.c(
                    &name,
                    &format!(r#"const int e __asm__("{mark}") = {value};"#),
                )]
            }
            Bitcode => vec![work.c_with(&name, &local, &["-flto"])],
        }
    }

    /// Whether such entries alone are left to a backend of that version.
    fn is_left(self, version: u32) -> bool {
        match self {
            Global | Referred => true,
            Retained => version >= 19,
            // The backend that compiles it knows what keeps it.
            Bitcode => true,
            Local | Nameless | Comdat | Custom | Marked => false,
        }
    }
}

fn version(backend: &Path) -> u32 {
    let output = Command::new(backend).arg("--version").output();
    let text = String::from_utf8(output.expect("a linker").stdout).expect("text");
    let (_, version) = text.split_once("LLD ").expect("a version");
    let major = version.split('.').next().expect("a number");
    major.parse().expect("a number")
}

const PROGRAM: &str = r#"
    extern const int __start_X[], __stop_X[];
    __attribute__((export_name("digits"))) int digits(void) {
        int sum = 0;
        for (const int *e = __start_X; e < __stop_X; e++) sum = sum * 10 + *e;
        return sum;
    }
"#;

#[test]
fn whoever_gathers_no_entry_is_lost() {
    let work = Work::new();
    work.write("asks.ld", "SECTIONS { X : { *(X) } }");
    let asks: [&[&str]; 4] = [
        &[],
        &["--gather=X"],
        &["-Tasks.ld"],
        // It asks for nothing.
        &["--export-if-defined=__start_X"],
    ];
    let ones = KINDS.map(|kind| kind.objects(&work, 1));
    let twos = KINDS.map(|kind| kind.objects(&work, 2));
    let refers = |values: &[u32]| {
        let uses = values.iter().map(|value| {
            format!(
                "extern const int referred{value};\n\
                 __attribute__((export_name(\"use{value}\"))) const int *use{value}(void) \
                 {{ return &referred{value}; }}\n"
            )
        });
        let name: String = values.iter().map(u32::to_string).collect();
        work.c(
            &format!("program{name}"),
            &(PROGRAM.to_owned() + &uses.collect::<String>()),
        )
    };
    let programs = [refers(&[]), refers(&[1]), refers(&[2]), refers(&[1, 2])];
    for backend in linkers() {
        let version = version(&backend);
        for (one, first) in KINDS.into_iter().zip(&ones) {
            for (two, second) in KINDS.into_iter().zip(&twos) {
                // Before LLVM 20 a backend does not hand out what it compiles.
                if version < 20 && (one == Bitcode || two == Bitcode) {
                    continue;
                }
                let program = usize::from(one == Referred) + 2 * usize::from(two == Referred);
                let inputs = [&programs[program]].into_iter().chain(first).chain(second);
                let inputs: Vec<OsString> = inputs.map(Into::into).collect();
                // Whoever asks gets all, so a few pairs show it.
                let asks = if one == two || one == Global {
                    &asks[..]
                } else {
                    &asks[..1]
                };
                for ask in asks.iter().copied() {
                    let what = format!("{one:?} {two:?} {ask:?} by {version}");
                    let is_asked = matches!(ask, ["--gather=X" | "-Tasks.ld"]);
                    let is_left = !is_asked && one.is_left(version) && two.is_left(version);
                    check(&work, &backend, (&inputs, ask), is_left, &what);
                }
            }
        }
    }
}

fn check(
    work: &Work,
    backend: &Path,
    (inputs, ask): (&[OsString], &[&str]),
    is_left: bool,
    what: &str,
) {
    let mut command = Command::new(linker());
    command
        .env("WASM_SECTION_LD_LINKER", backend)
        .env("WASM_SECTION_LD_LOG", "info");
    let ask = ask.iter().map(OsString::from);
    let words = inputs.iter().cloned().chain(ask);
    let linked = work.link_by(&mut command, words.chain(args!["--no-entry"]));
    let module = linked.module();
    let said = linked.stderr.contains("X: left to the linker");
    // Bitcode that is left is none of the survey's.
    let is_bitcode_alone = what.starts_with("Bitcode Bitcode");
    assert!(
        said == is_left || is_bitcode_alone,
        "{what}\n{}",
        linked.stderr
    );
    let digits = Instance::new(&module).call("digits", &[]);
    // Bitcode comes last, as in the backend.
    let expected: &[i32] = match what.starts_with("Bitcode ") {
        true => &[12, 21],
        false => &[12],
    };
    assert!(
        expected.contains(&digits),
        "{what}: {digits}\n{}",
        linked.stderr
    );
}

/// A group holds all copies then, and the first has the symbol.
#[test]
fn copies_of_a_group_that_a_partial_link_put_together() {
    let work = Work::new();
    let source = "inline const int one __attribute__((section(\"X\"), used)) = 1;";
    let (a, b) = (
        work.cxx("a", source),
        work.cxx("b", &(source.to_owned() + "int more;")),
    );
    let own = work.cxx(
        "own",
        "inline const int two __attribute__((section(\"X\"), used)) = 2;",
    );
    let program = work.c("program", PROGRAM);
    for backend in linkers() {
        let partial = work.file("partial.o");
        work.run(&backend, args!["-r", &a, &b, &own, "-o", partial]);
        for (inputs, digits) in [
            (args![&program, &a, &b, &own].to_vec(), 12),
            (args![&program, partial].to_vec(), 12),
            (args![&program, partial, &a].to_vec(), 12),
            (args![&program, &a, partial].to_vec(), 12),
        ] {
            let words = inputs.into_iter().chain(args!["--no-entry"]);
            let module = work.link_with(&backend, words).silent();
            let found = Instance::new(&module).call("digits", &[]);
            assert_eq!(found, digits, "{}", backend.display());
        }
    }
}
