//! GNU ld as the reference for scripts: compiles the same C sources for x86-64 and for wasm, links them with
//! the same script, and reads both outputs.

use super::{Instance, Work, tool};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// An input section.
#[derive(Debug, Clone)]
pub struct Section {
    /// Its name.
    pub name: &'static str,
    /// Its alignment in bytes, at least 4.
    pub alignment: u32,
    /// Identifies the section: it is the value of each of its words, and part of the name of its symbol.
    pub number: u32,
    /// The number of 32-bit words. The symbol of a section without words is global, so that tests can read its
    /// address.
    pub words: usize,
}

/// The contents of a linked file.
#[derive(Debug, Clone, Default)]
pub struct Image {
    /// The address and bytes of the requested output sections that exist.
    pub sections: BTreeMap<String, (u64, Vec<u8>)>,
    /// The address of each symbol, and its output section if the file has that.
    pub symbols: BTreeMap<String, (u64, Option<String>)>,
}

/// Objects for both targets, with the same names in two directories.
pub struct Both {
    work: Work,
}

impl Both {
    /// Compiles the objects, each with a name and sections, and creates the archives, each with a name and
    /// members.
    pub fn new(objects: &[(&str, Vec<Section>)], archives: &[(&str, &[&str])]) -> Self {
        let sources: Vec<_> = objects
            .iter()
            .map(|(name, sections)| (*name, source(sections)))
            .collect();
        Self::of_sources(&sources, archives)
    }

    /// Like [`Self::new`], for C sources.
    pub fn of_sources(sources: &[(&str, String)], archives: &[(&str, &[&str])]) -> Self {
        let work = Work::new();
        for (directory, target) in [
            ("elf", "x86_64-linux-gnu"),
            ("wasm", "wasm32-unknown-unknown"),
        ] {
            fs::create_dir(work.file(directory)).expect("a directory");
            for (name, source) in sources {
                let source = work.write("source.c", source);
                let object = work.file(directory).join(name);
                let target = format!("--target={target}");
                let arguments = [target.as_str(), "-O1", "-c", "-o"].map(PathBuf::from);
                let arguments = arguments.into_iter().chain([object, source]);
                work.run(tool("WSL_CLANG"), arguments);
            }
            for (archive, members) in archives {
                let mut command = Command::new(tool("WSL_AR"));
                command.arg("rcs").arg(archive).args(*members);
                let status = command.current_dir(work.file(directory)).status();
                assert!(status.expect("ar").success());
            }
        }
        Self { work }
    }

    /// Links with GNU ld. Returns the bytes of an output section, or the error message.
    pub fn gnu(
        &self,
        script: impl AsRef<[u8]>,
        inputs: &[&str],
        section: &str,
    ) -> Result<Vec<u8>, String> {
        let mut image = self.gnu_image(script, inputs, &[section])?;
        let section = image.sections.remove(section);
        Ok(section.map(|(_, bytes)| bytes).unwrap_or_default())
    }

    /// Links with GNU ld. Returns the contents of the output, or the error message.
    pub fn gnu_image(
        &self,
        script: impl AsRef<[u8]>,
        inputs: &[&str],
        sections: &[&str],
    ) -> Result<Image, String> {
        self.gnu_takes(script, inputs)?;
        let directory = self.work.file("elf");
        let dump = run(
            Command::new("objdump").args(["-h", "-t", "out"]),
            &directory,
        );
        assert!(dump.status.success(), "objdump: {dump:?}");
        let dump = String::from_utf8_lossy(&dump.stdout);
        let mut image = Image::default();
        let mut with_contents = Vec::new();
        let mut headers: Option<(String, u64, usize)> = None;
        for line in dump.lines() {
            let columns = line.split_whitespace().filter(|text| *text != ".hidden");
            let columns: Vec<&str> = columns.collect();
            if let [number, name, size, address, ..] = columns[..]
                && number.parse::<u32>().is_ok()
                && sections.contains(&name)
            {
                let size = usize::from_str_radix(size, 16).expect("a size");
                headers = Some((name.to_owned(), hexadecimal(address), size));
            } else if let Some((name, address, size)) = headers.take() {
                if line.contains("CONTENTS") && size > 0 {
                    with_contents.push(name.clone());
                }
                image.sections.insert(name, (address, vec![0; size]));
            } else if let [address, .., section, _size, name] = columns[..]
                && address.len() == 16
            {
                let place = (hexadecimal(address), Some(section.to_owned()));
                image.symbols.insert(name.to_owned(), place);
            }
        }
        let mut copy = Command::new("objcopy");
        for name in &with_contents {
            copy.arg(format!("--dump-section={name}={name}.bin"));
        }
        let copied = run(copy.args(["out", "copy"]), &directory);
        assert!(copied.status.success(), "objcopy: {copied:?}");
        for name in with_contents {
            let bytes = fs::read(directory.join(format!("{name}.bin"))).expect("a section");
            image
                .sections
                .entry(name)
                .and_modify(|section| section.1 = bytes);
        }
        Ok(image)
    }

    /// Links with GNU ld. Returns the error message if that fails.
    pub fn gnu_takes(&self, script: impl AsRef<[u8]>, inputs: &[&str]) -> Result<(), String> {
        let directory = self.work.file("elf");
        fs::write(directory.join("script.ld"), script).expect("a script");
        let output = run(
            Command::new("ld")
                .args(["-e", "0", "-z", "noexecstack", "--no-warn-rwx-segments"])
                .args(["-o", "out", "--whole-archive"])
                .args(inputs)
                // After the inputs: a file that the script names is linked at the position of the
                // script.
                .args(["-T", "script.ld"]),
            &directory,
        );
        if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// Links with our linker. Returns the bytes of an output section, or the error message.
    pub fn ours(
        &self,
        script: impl AsRef<[u8]>,
        inputs: &[&str],
        section: &str,
    ) -> Result<Vec<u8>, String> {
        let mut image = self.our_image(script, inputs, &[section], &[])?;
        let section = image.sections.remove(section);
        Ok(section.map(|(_, bytes)| bytes).unwrap_or_default())
    }

    /// Links with our linker. Returns the sections and symbols that exist, or the error message.
    pub fn our_image(
        &self,
        script: impl AsRef<[u8]>,
        inputs: &[&str],
        sections: &[&str],
        symbols: &[String],
    ) -> Result<Image, String> {
        let directory = self.work.file("wasm");
        fs::write(directory.join("script.ld"), script).expect("a script");
        let bounds = |name: &&str| ["start", "stop"].map(|end| format!("__{end}_{name}"));
        let bounds = sections.iter().flat_map(bounds);
        let exports = bounds.chain(symbols.iter().cloned());
        let output = run(
            Command::new(super::linker())
                .env("WASM_SECTION_LD_LINKER", tool("WSL_WASM_LD"))
                .args(["--no-entry", "-T", "script.ld", "-o", "out.wasm"])
                .args(exports.map(|symbol| format!("--export-if-defined={symbol}")))
                .args(inputs),
            &directory,
        );
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let module = fs::read(directory.join("out.wasm")).expect("a module");
        let instance = Instance::new(&module);
        let exports = instance.exports();
        let mut image = Image::default();
        for &name in sections {
            let start = format!("__start_{name}");
            if exports.contains(&start) {
                let bytes = instance.section(name).to_vec();
                let place = (instance.address(&start).into(), bytes);
                image.sections.insert(name.to_owned(), place);
            }
        }
        for name in symbols.iter().filter(|name| exports.contains(name)) {
            let address = instance.address(name).into();
            image.symbols.insert(name.clone(), (address, None));
        }
        Ok(image)
    }
}

fn hexadecimal(digits: &str) -> u64 {
    u64::from_str_radix(digits, 16).expect("hexadecimal digits")
}

fn run(command: &mut Command, directory: &Path) -> Output {
    command
        .current_dir(directory)
        .output()
        .expect("a tool that runs")
}

fn source(sections: &[Section]) -> String {
    let variable = |section: &Section| {
        let Section {
            name,
            alignment,
            number,
            words,
        } = section;
        let linkage = if *words == 0 { "" } else { "static " };
        let values = vec![number.to_string(); *words].join(", ");
        format!(
            "__attribute__((section(\"{name}\"), used, aligned({alignment}))) \
             {linkage}const int v{number}[{words}] = {{{values}}};\n"
        )
    };
    sections.iter().map(variable).collect()
}
