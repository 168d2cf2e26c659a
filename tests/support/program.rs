//! Fake linkers, and our linker in a given environment.

use super::{Work, linker};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

impl Work {
    /// Creates an executable shell script. It must work with an empty environment. Another process writes the
    /// file, because a file that this process has open for writing cannot be executed.
    #[cfg(unix)]
    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.file(name);
        let source = self.write(
            "script.txt",
            format!("#!/bin/sh\nPATH=/usr/bin:/bin\n{text}\n"),
        );
        self.run(
            "install",
            [OsStr::new("-Dm755"), source.as_os_str(), path.as_os_str()],
        );
        path
    }

    /// A script that prints `name` and its arguments, one per line.
    #[cfg(unix)]
    pub fn echo(&self, name: &str) -> PathBuf {
        self.script(name, &format!("printf '%s\\n' {name} \"$@\""))
    }

    /// A copy of our linker.
    pub fn copy_of_linker(&self, name: &str) -> PathBuf {
        let copy = self.file(name);
        let arguments = [OsStr::new("-Dm755"), linker().as_os_str(), copy.as_os_str()];
        self.run("install", arguments);
        copy
    }

    /// A command for our linker in this directory, with only PATH and TMPDIR in its environment.
    pub fn linker_on_path(&self, path: &[&Path]) -> Command {
        let mut command = Command::new(linker());
        command
            .env_clear()
            .env("PATH", std::env::join_paths(path).expect("no separators"))
            .env("TMPDIR", self.file("tmp"))
            .current_dir(self.path());
        command
    }
}

/// The lines that a command prints. It must succeed.
pub fn lines(command: &mut Command) -> Vec<String> {
    let output = command.output().expect("a program that can be run");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    let stdout = String::from_utf8(output.stdout).expect("UTF-8");
    stdout.lines().map(str::to_owned).collect()
}
