//! "What is an entry": data segments, custom sections and name-marked symbols, alone and met in
//! one section.

use crate::args;
use crate::support::Work;
use crate::support::instance::export_section;

#[test]
fn three_kinds_meet_in_one_section() {
    let work = Work::new();
    let segments = work.c(
        "segments",
        r#"__attribute__((section("NUMBERS"), used)) static const int a[] = {1, 2};"#,
    );
    let marked = work.c(
        "marked",
        r#"int b __asm__("__link_section__NUMBERS$$b") = 3;"#,
    );
    let custom = work.asm(
        "custom",
        r#"
        .section .custom_section.NUMBERS,"",@
        .int32 4
        "#,
    );
    let mut arguments = args![segments, marked, custom].to_vec();
    arguments.extend(export_section("NUMBERS").map(Into::into));
    let instance = work.instance(arguments);
    assert_eq!(instance.words("NUMBERS"), [1, 2, 3, 4]);
    assert_eq!(
        instance.exports(),
        ["__start_NUMBERS", "__stop_NUMBERS", "memory"]
    );
}
