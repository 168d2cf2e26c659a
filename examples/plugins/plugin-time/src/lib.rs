//! Registers entries of both sections, in both ways. The entries have data of their own: one type of command is
//! registered three times.

use registry::{Command, register_plugin};

register_plugin!(minutes_as_seconds, |minutes| minutes * 60);

#[allow(non_snake_case)]
mod __link_section__COMMANDS {
    use super::*;

    #[used]
    static DAYS: &dyn Command = &Repeat {
        name: "plugin_time::daily",
        often: "every day",
    };

    #[used]
    static WEEKS: &dyn Command = &Repeat {
        name: "plugin_time::weekly",
        often: "every week",
    };

    #[used]
    static YEARS: &dyn Command = &Repeat {
        name: "plugin_time::yearly",
        often: "every year",
    };
}

struct Repeat {
    name: &'static str,
    often: &'static str,
}

impl Command for Repeat {
    fn name(&self) -> &'static str {
        self.name
    }

    fn execute(&self, argument: &str) -> String {
        format!("{argument} {}", self.often)
    }
}
