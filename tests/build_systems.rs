//! "Drop-in": build systems that look at a linker before they use it, each with a small project for wasm.

use crate::support::{Instance, Work, linker, setting, tool};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

const MAIN: &str = r#"
    extern const int start[] __asm__("__start_NUMBERS"), stop[] __asm__("__stop_NUMBERS");
    __attribute__((export_name("sum"))) int sum(void) {
        int sum = 0;
        for (const int *number = start; number < stop; number++) sum += *number;
        return sum;
    }
"#;
/// In a library, where nothing refers to it.
const NUMBERS: &str = r#"
    const int one __asm__("__link_section__NUMBERS$$one") = 40;
    const int two __asm__("__link_section__NUMBERS$$two") = 2;
"#;

const MESON: &str = "project('numbers', 'c')\n\
    numbers = static_library('numbers', 'numbers.c', pic: false)\n\
    executable('program', 'main.c', link_with: numbers)\n";

const CMAKE: &str = "cmake_minimum_required(VERSION 3.13)\n\
    project(numbers C)\n\
    add_library(numbers STATIC numbers.c)\n\
    add_executable(program main.c)\n\
    target_link_libraries(program numbers)\n";

/// Asks whether the linker does what the program needs.
const CONFIGURE: &str = r#"
AC_INIT([numbers], [1])
AC_PROG_CC
AC_MSG_CHECKING([whether sections have ends])
AC_LINK_IFELSE([AC_LANG_SOURCE([[
  __attribute__((section("A"), used)) static const int a = 1;
  extern const int start@<:@@:>@ __asm__("__start_A");
  __attribute__((export_name("f"))) const int *f(void) { return start; }
]])], [AC_MSG_RESULT([yes])], [AC_MSG_ERROR([no])])
AC_CONFIG_FILES([Makefile])
AC_OUTPUT
"#;

const MAKEFILE: &str = "\
program: main.o libnumbers.a\n\
\t$(CC) $(CFLAGS) $(LDFLAGS) -o $@ main.o libnumbers.a\n\
libnumbers.a: numbers.o\n\
\t$(AR) rcs $@ numbers.o\n";

fn project() -> Work {
    let work = Work::new();
    work.write("main.c", MAIN);
    work.write("numbers.c", NUMBERS);
    work
}

fn compiler() -> String {
    format!(
        "{} --target=wasm32-unknown-unknown",
        tool("WSL_CLANG").display()
    )
}

fn link_flags() -> String {
    format!("-fuse-ld={} -nostdlib -Wl,--no-entry", linker().display())
}

fn run(work: &Work, program: &Path, words: &[OsString]) -> String {
    let mut command = Command::new(program);
    command
        .args(words)
        .current_dir(work.path())
        .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"))
        .env("PYTHONPATH", setting("WSL_MESON"));
    // What is meant for a build of ours.
    for name in ["CC", "CFLAGS", "LDFLAGS", "AR", "MAKEFLAGS", "MFLAGS"] {
        command.env_remove(name);
    }
    let output = command.output().expect("a build system");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

fn words(text: &str) -> Vec<OsString> {
    text.split(' ').map(OsString::from).collect()
}

fn works(work: &Work, program: &str) {
    let module = fs::read(work.file(program)).expect("a module");
    assert_eq!(Instance::new(&module).call("sum", &[]), 42);
}

#[test]
fn a_makefile() {
    let work = project();
    let make = |more: &[(&str, String)]| {
        let variables = more
            .iter()
            .map(|(name, value)| format!("{name}={value}").into());
        run(&work, &tool("WSL_MAKE"), &variables.collect::<Vec<_>>())
    };
    work.write("Makefile", MAKEFILE);
    make(&[
        ("CC", compiler()),
        ("AR", tool("WSL_AR").display().to_string()),
        ("LDFLAGS", link_flags()),
    ]);
    works(&work, "program");
}

#[test]
fn autoconf() {
    let work = project();
    work.write("configure.ac", CONFIGURE);
    let head = "CC = @CC@\nCFLAGS = @CFLAGS@\nLDFLAGS = @LDFLAGS@\n";
    work.write(
        "Makefile.in",
        format!("{head}AR = {}\n{MAKEFILE}", tool("WSL_AR").display()),
    );
    run(&work, &tool("WSL_AUTOCONF"), &[]);
    let variables = [
        "--host=wasm32-unknown-none".to_owned(),
        format!("CC={}", compiler()),
        format!("LDFLAGS={}", link_flags()),
        "CFLAGS=-O1".to_owned(),
    ];
    let said = run(
        &work,
        &work.file("configure"),
        &variables.map(OsString::from),
    );
    assert!(said.contains("whether sections have ends... yes"), "{said}");
    run(&work, &tool("WSL_MAKE"), &[]);
    works(&work, "program");
}

#[test]
fn cmake() {
    let work = project();
    work.write("CMakeLists.txt", CMAKE);
    let (clang, ar) = (tool("WSL_CLANG"), tool("WSL_AR"));
    let toolchain = format!(
        "set(CMAKE_SYSTEM_NAME Generic)\nset(CMAKE_SYSTEM_PROCESSOR wasm32)\n\
         set(CMAKE_C_COMPILER {})\nset(CMAKE_C_COMPILER_TARGET wasm32-unknown-unknown)\n\
         set(CMAKE_AR {})\nset(CMAKE_RANLIB true)\nset(CMAKE_EXE_LINKER_FLAGS_INIT \"{}\")\n",
        clang.display(),
        ar.display(),
        link_flags()
    );
    work.write("toolchain.cmake", toolchain);
    let cmake = tool("WSL_CMAKE");
    run(
        &work,
        &cmake,
        &words("-S . -B build -DCMAKE_TOOLCHAIN_FILE=toolchain.cmake"),
    );
    run(&work, &cmake, &words("--build build"));
    works(&work, "build/program");
}

/// It takes the linker for lld, and asks it which options it knows.
#[test]
fn meson() {
    let work = project();
    work.write("meson.build", MESON);
    let cross = format!(
        "[binaries]\nc = ['{}', '--target=wasm32-unknown-unknown']\nc_ld = '{}'\nar = '{}'\n\
         [built-in options]\nc_args = ['-nostdlib']\nc_link_args = ['-nostdlib', '-Wl,--no-entry']\n\
         [host_machine]\nsystem = 'none'\ncpu_family = 'wasm32'\ncpu = 'wasm32'\nendian = 'little'\n",
        tool("WSL_CLANG").display(),
        linker().display(),
        tool("WSL_AR").display()
    );
    work.write("cross.ini", cross);
    let python = tool("WSL_PYTHON");
    let meson = |arguments: &str| {
        let mut all = words("-m mesonbuild.mesonmain");
        all.extend(words(arguments));
        run(&work, &python, &all)
    };
    let said = meson("setup build --cross-file cross.ini");
    let linker = "C linker for the host machine: ";
    let line = said
        .lines()
        .find(|line| line.starts_with(linker))
        .expect("a linker");
    assert!(line.contains(" ld.lld "), "{line}");
    meson("compile -C build");
    works(&work, "build/program");
}
