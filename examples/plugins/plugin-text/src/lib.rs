//! Registers plugins and a command without a macro: every static in a module named
//! `__link_section__` and the section is an entry of that section.

use registry::{Command, Plugin};

#[allow(non_snake_case)]
mod __link_section__PLUGINS {
    use super::*;

    #[used]
    static DIGITS: Plugin = Plugin {
        name: "plugin_text::digits",
        run: digits,
    };

    #[used]
    static MIRROR: Plugin = Plugin {
        name: "plugin_text::mirror",
        run: mirror,
    };
}

#[allow(non_snake_case)]
mod __link_section__COMMANDS {
    use super::*;

    #[used]
    static SHOUT: &dyn Command = &Shout;
}

fn digits(n: i32) -> i32 {
    n.to_string().len() as i32
}

fn mirror(n: i32) -> i32 {
    let mirrored: String = n.to_string().chars().rev().collect();
    mirrored.parse().unwrap_or(0)
}

struct Shout;

impl Command for Shout {
    fn name(&self) -> &'static str {
        "plugin_text::shout"
    }

    fn execute(&self, argument: &str) -> String {
        argument.to_uppercase() + "!"
    }
}
