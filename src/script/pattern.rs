//! Patterns with `*`, `?` and `[a-z]`, as in `fnmatch`.

use super::ast::FilePattern;
use glob::Pattern;

/// A pattern for names.
#[derive(Debug, Clone)]
pub enum Glob {
    /// `*`: any name.
    Any,
    /// The name itself.
    Literal(String),
    /// A pattern with wildcards.
    Wildcard(Wildcard),
}

/// A pattern with wildcards, with its literal prefix and suffix.
#[derive(Debug, Clone)]
pub struct Wildcard {
    /// The literal text before the first wildcard.
    pub prefix: String,
    /// The literal text after the last wildcard.
    pub suffix: String,
    pattern: Pattern,
}

impl Wildcard {
    /// Whether it matches a name.
    pub fn matches(&self, name: &str) -> bool {
        name.starts_with(&self.prefix) && name.ends_with(&self.suffix) && self.pattern.matches(name)
    }
}

impl Glob {
    /// Compiles a pattern. As in `fnmatch`, a pattern with unbalanced brackets matches only itself.
    pub fn new(text: &str) -> Self {
        let Some(wildcard) = text.find(['*', '?', '[', '\\']) else {
            return Glob::Literal(text.to_owned());
        };
        if text == "*" {
            return Glob::Any;
        }
        match Pattern::new(&translate(text)) {
            Ok(pattern) => Glob::Wildcard(Wildcard {
                prefix: text[..wildcard].to_owned(),
                suffix: suffix(text).to_owned(),
                pattern,
            }),
            Err(_) => Glob::Literal(text.to_owned()),
        }
    }

    /// Whether it matches a name.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Glob::Any => true,
            Glob::Literal(text) => text == name,
            Glob::Wildcard(wildcard) => wildcard.matches(name),
        }
    }

    /// The name that it matches, if it has no wildcards.
    pub fn literal(&self) -> Option<&str> {
        match self {
            Glob::Literal(text) => Some(text),
            Glob::Any | Glob::Wildcard(_) => None,
        }
    }
}

/// The text after the last wildcard; empty if the pattern has escapes.
fn suffix(text: &str) -> &str {
    match text.rfind(['*', '?', ']', '\\']) {
        Some(last) if !text.contains('\\') => &text[last + 1..],
        _ => "",
    }
}

/// Translates `fnmatch` syntax to `glob` syntax: `[^a]` to `[!a]`, `\a` to `[a]`, and `**` to `*`.
fn translate(text: &str) -> String {
    let mut translated = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '*' if translated.ends_with('*') => {}
            '[' if characters.peek() == Some(&'^') => {
                characters.next();
                translated.push_str("[!");
            }
            '\\' => {
                let escaped = characters.next().unwrap_or('\\');
                translated.extend(['[', escaped, ']']);
            }
            _ => translated.push(character),
        }
    }
    translated
}

/// A file as scripts see it: its path, or the archive's path and the member's name.
#[derive(Debug, Clone, Copy)]
pub struct FileName<'a> {
    /// The path on the command line or, for a member, its name.
    pub file: &'a str,
    /// The path of the archive.
    pub archive: Option<&'a str>,
}

/// A compiled [`FilePattern`].
#[derive(Debug, Clone)]
pub struct FileGlob {
    archive: Option<Glob>,
    file: Option<Glob>,
    /// Whether it matches only files that are not archive members (`:FILE`).
    no_archive: bool,
}

/// The key by which an index finds the files of a [`FileGlob`].
#[derive(Debug, Clone, Copy)]
pub enum FileKey<'g> {
    /// None: it may match any file.
    Any,
    /// The name of the file or member.
    File(&'g Glob),
    /// The name of the archive.
    Archive(&'g Glob),
}

/// Compiles a pattern for paths. On Windows, `\` may separate directories; in a pattern with wildcards it is the
/// escape character, so there it is `\\`.
fn path_glob(text: &str) -> Glob {
    if !cfg!(windows) {
        return Glob::new(text);
    }
    let separator = match text.contains(['*', '?', '[']) {
        true => r"\\",
        false => r"\",
    };
    Glob::new(&text.replace(separator, "/"))
}

impl FileGlob {
    /// Compiles a pattern.
    pub fn new(pattern: &FilePattern) -> Self {
        let archive = pattern
            .archive
            .as_deref()
            .filter(|archive| !archive.is_empty());
        Self {
            archive: archive.map(path_glob),
            file: pattern.file.as_deref().map(path_glob),
            no_archive: pattern.archive.as_deref() == Some(""),
        }
    }

    /// Whether it matches a file. A name without wildcards does not match archive members: GNU ld opens the
    /// file of that name.
    pub fn matches(&self, name: FileName<'_>) -> bool {
        let is_literal = matches!(self.file, Some(Glob::Literal(_)));
        let is_file_only = is_literal && self.archive.is_none();
        !(is_file_only && name.archive.is_some()) && self.matches_parts(name)
    }

    /// The key by which an index finds the matching files.
    pub fn key(&self) -> FileKey<'_> {
        let is_selective = |glob: &&Glob| !matches!(glob, Glob::Any);
        match (&self.file, &self.archive) {
            (Some(file), _) if is_selective(&file) => FileKey::File(file),
            (_, Some(archive)) if is_selective(&archive) => FileKey::Archive(archive),
            _ => FileKey::Any,
        }
    }

    fn matches_parts(&self, name: FileName<'_>) -> bool {
        let archive_matches = match (&self.archive, name.archive) {
            (Some(pattern), Some(archive)) => pattern.matches(archive),
            (Some(_), None) => false,
            (None, archive) => !(self.no_archive && archive.is_some()),
        };
        archive_matches
            && self
                .file
                .as_ref()
                .is_none_or(|pattern| pattern.matches(name.file))
    }

    /// Whether `EXCLUDE_FILE` with this pattern excludes the file. There, a pattern without a colon also matches
    /// the archive.
    pub fn excludes(&self, name: FileName<'_>) -> bool {
        let by_archive = || {
            self.archive.is_none()
                && !self.no_archive
                && match (&self.file, name.archive) {
                    (Some(pattern), Some(archive)) => pattern.matches(archive),
                    _ => false,
                }
        };
        self.matches_parts(name) || by_archive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_in_fnmatch() {
        for (pattern, name, matches) in [
            ("a*", "a.b/c", true),
            ("*", "", true),
            ("a?c", "abc", true),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[!a-c]x", "dx", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("a**b", "axxb", true),
            ("[a", "[a", true),
            ("a*b", "ab", true),
            ("a*ab", "ab", false),
            ("*[0-9].b", "x1.b", true),
            ("*\\.b", "x.b", true),
            ("[]]b", "]b", true),
        ] {
            assert_eq!(
                Glob::new(pattern).matches(name),
                matches,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    #[cfg(windows)]
    fn both_separators_of_windows() {
        for pattern in ["dir/a.o", r"dir\a.o", r"d*\\a.o", "d*/a.o"] {
            assert!(path_glob(pattern).matches("dir/a.o"), "{pattern}");
        }
        assert!(path_glob(r"\**").matches("*x"));
    }

    #[test]
    fn files_and_archives() {
        let matches = |archive: Option<&str>, file: Option<&str>, name| {
            FileGlob::new(&FilePattern {
                archive: archive.map(str::to_owned),
                file: file.map(str::to_owned),
            })
            .matches(name)
        };
        let plain = FileName {
            file: "dir/a.o",
            archive: None,
        };
        let member = FileName {
            file: "a.o",
            archive: Some("libx.a"),
        };
        assert!(matches(None, Some("*a.o"), plain) && matches(None, Some("*a.o"), member));
        assert!(matches(None, Some("dir/a.o"), plain) && !matches(None, Some("a.o"), member));
        assert!(
            matches(Some("*x.a"), Some("a.o"), member) && !matches(Some("*x.a"), Some("*"), plain)
        );
        assert!(matches(Some("*x.a"), None, member) && !matches(Some("*y.a"), None, member));
        assert!(matches(Some(""), Some("*a.o"), plain) && !matches(Some(""), Some("*a.o"), member));
    }
}
