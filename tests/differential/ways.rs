//! How objects come into a link.

use crate::args;
use crate::support::Work;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

/// How a group of objects comes into a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    Files,
    Archive,
    ThinArchive,
    /// By `-l`.
    Library,
    /// Between `--start-lib` and `--end-lib`.
    Lib,
    WholeArchive,
    ResponseFile,
    WindowsResponseFile,
}

pub const WAYS: [Way; 8] = [
    Way::Files,
    Way::Archive,
    Way::ThinArchive,
    Way::Library,
    Way::Lib,
    Way::WholeArchive,
    Way::ResponseFile,
    Way::WindowsResponseFile,
];

impl Way {
    /// Whether the objects are linked whether anything refers to them or not.
    pub fn is_always(self) -> bool {
        !matches!(
            self,
            Way::Archive | Way::ThinArchive | Way::Library | Way::Lib
        )
    }

    /// The words that bring `objects`, the group `number` of a link, into it.
    pub fn words(self, work: &Work, number: usize, objects: &[PathBuf]) -> Vec<OsString> {
        let files = || objects.iter().map(OsString::from);
        match self {
            Way::Files => files().collect(),
            Way::Archive => args![archive(work, "rcs", number, objects)].to_vec(),
            Way::ThinArchive => args![archive(work, "rcsT", number, objects)].to_vec(),
            Way::Library => {
                archive(work, "rcs", number, objects);
                match number % 3 {
                    0 => args!["-L.", format!("-lgroup{number}")].to_vec(),
                    1 => args!["--library-path", ".", "-l", format!("group{number}")].to_vec(),
                    _ => args!["-L", work.path(), format!("--library=group{number}")].to_vec(),
                }
            }
            Way::Lib => ["--start-lib".into()]
                .into_iter()
                .chain(files())
                .chain(["--end-lib".into()])
                .collect(),
            Way::WholeArchive => {
                let archive = archive(work, "rcs", number, objects);
                args!["--whole-archive", archive, "-no-whole-archive"].to_vec()
            }
            Way::ResponseFile | Way::WindowsResponseFile => {
                let quoted = objects.iter().map(|file| format!("\"{}\"", file.display()));
                let text: Vec<_> = quoted.collect();
                work.write(&format!("group{number}.rsp"), text.join("\n"));
                // The last word on quoting counts for all of them, and here both read the same.
                let windows = self == Way::WindowsResponseFile;
                let style = if windows { "windows" } else { "posix" };
                args![
                    format!("--rsp-quoting={style}"),
                    format!("@group{number}.rsp")
                ]
                .to_vec()
            }
        }
    }
}

fn archive(work: &Work, operation: &str, number: usize, objects: &[PathBuf]) -> String {
    let name = format!("libgroup{number}.a");
    let _ = fs::remove_file(work.file(&name));
    let paths: Vec<_> = objects.iter().map(PathBuf::as_path).collect();
    work.archive_with(operation, &name, &paths);
    name
}
