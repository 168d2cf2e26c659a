//! The programs `wasm-sections`, which shows what the linker gathered into a module, and `cargo wasm-sections`, which
//! builds the module before. They are programs: this library is only what both have in common.

mod callable;
mod cargo;
mod cargo_build;
mod cargo_command;
mod cargo_options;
mod compare;
mod debug_info;
mod diff;
mod doctor;
mod follow;
mod generate;
mod html;
mod image;
mod init;
mod inspect;
mod module;
mod open;
mod pointers;
mod progress;
mod references;
mod report;
mod why;

use anstream::eprintln;
use anstyle::{AnsiColor, Style};
use clap::{CommandFactory, Parser, Subcommand};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;
use wasm_section_ld::error::{Error, Result, os_message};

/// Headings.
const BOLD: Style = Style::new().bold();
/// What is good, or was added.
const GOOD: Style = AnsiColor::Green.on_default();
/// What is bad, or was removed.
const BAD: Style = AnsiColor::Red.on_default();
/// Hints and notes.
const FAINT: Style = Style::new().dimmed();

/// Shows what wasm-section-ld gathered into a WebAssembly module.
///
/// Link with `--section-manifest`, which adds a list of the entries of each array to the module, with
/// where they come from and what they refer to. Without it only the start and the end of a section
/// are known, and only if they are exported or a data segment has the name of the section.
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
  0  success
  1  the answer is no: the modules differ, the symbol is in no array, doctor found a problem
  2  an error: a file cannot be read or is damaged, or the command line is wrong

The --help of each command has examples.";

#[derive(Subcommand)]
enum Command {
    /// Show the sections of a module: their entries, the origin of each, and what it refers to
    #[command(after_help = "\
Examples:
  wasm-sections inspect app.wasm
  wasm-sections inspect app.wasm --section PLUGINS
  wasm-sections inspect app.wasm --html sections.html
  wasm-sections inspect app.wasm --json | jq '.modules[].sections[].entries[].symbol'")]
    Inspect {
        /// A linked module, or a component
        module: PathBuf,
        /// Show only this section
        #[arg(long, value_name = "NAME")]
        section: Option<String>,
        /// Write a page for a browser, with the memory drawn to scale
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
    },
    /// Compare the entries of two modules
    #[command(after_help = "\
Examples:
  wasm-sections diff before.wasm after.wasm
  wasm-sections diff released.wasm target/wasm32-unknown-unknown/release/app.wasm || exit 1

Entries are compared by section and name, and entries without a symbol by their file. If several \
entries have one name, those with the same content are compared first. An entry has moved if its order \
among the entries that are in both modules has changed.")]
    Diff {
        /// The old module
        old: PathBuf,
        /// The new module
        new: PathBuf,
    },
    /// Explain why a symbol is in an array, or why not
    #[command(after_help = "\
Examples:
  wasm-sections why app.wasm plugin_math::square
  wasm-sections why app.wasm __link_section__PLUGINS\\$\\$plugin_math::square

SYMBOL may be mangled or demangled, or a part of the name.")]
    Why {
        /// A linked module, or a component
        module: PathBuf,
        /// The symbol of an entry, or of something that an entry refers to
        symbol: String,
    },
    /// Set the linker in the nearest .cargo/config.toml
    #[command(after_help = "\
Examples:
  wasm-sections init
  wasm-sections init --target wasm32-wasip1 --dry-run

The file is searched for from the current directory upward. If there is none, it is created next to \
the Cargo.toml of the workspace. The rest of the file does not change.")]
    Init {
        /// The target to set the linker for; may be repeated [default: `build.target` if it is a wasm
        /// target, else wasm32-unknown-unknown]
        #[arg(long, value_name = "TRIPLE")]
        target: Vec<String>,
        /// Show the change without writing it
        #[arg(long)]
        dry_run: bool,
    },
    /// Check the installation: wasm-section-ld, the linker that it runs, and a test link
    #[command(after_help = "\
Examples:
  wasm-sections doctor
  wasm-sections doctor --linker /usr/bin/wasm-ld-22")]
    Doctor {
        /// The linker that wasm-section-ld is to run
        #[arg(long, value_name = "PATH")]
        linker: Option<PathBuf>,
    },
    /// Write man pages and shell completions to a directory, for packages
    #[command(hide = true)]
    Generate {
        /// Where `man` and `completions` are created
        directory: PathBuf,
    },
}

/// The result of a command.
struct Answer<T> {
    /// What to print.
    shown: T,
    /// Whether the exit status is 0, and not 1.
    good: bool,
}

/// A result that can be printed as text, and not only as JSON.
trait Show: Serialize {
    /// The text, with styles.
    fn text(&self) -> String;
}

/// Runs `wasm-sections` with the arguments of the process.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    exit(run(arguments).map(|good| u8::from(!good)))
}

/// Runs `cargo wasm-sections` with the arguments of the process.
#[must_use]
pub fn cargo_main() -> ExitCode {
    exit(cargo_command::run(std::env::args_os()))
}

/// The exit status, after an error was printed.
fn exit(result: Result<u8>) -> ExitCode {
    match result {
        Ok(status) => ExitCode::from(status),
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
            let reading = format!("reading {}", module.display());
            let read = || inspect::inspect(&module, section.as_deref());
            let report = progress::during(reading, read)?;
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
        Command::Generate { directory } => {
            generate::generate(&Arguments::command(), &directory)?;
            generate::generate(&cargo_command::command(), &directory).map(|()| true)
        }
    }
}

fn answer<T: Show>(answer: Answer<T>, json: bool) -> Result<bool> {
    show(&answer.shown, json)?;
    Ok(answer.good)
}

fn show(shown: &impl Show, json: bool) -> Result<()> {
    use std::io::{ErrorKind, Write};
    let text = if json {
        let text = serde_json::to_string_pretty(shown);
        text.map_err(|error| Error::new(error.to_string()))? + "\n"
    } else {
        for_terminal(&shown.text())
    };
    let written = anstream::stdout().write_all(text.as_bytes());
    match written {
        // Ignore EPIPE: the reader, such as `head`, has enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let error = os_message(&error);
            Err(Error::new(format!("cannot write the output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Escapes control characters and invisible characters, except newlines and styles. Names in a module are not
/// trusted, and a terminal executes control characters.
fn for_terminal(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let (piece, after) = rest.split_at(style_length(rest).unwrap_or(character.len_utf8()));
        let is_kept = character == '\n' || piece.len() > character.len_utf8();
        if !is_kept && (character.is_control() || is_invisible(character)) {
            safe.extend(character.escape_unicode());
        } else {
            safe.push_str(piece);
        }
        rest = after;
    }
    safe
}

/// Whether a character is invisible and may change how other characters look. Such are characters without a width
/// and those that change the direction of text: Unicode's categories Cf, Zl and Zp, and the property
/// Default_Ignorable_Code_Point.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
        | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The length of the style (`ESC [ … m`) at the start of a text.
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
    fn styles_are_kept_and_other_controls_are_escaped() {
        let styled = "\x1b[1mbold\x1b[0m and \u{e9}\n";
        assert_eq!(for_terminal(styled), styled);
        assert_eq!(
            for_terminal("\x1b]0;title\x07\r"),
            "\\u{1b}]0;title\\u{7}\\u{d}"
        );
        assert_eq!(for_terminal("\x1b[2J\u{9b}31m"), "\\u{1b}[2J\\u{9b}31m");
    }

    #[test]
    fn invisible_characters_are_escaped() {
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
