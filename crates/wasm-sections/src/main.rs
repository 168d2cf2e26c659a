//! `wasm-sections`: looks into a linked module, and says what was gathered.

mod cargo;
mod compare;
mod diff;
mod doctor;
mod follow;
mod html;
mod image;
mod init;
mod inspect;
mod module;
mod open;
mod references;
mod report;
mod why;

use anstream::eprintln;
use anstyle::{AnsiColor, Style};
use clap::{Parser, Subcommand};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;
use wasm_section_ld::error::{Error, Result};

/// Titles.
const BOLD: Style = Style::new().bold();
/// What is good, or came.
const GOOD: Style = AnsiColor::Green.on_default();
/// What is bad, or went.
const BAD: Style = AnsiColor::Red.on_default();
/// What a reader may skip.
const FAINT: Style = Style::new().dimmed();

/// Shows what wasm-section-ld gathered into a WebAssembly module.
///
/// Link with `--section-manifest`, and the module says itself what is in each array, where it came
/// from and what it points to. Without that only the ends of a section can be told, where they are
/// exported or a data segment has the section's name.
#[derive(Parser)]
#[command(name = "wasm-sections", version, after_help = EXIT_STATUS)]
struct Arguments {
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

const EXIT_STATUS: &str = "\
Exit status:
  0  all is well
  1  the answer is no: modules differ, a symbol is in no array, the doctor found something wrong
  2  it could not be told: a file cannot be read or is damaged, or the command is wrong

Each command has examples in its own --help.";

#[derive(Subcommand)]
enum Command {
    /// Show the sections of a module: what is in them, from where, and what it points to
    #[command(after_help = "\
Examples:
  wasm-sections inspect app.wasm
  wasm-sections inspect app.wasm --section PLUGINS
  wasm-sections inspect app.wasm --html sections.html
  wasm-sections inspect app.wasm --json | jq '.modules[].sections[].entries[].symbol'")]
    Inspect {
        /// A linked module, or a component
        module: PathBuf,
        /// Show this section only
        #[arg(long, value_name = "NAME")]
        section: Option<String>,
        /// Write a page for a browser, with the memory drawn to scale
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
    },
    /// Compare what is registered in two modules
    #[command(after_help = "\
Examples:
  wasm-sections diff before.wasm after.wasm
  wasm-sections diff released.wasm target/wasm32-unknown-unknown/release/app.wasm || exit 1

An entry is the same if its section and its demangled symbol are; one without a symbol, if it has the
same place among those of its file. It moved if its order among those that stayed is another.")]
    Diff {
        /// The module as it was
        old: PathBuf,
        /// The module as it is
        new: PathBuf,
    },
    /// Say why a symbol is in an array, or why not
    #[command(after_help = "\
Examples:
  wasm-sections why app.wasm plugin_math::square
  wasm-sections why app.wasm __link_section__PLUGINS\\$\\$plugin_math::square

SYMBOL may be mangled or not, or a part of it.")]
    Why {
        /// A linked module, or a component
        module: PathBuf,
        /// A symbol of an entry, or of what an entry points to
        symbol: String,
    },
    /// Write the linker into the nearest .cargo/config.toml
    #[command(after_help = "\
Examples:
  wasm-sections init
  wasm-sections init --target wasm32-wasip1 --dry-run

The nearest one is looked for from the current directory upward. Where there is none, it is made
beside the Cargo.toml of the workspace. What else is in it stays as it is.")]
    Init {
        /// The target to set the linker of; may be given more than once [default: `build.target` if
        /// that is for wasm, else wasm32-unknown-unknown]
        #[arg(long, value_name = "TRIPLE")]
        target: Vec<String>,
        /// Show what would change, and write nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Look whether all is there: the linker, the one that does the linking, and a link on trial
    #[command(after_help = "\
Examples:
  wasm-sections doctor
  wasm-sections doctor --linker /usr/bin/wasm-ld-22")]
    Doctor {
        /// The linker that is to do the linking
        #[arg(long, value_name = "PATH")]
        linker: Option<PathBuf>,
    },
}

/// What a command found out.
struct Answer<T> {
    /// What there is to show.
    shown: T,
    /// Whether all is well.
    good: bool,
}

/// What can be shown to people, too.
trait Show: Serialize {
    /// For people.
    fn text(&self) -> String;
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            let message = format!("{BAD}wasm-sections: error:{BAD:#} {error}");
            eprintln!("{}", for_terminal(&message));
            ExitCode::from(2)
        }
    }
}

fn run(arguments: Arguments) -> Result<bool> {
    let json = arguments.json;
    match arguments.command {
        Command::Inspect {
            module,
            section,
            html,
        } => {
            let report = inspect::inspect(&module, section.as_deref())?;
            match html {
                Some(file) => html::write(&report.shown, &file)?,
                None => show(&report.shown, json)?,
            }
            Ok(report.good)
        }
        Command::Diff { old, new } => answer(diff::diff(&old, &new)?, json),
        Command::Why { module, symbol } => answer(why::why(&module, &symbol)?, json),
        Command::Init { target, dry_run } => answer(init::init(&target, dry_run)?, json),
        Command::Doctor { linker } => answer(doctor::doctor(linker.as_deref())?, json),
    }
}

fn answer<T: Show>(answer: Answer<T>, json: bool) -> Result<bool> {
    show(&answer.shown, json)?;
    Ok(answer.good)
}

fn show(shown: &impl Show, json: bool) -> Result<()> {
    use std::io::Write;
    let text = if json {
        let text = serde_json::to_string_pretty(shown);
        text.map_err(|error| Error::new(error.to_string()))? + "\n"
    } else {
        for_terminal(&shown.text())
    };
    // Who closed it does not want to know.
    let _ = anstream::stdout().write_all(text.as_bytes());
    Ok(())
}

/// A text whose control characters, and those that cannot be seen, are shown and not obeyed, but for ends of lines
/// and for styles: what is in a module may come from anyone.
fn for_terminal(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let (piece, after) = rest.split_at(style_length(rest).unwrap_or(character.len_utf8()));
        let is_obeyed = character == '\n' || piece.len() > character.len_utf8();
        if !is_obeyed && (character.is_control() || is_unseen(character)) {
            safe.extend(character.escape_unicode());
        } else {
            safe.push_str(piece);
        }
        rest = after;
    }
    safe
}

/// Whether a character shows nothing itself, and may change how others look: what has no width, or turns the
/// direction in which text runs (Unicode's categories Cf, Zl and Zp, and what it calls ignorable by default).
fn is_unseen(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
        | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The length of the style (`ESC [ … m`) that a text begins with.
fn style_length(text: &str) -> Option<usize> {
    let codes = text.strip_prefix("\x1b[")?;
    let length = codes.find(|character: char| !matches!(character, '0'..='9' | ';'))?;
    codes
        .get(length..)?
        .starts_with('m')
        .then_some("\x1b[m".len() + length)
}

#[cfg(test)]
mod tests {
    use super::for_terminal;

    #[test]
    fn only_styles_are_obeyed() {
        let styled = "\x1b[1mbold\x1b[0m and \u{e9}\n";
        assert_eq!(for_terminal(styled), styled);
        assert_eq!(
            for_terminal("\x1b]0;title\x07\r"),
            "\\u{1b}]0;title\\u{7}\\u{d}"
        );
        assert_eq!(for_terminal("\x1b[2J\u{9b}31m"), "\\u{1b}[2J\\u{9b}31m");
    }

    #[test]
    fn what_cannot_be_seen_is_shown() {
        assert_eq!(
            for_terminal("a\u{202e}b\u{2066}c\u{200b}d\u{feff}e\u{2028}f\u{ad}"),
            "a\\u{202e}b\\u{2066}c\\u{200b}d\\u{feff}e\\u{2028}f\\u{ad}"
        );
        for text in [
            "\u{e9}",
            "\u{5d0}\u{627}",
            "\u{65e5}\u{672c}",
            "\u{1f600}",
            "e\u{301}",
        ] {
            assert_eq!(for_terminal(text), text);
        }
    }
}
