//! The command line of the backend: the caller's arguments, with temporary files in place of or before the
//! rewritten inputs.

use super::beside::Promoted;
use super::diagnostics::{NameMap, SynthesizedSymbols};
use super::gate::Gate;
use super::locate::Backend;
use super::map::MapArrays;
use super::wild;
use crate::args::{self, ArgumentIndex, CommandLine, Edits, Id, Meaning};
use crate::error::{Error, Result, os_message};
use crate::input::{Files, Module, Name};
use crate::temporary::{Kind, TemporaryFiles, cannot_write};
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};

/// The command line of one link, and its temporary files. Dropping it removes them.
pub struct LinkCommand<'a> {
    pub(super) files: TemporaryFiles,
    pub(super) edits: Edits,
    pub(super) names: NameMap<'a>,
    pub(super) promoted: Promoted,
}

/// The maximum length of a command line in bytes; longer ones go into a response file. The limit of Windows is
/// 32,767 characters.
const MAX_LENGTH: usize = 30_000;
/// The maximum length of a command line with an empty argument, which older versions of lld drop in response
/// files. Linux takes at least 2 MiB.
const MAX_LENGTH_WITH_EMPTY: usize = if cfg!(windows) { MAX_LENGTH } else { 1 << 20 };

/// Whether the system takes a command line with these arguments.
pub fn are_short(arguments: &[OsString]) -> bool {
    // Windows passes one string: a space, quotes around an argument, and a backslash before some characters.
    const AROUND: usize = 3;
    let length = |argument: &OsString| {
        let bytes = argument.as_encoded_bytes();
        let escaped = bytes.iter().filter(|byte| matches!(byte, b'"' | b'\\'));
        bytes.len() + escaped.count() + AROUND
    };
    let most = match arguments.iter().any(|argument| argument.is_empty()) {
        true => MAX_LENGTH_WITH_EMPTY,
        false => MAX_LENGTH,
    };
    arguments.iter().map(length).sum::<usize>() <= most
}

impl<'a> LinkCommand<'a> {
    /// An empty command for this output, with a directory for its temporary files.
    ///
    /// # Errors
    /// A temporary directory that cannot be created.
    pub fn new(output: &Path) -> Result<Self> {
        TemporaryFiles::in_directory(output).map(Self::with)
    }

    /// An empty command with its temporary files in memory, of which there may be `files`. `None` if the system does
    /// not have so many.
    pub fn in_memory(files: usize) -> Option<Self> {
        TemporaryFiles::in_memory(files).ok().map(Self::with)
    }

    fn with(files: TemporaryFiles) -> Self {
        let mut prefix = files.path().as_os_str().as_encoded_bytes().to_vec();
        prefix.push(MAIN_SEPARATOR as u8);
        Self {
            files,
            edits: Edits::default(),
            names: NameMap::new(prefix),
            promoted: Promoted::default(),
        }
    }

    /// An empty command for a backend, without the options that this backend does not know.
    ///
    /// # Errors
    /// As of [`Self::new`]; an option that cannot be left out.
    pub fn for_backend(line: &CommandLine, backend: &Backend) -> Result<Self> {
        let mut command = Self::new(line.output())?;
        command.carry(line, backend)?;
        Ok(command)
    }

    /// Leaves out the options that a backend does not know.
    ///
    /// # Errors
    /// An option that cannot be left out.
    pub fn carry(&mut self, line: &CommandLine, backend: &Backend) -> Result<()> {
        match backend.must_carry(line) {
            true => wild::carry(self, line),
            false => Ok(()),
        }
    }

    /// Prints the messages of the LTO step, and hides these warnings in the final link.
    pub fn show_lto_messages(&mut self, messages: &[u8]) {
        let _ = std::io::stderr().write_all(messages);
        self.names.hide_repeated(messages);
    }

    /// Maps the names of temporary files back to inputs.
    pub fn names(&self) -> &NameMap<'a> {
        &self.names
    }

    /// Sets the lines that a link map shows for the arrays.
    pub fn show_in_map(&mut self, arrays: MapArrays) {
        self.names.set_arrays(arrays);
    }

    /// The arguments of the backend, of any length.
    pub fn all_arguments(&self, line: &CommandLine) -> Vec<OsString> {
        line.edited(&self.edits)
    }

    /// The arguments of the backend. A long command line goes into a response file.
    ///
    /// # Errors
    /// A response file that cannot be written.
    pub fn arguments(&mut self, line: &CommandLine) -> Result<Vec<OsString>> {
        let arguments = self.all_arguments(line);
        if are_short(&arguments) {
            return Ok(arguments);
        }
        let response = args::response_file(&arguments, line.quoting());
        let file = self.write_as(Kind::ResponseFile, &response, None)?;
        let mut argument = OsString::from("@");
        argument.push(file);
        // The quoting style must stay on the command line.
        let quoting = line
            .arguments()
            .filter(|(_, argument)| matches!(argument.meaning, Meaning::Option(Id::RspQuoting, _)));
        let mut arguments: Vec<_> = quoting
            .flat_map(|(_, argument)| argument.spelling.clone())
            .collect();
        arguments.push(argument);
        Ok(arguments)
    }

    /// Maps temporary names back in the reports of the backend: the link map and `--why-extract`.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn map_reports(&self, line: &CommandLine) -> Result<()> {
        for report in line.values(Id::Map).chain(line.values(Id::WhyExtract)) {
            let path = Path::new(report);
            // Skip terminals and pipes: their contents cannot be changed.
            if !path.is_file() {
                continue;
            }
            let Ok(text) = fs::read(path) else {
                continue;
            };
            let mapped = self.names.text(&text);
            if mapped != text {
                fs::write(path, mapped).map_err(|error| {
                    Error::new(format!(
                        "cannot write {}: {}",
                        path.display(),
                        os_message(&error)
                    ))
                })?;
            }
        }
        Ok(())
    }

    /// The directory of the temporary files.
    pub(super) fn directory(&self) -> &Path {
        self.files.path()
    }

    pub(super) fn write(&mut self, bytes: &[u8], shown_as: Option<String>) -> Result<PathBuf> {
        self.write_as(Kind::Object, bytes, shown_as)
    }

    pub(super) fn write_as(
        &mut self,
        kind: Kind,
        bytes: &[u8],
        shown_as: Option<String>,
    ) -> Result<PathBuf> {
        let path = self.path(kind, shown_as)?;
        fs::write(&path, bytes).map_err(|error| cannot_write(&path, &error))?;
        Ok(path)
    }

    /// The path of the next temporary file. Messages show it as `shown_as`.
    ///
    /// # Errors
    /// A file in memory that cannot be created.
    pub(super) fn path(&mut self, kind: Kind, shown_as: Option<String>) -> Result<PathBuf> {
        let path = self.files.file(kind)?;
        if let Some(input) = shown_as {
            self.names.add_input(&path, input);
        }
        Ok(path)
    }

    /// The name of the next member of a temporary archive, which messages show as `shown_as`.
    pub(super) fn new_member(&mut self, archive: &Path, shown_as: String) -> String {
        let member = self.files.name(Kind::Object);
        self.names.add_member(archive, &member, shown_as);
        member
    }

    /// The name of the member `name` of `original` in the temporary archive `archive`. It is the same if the archive
    /// format allows that, because some messages show a member without its archive.
    pub(super) fn member(&mut self, archive: &Path, name: &str, original: &Name) -> String {
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"/()".contains(&byte);
        match !name.is_empty() && name.bytes().all(is_plain) {
            true => name.to_owned(),
            false => self.new_member(archive, format!("{original}({name})")),
        }
    }

    /// Puts arguments in place of an object or, for an archive member, directly before its archive.
    pub(super) fn place(&mut self, module: &Module<'_>, arguments: Vec<OsString>) {
        let argument = module.place.argument;
        if module.is_member() {
            self.edits
                .before
                .entry(argument)
                .or_default()
                .extend(arguments);
        } else {
            self.edits.replace.insert(argument, arguments);
        }
    }

    /// Drops `--lto-obj-path`: the LTO step has already written its objects.
    pub fn drop_lto_object_path(&mut self, line: &CommandLine) {
        for (index, argument) in line.arguments() {
            if let Meaning::Option(Id::LtoObjectPath, _) = argument.meaning {
                self.edits.replace.insert(index, Vec::new());
            }
        }
    }

    /// Drops arguments.
    pub fn drop_arguments(&mut self, dropped: impl IntoIterator<Item = ArgumentIndex>) {
        for argument in dropped {
            self.edits.replace.insert(argument, Vec::new());
        }
    }

    /// Ends `--start-lib`, because appended objects must not be lazy.
    pub fn end_lazy_files(&mut self, line: &CommandLine) {
        if line.flag(Id::StartLib, Id::EndLib) {
            self.edits.last.push("--end-lib".into());
        }
    }

    /// Appends an object, to be written to the returned path.
    ///
    /// # Errors
    /// A file in memory that cannot be created.
    pub fn append(&mut self) -> Result<PathBuf> {
        let path = self.path(Kind::Object, None)?;
        self.edits.last.push(path.clone().into());
        Ok(path)
    }

    /// Appends an argument.
    pub fn append_argument(&mut self, argument: impl Into<OsString>) {
        self.edits.last.push(argument.into());
    }

    /// Creates a gate. Returns its argument too.
    ///
    /// # Errors
    /// A gate that cannot be created.
    pub fn gate(&mut self) -> Result<(PathBuf, Gate)> {
        Gate::create(&mut self.files)
    }

    /// Sets the inputs that messages show for the symbols of the synthesized object.
    pub fn show_symbols(&mut self, symbols: SynthesizedSymbols<'a>) {
        self.names.set_symbols(symbols);
    }

    /// Writes inputs that were pipes to temporary files: the backend cannot read them again.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_pipe_inputs(&mut self, files: &Files) -> Result<()> {
        for (argument, name, bytes) in files.read_once() {
            if !self.edits.replace.contains_key(&argument) {
                let file = self.write_as(Kind::Input, bytes, Some(name.to_string()))?;
                self.edits.replace.insert(argument, vec![file.into()]);
            }
        }
        Ok(())
    }
}
