//! `wasm-sections`: `init`, `doctor` and `inspect`.

use crate::support::{Linked, Work, built, linker, number, reading, said};
use std::fs;

const CONFIG: &str = ".cargo/config.toml";

fn run(work: &Work, arguments: &[&str]) -> Linked {
    let mut command = work.command(built("wasm-sections.exe"));
    command
        .env("CARGO_HOME", work.file("cargo-home"))
        .args(arguments);
    command
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    said(&mut command)
}

#[test]
fn init_keeps_the_ends_of_lines() {
    let work = Work::new();
    work.write("Cargo.toml", "[package]\r\nname = \"a\"\r\n");
    work.write(
        CONFIG,
        "# mine\r\n[build]\r\ntarget = \"wasm32-unknown-unknown\"\r\n",
    );
    let changed = run(&work, &["init"]);
    assert_eq!(changed.status, 0, "{}", changed.stderr);
    let text = fs::read_to_string(work.file(CONFIG)).expect("a file");
    assert!(text.starts_with("# mine\r\n[build]\r\n"), "{text:?}");
    assert!(
        text.contains("linker = \"wasm-section-ld\"\r\n"),
        "{text:?}"
    );
    assert_eq!(
        text.matches('\n').count(),
        text.matches("\r\n").count(),
        "{text:?}"
    );
    let again = run(&work, &["init"]);
    assert!(
        again.stdout.contains("already the linker"),
        "{}",
        again.stdout
    );
}

#[test]
fn doctor_links_and_reads_the_configuration() {
    let work = Work::new();
    let without_suffix = linker().with_extension("");
    for named in [linker(), without_suffix] {
        work.write("Cargo.toml", "[package]\nname = \"a\"\n");
        let config = format!(
            "[target.wasm32-unknown-unknown]\nlinker = '{}'\n",
            named.display()
        );
        work.write(CONFIG, config);
        let diagnosis = run(&work, &["doctor"]);
        assert_eq!(diagnosis.status, 0, "{}", diagnosis.stdout);
        for line in [
            "ok     wasm-section-ld: ",
            r"\bin\rust-lld.exe",
            "ok     test link: an entry was gathered",
            "ok     shared libraries: supported",
            &format!("names {} for wasm32-unknown-unknown", named.display()),
        ] {
            assert!(
                diagnosis.stdout.contains(line),
                "{line}:\n{}",
                diagnosis.stdout
            );
        }
    }
    work.write(
        CONFIG,
        "[target.wasm32-unknown-unknown]\nlinker = 'C:\\nowhere\\wasm-section-ld.exe'\n",
    );
    let diagnosis = run(&work, &["doctor"]);
    assert_eq!(diagnosis.status, 1);
    assert!(
        diagnosis.stdout.contains("which does not exist"),
        "{}",
        diagnosis.stdout
    );
    work.has_no_temporaries();
}

#[test]
fn inspect_shows_inputs() {
    let work = Work::new();
    work.write(r"d é\1.o", number(1));
    let arguments = [r"d é\1.o", "--section-manifest"].map(Into::into);
    let linked = work.link(arguments.into_iter().chain(reading()));
    assert_eq!((linked.status, linked.stderr.as_str()), (0, ""));
    let shown = run(&work, &["inspect", "out.wasm"]);
    assert_eq!(shown.status, 0, "{}", shown.stderr);
    assert!(shown.stdout.contains("  1.o\n"), "{}", shown.stdout);
    let page = run(&work, &["inspect", "out.wasm", "--html", "page.html"]);
    assert_eq!(page.status, 0, "{}", page.stderr);
    let page = fs::read_to_string(work.file("page.html")).expect("a page");
    assert!(page.contains("NUMBERS"));
}
