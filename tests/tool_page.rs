//! `wasm-sections inspect --html`: one page, shown by Chromium.

use crate::args;
use crate::support::{Work, reading, tool};
use std::path::{Path, PathBuf};
use std::process::Command;

const HOSTILE: &str = r#"
    struct Entry { const char *text; int (*run)(int); };
    static int run(int x) { return x; }
    struct Entry b __asm__("__link_section__ENTRIES$2$b</script><script>document.title='broken'</script>") = { "text of b", run };
    struct Entry a __asm__("__link_section__ENTRIES$1$zz") = { "<b>text of a</b><!--", run };
    char rest[16] __asm__("__link_section__REST$$rest") = { 1 };
"#;

fn page(work: &Work) -> PathBuf {
    let object = work.c("object", HOSTILE);
    let module = work.with_manifest("page.wasm", "ENTRIES", &[object]);
    let page = work.file("page.html");
    let said = work.sections(args!["inspect", module, "--html", page]);
    assert_eq!(
        (said.status, said.text.as_str(), said.errors.as_str()),
        (0, "", "")
    );
    page
}

/// What the browser makes of the page, after a script of ours has run.
fn shown(work: &Work, page: &Path, script: &str) -> String {
    let text = std::fs::read_to_string(page).expect("the page");
    shown_by_browser(work, &format!("{text}<script>{script}</script>"))
}

/// The same on a screen of that width. The window of a browser has a minimum width, but a frame in it has none.
fn shown_at(width: u32, work: &Work, page: &Path, script: &str) -> String {
    let text = std::fs::read_to_string(page).expect("the page");
    let tell = "parent.postMessage(document.querySelector('main').innerHTML, '*');";
    work.write(
        "frame.html",
        format!("{text}<script>{script}; {tell}</script>"),
    );
    let outer = format!(
        "<!doctype html><main></main>
        <script>onmessage = event => document.querySelector('main').innerHTML = event.data;</script>
        <iframe src='frame.html' style='width: {width}px; height: 1000px; border: 0'></iframe>"
    );
    shown_by_browser(work, &outer)
}

fn shown_by_browser(work: &Work, text: &str) -> String {
    let page = work.write("shown.html", text);
    let output = Command::new(tool("WSL_CHROMIUM"))
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
        ])
        .args(["--no-first-run", "--virtual-time-budget=5000", "--dump-dom"])
        .args(["--hide-scrollbars", "--window-size=1400,1000"])
        .arg(format!(
            "--user-data-dir={}",
            work.file("profile").display()
        ))
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("a browser");
    let dom = String::from_utf8(output.stdout).expect("UTF-8");
    let (_, body) = dom.split_once("<main>").expect("a page that was shown");
    body.split_once("</main>").expect("all of it").0.to_owned()
}

fn in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let at = rest
            .find(part)
            .unwrap_or_else(|| panic!("no {part:?} in order in: {text}"));
        rest = &rest[at + part.len()..];
    }
}

#[test]
fn what_it_shows() {
    let work = Work::new();
    let page = page(&work);
    let dom = shown(&work, &page, "");
    // Text is never markup.
    in_order(
        &dom,
        &[
            "ENTRIES",
            "2 entries, 16 bytes",
            "zz",
            "\"&lt;b&gt;text of a&lt;/b&gt;&lt;!--\"",
            "b&lt;/script&gt;",
            "\"text of b\"",
            "fn run",
        ],
    );
    in_order(&dom, &["REST", "Garbage-collected"]);
    assert!(!dom.contains("<script") && !dom.contains("<b>"));
}

#[test]
fn memory_is_drawn_to_scale() {
    let work = Work::new();
    let page = page(&work);
    let dom = shown(&work, &page, "");
    let (_, bar) = dom.split_once("id=\"s0-0\"").expect("the first section");
    let attribute = |rect: &str, name: &str| -> f64 {
        let (_, value) = rect
            .split_once(&format!(" {name}=\""))
            .expect("an attribute");
        value
            .split('"')
            .next()
            .and_then(|value| value.parse().ok())
            .expect("a number")
    };
    let rects: Vec<_> = bar
        .split("<rect ")
        .filter(|rect| rect.contains("data-start"))
        .collect();
    let (first, second) = (format!(" {}", rects[0]), format!(" {}", rects[1]));
    // Two entries of one size share the width of 1,000; between them is a gap of 1.
    assert_eq!(attribute(&first, "x"), 0.0);
    assert_eq!(attribute(&second, "x"), 500.0);
    assert_eq!(attribute(&first, "width"), 499.0);
}

#[test]
fn a_click_sorts_and_another_turns_it_around() {
    let work = Work::new();
    let page = page(&work);
    let click = "[...document.querySelectorAll('#s0-0 th button')].find(b => b.textContent === 'entry').click();";
    let dom = shown(&work, &page, click);
    in_order(
        &dom,
        &[
            "aria-sort=\"ascending\"",
            "b&lt;/script&gt;",
            "\"text of b\"",
            "text of a",
        ],
    );
    let dom = shown(&work, &page, &click.repeat(2));
    in_order(
        &dom,
        &["aria-sort=\"descending\"", "text of a", "\"text of b\""],
    );
}

#[test]
fn it_needs_nothing_else() {
    let work = Work::new();
    let text = std::fs::read_to_string(page(&work)).expect("the page");
    let without_namespace = text.replace("http://www.w3.org/2000/svg", "");
    for outside in ["http:", "https:", "src=", "@import", "url(", "fetch("] {
        assert!(!without_namespace.contains(outside), "{outside}");
    }
}

/// Reports the parts of the page that are wider than their place: the page, and what could be scrolled in it.
const TOO_WIDE: &str = r#"
    const wide = [document.documentElement, ...document.querySelectorAll("body *")]
      .filter(node => node.scrollWidth > node.clientWidth && node.clientWidth > 0)
      .map(node => `${node.tagName} ${node.className}: ${node.scrollWidth} in ${node.clientWidth}`);
    const outside = [...document.querySelectorAll("body *")]
      .filter(node => node.getBoundingClientRect().right > innerWidth + 1)
      .map(node => `${node.tagName} ${node.className} ends outside`);
    document.querySelector("main").append(`[width ${innerWidth}: ${[...wide, ...outside].join(", ")}]`);
"#;

/// Long names and texts are wrapped, in each kind of section.
#[test]
fn nothing_is_wider_than_the_window() {
    let work = Work::new();
    let long = "a_name_that_has_no_space_".repeat(8);
    let source = format!(
        r#"
        struct Entry {{ const char *text; int (*run)(int); }};
        static int run_{long}(int x) {{ return x; }}
        struct Entry one __asm__("__link_section__ENTRIES$first.key$one") = {{ "{long}", run_{long} }};
        struct Entry two __asm__("__link_section__ENTRIES$second$two::{long}") = {{ "text", run_{long} }};
        char rest[16] __asm__("__link_section__{long}$$rest") = {{ 1 }};
        "#
    );
    let object = work.c("object", &source);
    let module = work.with_manifest("page.wasm", "ENTRIES", std::slice::from_ref(&object));
    let guessed = work.link(reading("ENTRIES", [object])).silent();
    for (name, module) in [
        ("manifest", module),
        ("guessed", work.write("guessed.wasm", guessed)),
    ] {
        let page = work.file(&format!("{name}.html"));
        let said = work.sections(args!["inspect", module, "--html", page]);
        assert_eq!(said.status, 0, "{}", said.errors);
        for width in [420, 1280] {
            let dom = shown_at(width, &work, &page, TOO_WIDE);
            let (_, report) = dom.rsplit_once("[width ").expect("a report");
            assert_eq!(report, format!("{width}: ]"), "{name}");
        }
    }
}

/// A sorted table keeps its form on a narrow screen: each entry is a block whose parts have titles.
#[test]
fn each_part_has_a_title_on_a_narrow_screen() {
    let work = Work::new();
    let page = page(&work);
    let script = r##"
        [...document.querySelectorAll("#s0-0 th button")].find(b => b.textContent === "entry").click();
        const row = document.querySelector("#s0-0 tbody tr");
        const titles = [...row.cells].map(cell => getComputedStyle(cell, "::before").content);
        document.querySelector("main").append(`[${getComputedStyle(row).display} ${titles.join(" ")}]`);
    "##;
    let narrow = shown_at(420, &work, &page, script);
    let expected = r##"[block "#" "address" "size" "key" "entry" "from" "refers to"]"##;
    assert!(narrow.ends_with(expected), "{narrow}");
    let wide = shown_at(1280, &work, &page, script);
    assert!(
        wide.ends_with("[table-row none none none none none none none]"),
        "{wide}"
    );
}
