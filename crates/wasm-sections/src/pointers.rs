//! Pointers in entries, as reports show them.

use super::callable::Callable;
use serde::Serialize;
use wasm_section_ld::demangle;

/// A pointer in an entry.
#[derive(Debug, Clone, Serialize)]
pub struct PointerReport {
    /// Its offset from the start of the entry, in bytes; of a guess, from the start of the section.
    pub offset: u32,
    /// In bytes.
    #[serde(skip)]
    pub size: u32,
    pub kind: &'static str,
    /// Its value in the initial memory.
    pub value: Option<u64>,
    /// The symbol that it refers to, demangled.
    pub target: Option<String>,
    /// The offset from that symbol, in bytes.
    pub addend: i64,
    /// The function at that index of the table, by its name in the module.
    pub function: Option<String>,
    /// The index of that function in the module.
    pub function_index: Option<u32>,
    /// The closure that it refers to, directly or through a shim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closure: Option<Callable>,
    /// The text that it refers to.
    pub text: Option<String>,
    /// How the end of the text is known: from the `next-word`, if that is its length, or by a `nul`.
    pub text_end: Option<&'static str>,
    /// The data that it refers to, if the manifest has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<DataReport>,
    /// Whether its symbol is one that compilers make for data without a name.
    #[serde(skip)]
    pub is_nameless: bool,
    /// Whether it refers to the function that marks the section for the linker.
    #[serde(skip)]
    pub marks_section: bool,
}

/// Data that a pointer refers to.
#[derive(Debug, Clone, Serialize)]
pub struct DataReport {
    /// The number of bytes from the address in the pointer to the end of the data.
    pub size: u32,
    /// Its pointers, with offsets from that address.
    pub pointers: Vec<PointerReport>,
    /// Its bytes, with zeros as in those of an entry.
    #[serde(skip)]
    pub content: Option<Vec<u8>>,
}

impl PointerReport {
    /// What it refers to, as it is shown.
    pub fn title(&self) -> String {
        if let Some(closure) = &self.closure {
            return closure.title();
        }
        match (self.what(), self.address()) {
            (Some(what), Some(address)) => format!("{what} at {address:#x}"),
            (Some(what), None) => what,
            (None, Some(address)) => format!("{address:#x}"),
            (None, None) => "?".to_owned(),
        }
    }

    /// What it refers to, without addresses.
    pub fn what(&self) -> Option<String> {
        if let Some(closure) = &self.closure {
            return Some(closure.what());
        }
        if let Some(text) = &self.text {
            return Some(format!("{text:?}"));
        }
        let beyond = match self.addend {
            0 => String::new(),
            addend => format!("{addend:+}"),
        };
        let target = self.target.as_ref();
        let target = target.map(|target| format!("{target}{beyond}"));
        match (self.kind, &self.function, target) {
            ("function", Some(function), _) => Some(format!("fn {function}")),
            ("function", None, Some(target)) => Some(format!("fn {target}")),
            (_, _, Some(_)) if self.is_nameless => Some(match self.data.as_ref() {
                Some(data) if data.size == 1 => "1 byte".to_owned(),
                Some(data) => format!("{} bytes", data.size),
                None => "data".to_owned(),
            }),
            (_, _, target) => target.map(|target| format!("&{target}")),
        }
    }

    /// The address, if it refers to data without a name.
    fn address(&self) -> Option<u64> {
        let is_unnamed = self.text.is_none() && self.kind != "function";
        let is_unnamed = is_unnamed && (self.is_nameless || self.target.is_none());
        self.value.filter(|_| is_unnamed)
    }
}

/// A demangled symbol.
pub fn demangled(symbol: &str) -> String {
    match demangle::rust_path(symbol) {
        Some(Ok(path)) => path,
        _ => demangle::as_llvm(symbol).unwrap_or_else(|| without_hash(symbol).to_owned()),
    }
}

/// `wasm-bindgen` demangles names and leaves the hash at the end.
fn without_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((path, hash)) if demangle::is_hash(hash) => path,
        _ => name,
    }
}
