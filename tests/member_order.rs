//! The members of an archive are extracted in its order, whichever of them have entries.

use crate::args;
use crate::support::{Instance, Work, linkers};

/// A constructor that says that it ran, and something to be extracted for.
fn member(name: &str, number: u32, entry: &str) -> String {
    format!(
        "void ran(int); int {name} = {number};\n{entry}\n\
         __attribute__((constructor)) static void start(void) {{ ran({number}); }}"
    )
}

const MAIN: &str = r#"
    extern int first, second, third;
    static int order;
    void ran(int number) { order = 10 * order + number; }
    void __wasm_call_ctors(void);
    __attribute__((export_name("order"))) int get(void) {
        __wasm_call_ctors();
        return first && second && third ? order : 0;
    }
"#;

#[test]
fn members_without_entries_keep_their_place_before_those_with_entries() {
    let work = Work::new();
    let entry = r#"int entry __asm__("__link_section__NUMBERS$$entry") = 7;"#;
    let main = work.c("main", MAIN);
    let first = work.c("first", &member("first", 1, ""));
    let second = work.c("second", &member("second", 2, entry));
    let third = work.c("third", &member("third", 3, ""));
    let in_order = work.archive("libin.a", &[&first, &second, &third]);
    let around = work.archive("libaround.a", &[&third, &first, &second]);
    for (archive, expected) in [(&in_order, 123), (&around, 312)] {
        for order in [args![main, archive], args![archive, main]] {
            let arguments = order.iter().cloned().chain(args!["--no-entry"]);
            let arguments: Vec<_> = arguments.collect();
            for backend in linkers() {
                let plain = work.plain_link(&backend, &arguments).module();
                let plain = Instance::new(&plain).call("order", &[]);
                let read = args!["--export=__start_NUMBERS", "--export=__stop_NUMBERS"];
                let ours: Vec<_> = arguments.iter().cloned().chain(read).collect();
                let mut ours = Instance::new(&work.link_with(&backend, &ours).silent());
                assert_eq!(ours.call("order", &[]), plain);
                assert_eq!(ours.words("NUMBERS"), [7]);
                if order[0] == main.as_os_str() {
                    assert_eq!(plain, expected);
                }
            }
        }
    }
}
