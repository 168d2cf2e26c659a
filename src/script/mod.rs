//! The linker-script language of GNU ld, for the data of a wasm module.

mod ast;
mod lexer;
mod matcher;
mod names;
mod parser;
mod pattern;
mod selector;
mod source;

pub use ast::{
    Assert, Assignment, Binary, Command, Definition, Expression, InputDescription, Node,
    OutputSection, Statement, Unary,
};
pub use matcher::InputSection;
pub use names::Globs;
pub use pattern::{FileName, Glob};
pub use selector::Selector;
pub use source::{Source, Span, Spanned};

use crate::error::{Error, Result, os_message};
use std::fs;
use std::path::{Path, PathBuf};

/// `linker-scripts/default.ld`: the policy for gathered sections that no script lays out.
pub const DEFAULT: &str = include_str!("../../linker-scripts/default.ld");

/// The section name in `default.ld`, which [`Script::for_section`] replaces.
const NAME: &str = "NAME";

/// A script.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// The commands of all files, in order.
    pub commands: Vec<Command>,
    /// The texts of the `-T` files, for `--section-print-script`.
    pub texts: Vec<String>,
}

impl Script {
    /// Reads the `-T` files, in order. Searches the directories `search` for a file that does not exist (GNU ld
    /// manual, "Command-line Options", `-T`).
    ///
    /// # Errors
    /// A file that cannot be read, or a syntax error.
    pub fn read<'a>(files: impl Iterator<Item = &'a Path>, search: &[&Path]) -> Result<Self> {
        let mut script = Self::default();
        for file in files {
            let source = open(file, search)?;
            script.texts.push(source.text().to_owned());
            script.add(source, search)?;
        }
        Ok(script)
    }

    /// Parses a script.
    ///
    /// # Errors
    /// A syntax error.
    pub fn parse(source: Source, search: &[&Path]) -> Result<Self> {
        let mut script = Self::default();
        script.add(source, search)?;
        Ok(script)
    }

    fn add(&mut self, source: Source, search: &[&Path]) -> Result<()> {
        let include = |file: &Spanned<String>| {
            open(Path::new(&file.value), search).map_err(|error| file.span.error(error.to_string()))
        };
        self.commands.extend(parser::parse(source, &include)?);
        Ok(())
    }

    /// The policy for orphans: sections that no script lays out. Its section name is `NAME`.
    ///
    /// # Errors
    /// A syntax error in `default.ld`, which is compiled in.
    pub fn default_policy() -> Result<Self> {
        Self::parse(Source::new("default.ld", DEFAULT), &[])
    }

    /// The default policy, for the section `name`.
    #[must_use]
    pub fn for_section(&self, name: &str) -> Self {
        let mut script = self.clone();
        for command in &mut script.commands {
            if let Command::Output(output) = command {
                output.rename(NAME, name);
            }
        }
        script
    }

    /// The text of the effective policy: the user's scripts and the default policy for orphans.
    pub fn in_force(&self) -> String {
        let texts = self.texts.iter().map(String::as_str).chain([DEFAULT]);
        texts.map(|text| format!("{}\n", text.trim_end())).collect()
    }

    /// The output sections, in order.
    pub fn outputs(&self) -> impl Iterator<Item = &OutputSection> {
        self.commands.iter().filter_map(|command| match command {
            Command::Output(output) => Some(output),
            _ => None,
        })
    }

    /// The input section descriptions, in order.
    pub fn inputs(&self) -> impl Iterator<Item = &InputDescription> + Clone {
        let outputs = self.commands.iter().filter_map(|command| match command {
            Command::Output(output) => Some(output),
            _ => None,
        });
        outputs.flat_map(OutputSection::inputs)
    }

    /// The section patterns of all input section descriptions.
    pub fn section_patterns(&self) -> impl Iterator<Item = Glob> {
        self.inputs().flat_map(|input| {
            let all = input.sections.is_empty().then_some(Glob::Any);
            let sections = input.sections.iter();
            let named = sections.map(|section| Glob::new(&section.name.value));
            all.into_iter().chain(named)
        })
    }
}

/// Opens a script in the current directory or a search directory.
fn open(file: &Path, search: &[&Path]) -> Result<Source> {
    let elsewhere = || {
        search
            .iter()
            .map(|directory| directory.join(file))
            .find(|path| path.exists())
    };
    let path: PathBuf = if file.exists() {
        file.to_path_buf()
    } else {
        elsewhere().unwrap_or_else(|| file.to_path_buf())
    };
    let bytes = fs::read(&path).map_err(|error| {
        Error::new(format!(
            "cannot open linker script {}: {}",
            file.display(),
            os_message(&error)
        ))
        .note("searched the current directory and the directories of -L")
    })?;
    Ok(Source::read(path.display().to_string(), &bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_policy_applies_to_a_section() {
        let default = Script::default_policy().expect("the default script");
        let script = default.for_section("PLUGINS");
        let output = script.outputs().next().expect("an output section");
        assert_eq!(output.name.value, "PLUGINS");
        let matches = |name: &str| script.section_patterns().any(|glob| glob.matches(name));
        assert!(matches("PLUGINS") && matches("PLUGINS.10") && !matches("NAME"));
    }
}
