//! The keywords of the language, and the unsupported keywords of GNU ld.

use crate::error::Result;
use crate::script::source::Span;

/// Whether a word is a keyword, supported or not. A symbol with this name must be quoted.
pub fn is_keyword(word: &str) -> bool {
    const KEYWORDS: [&str; 37] = [
        "ABSOLUTE",
        "ADDR",
        "ALIGN",
        "ALIGNOF",
        "ASCII",
        "ASCIZ",
        "ASSERT",
        "AT",
        "BYTE",
        "DEFINED",
        "EXCLUDE_FILE",
        "FILL",
        "HIDDEN",
        "INCLUDE",
        "INSERT",
        "KEEP",
        "LOG2CEIL",
        "LONG",
        "MAX",
        "MIN",
        "PROVIDE",
        "PROVIDE_HIDDEN",
        "QUAD",
        "REVERSE",
        "SECTIONS",
        "SHORT",
        "SIZEOF",
        "SORT",
        "SORT_BY_ALIGNMENT",
        "SORT_BY_INIT_PRIORITY",
        "SORT_BY_NAME",
        "SORT_NONE",
        "SPECIAL",
        "SQUAD",
        "SUBALIGN",
        "COPY",
        "NOLOAD",
    ];
    KEYWORDS.contains(&word) || refusal(word).is_some()
}

/// The reason why a keyword of GNU ld is not supported; `None` for other words.
fn refusal(keyword: &str) -> Option<&'static str> {
    Some(match keyword {
        "MEMORY" | "REGION_ALIAS" => {
            "a wasm module has one linear memory; its size is set by --initial-memory and --max-memory"
        }
        "PHDRS" => "a wasm module has no program headers",
        "ENTRY" => "the entry of a wasm module is an export; name it with --entry",
        "OVERLAY" | "NOCROSSREFS" | "NOCROSSREFS_TO" => "linear memory has no overlays",
        "OUTPUT" => "name the output with -o",
        "OUTPUT_FORMAT" | "OUTPUT_ARCH" | "TARGET" => "the output is wasm, as the inputs are",
        "INPUT" | "GROUP" | "STARTUP" => "name the inputs on the command line",
        "SEARCH_DIR" => "name the directories on the command line, with -L",
        "EXTERN" => "name the symbols on the command line, with -u",
        "VERSION" => "wasm symbols have no versions",
        "CONSTRUCTORS" | "CREATE_OBJECT_SYMBOLS" => {
            "wasm objects list their constructors themselves"
        }
        "FORCE_COMMON_ALLOCATION" | "INHIBIT_COMMON_ALLOCATION" | "FORCE_GROUP_ALLOCATION" => {
            "wasm objects have no common symbols"
        }
        "ONLY_IF_RO" | "ONLY_IF_RW" => "wasm data segments are neither read-only nor read-write",
        "LOADADDR" => "wasm data has no load address of its own",
        "ORIGIN" | "LENGTH" => "a wasm module has no memory regions",
        "SIZEOF_HEADERS" => "the headers of a wasm module are not in linear memory",
        "DATA_SEGMENT_ALIGN"
        | "DATA_SEGMENT_END"
        | "DATA_SEGMENT_RELRO_END"
        | "CONSTANT"
        | "SEGMENT_START" => "linear memory has no page protection",
        "INPUT_SECTION_FLAGS" => "wasm data segments have no such flags",
        "LINKER_VERSION" => "write the text with ASCIZ",
        "BIND" | "CLASS" => "the backend linker assigns the addresses of sections",
        "LD_FEATURE" => "numbers in an output section are already offsets into it",
        "NEXT" | "BLOCK" => "the backend linker assigns the addresses of sections",
        "ALIGN_WITH_INPUT" => "wasm data has no load address of its own",
        _ => return None,
    })
}

/// Rejects an unsupported keyword.
///
/// # Errors
/// The keyword, with the reason.
pub fn refuse_word(word: &str, span: &Span) -> Result<()> {
    match refusal(word) {
        Some(reason) => {
            Err(span.error(format!("{word} is not supported for WebAssembly: {reason}")))
        }
        None => Ok(()),
    }
}
