//! Where elements go, on each kind of platform: the names of sections and what bounds them.
//!
//! The proc macro runs on the host, so what it makes says with `cfg_attr` what is for which target.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

/// The section of a slice, by the slice's name and what makes it unique.
pub struct Section<'a> {
    /// The slice's identifier.
    pub ident: &'a str,
    /// Sixteen hexadecimal digits.
    pub unique: &'a str,
}

/// A key that orders the elements of a slice: four digits, or nothing.
pub type Key<'a> = &'a str;

impl Section<'_> {
    /// The name in memory on wasm and ELF, where linkers bound sections whose name is an identifier.
    fn identifier(&self, prefix: &str) -> String {
        // Raw and non-ASCII identifiers are no C identifiers.
        let ident: String = self
            .ident
            .trim_start_matches("r#")
            .chars()
            .map(|character| match character {
                'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => character,
                _ => '_',
            })
            .collect();
        format!("{prefix}_{ident}_{}", self.unique)
    }

    /// The name on Mach-O, which has room for 16 characters.
    fn mach_o(&self, prefix: &str) -> String {
        format!("__{prefix}{}", &self.unique[..8])
    }

    /// The attributes of a static that is in this section. `unique` tells it apart from others.
    pub fn attributes(&self, key: Key<'_>, unique: &str) -> TokenStream {
        let used = used();
        let wasm = wasm_mark(&self.identifier("linkme"), key, "", unique);
        let placed = self.placed("linkme", &format!("$b{key}"));
        quote!(#used #wasm #placed)
    }

    /// `link_section` for all but wasm; `group` is the part of the section on PE.
    fn placed(&self, prefix: &str, group: &str) -> TokenStream {
        let elf = link_section(&self.identifier(prefix));
        let mach_o = self.mach_o(prefix);
        let mach_o = link_section(&format!("__DATA,{mach_o},regular,no_dead_strip"));
        let pe = link_section(&format!(".{}{group}", self.identifier(prefix)));
        let is_pe = is_pe();
        quote! {
            #[cfg_attr(target_vendor = "apple", #mach_o)]
            #[cfg_attr(any(#is_pe), #pe)]
            #[cfg_attr(
                not(any(target_family = "wasm", target_vendor = "apple", #is_pe)),
                #elf
            )]
        }
    }

    /// Items for the two ends of the section, `START` and `STOP`, which have no size, and one that makes a section exist that has no other element.
    pub fn bounds(&self, item: &TokenStream) -> TokenStream {
        let ends = self.ends("linkme", ["START", "STOP"], item);
        let used = used();
        let ident = self.ident.trim_start_matches("r#");
        let wasm = wasm_mark(
            &self.identifier("linkme"),
            "",
            "linkme<",
            &format!("{ident}>"),
        );
        let placed = self.placed("linkme", "$b");
        let is_pe = is_pe();
        // On PE the ends are the section; on Mach-O the linker knows the ends of one that is not
        // there, and a static always has a byte.
        quote! {
            #ends
            #[cfg(not(any(target_vendor = "apple", #is_pe)))]
            #used
            #wasm
            #placed
            static EMPTY: [#item; 0] = [];
        }
    }

    /// The same for the section in which every declaration of the slice leaves a word. On wasm the
    /// linker itself refuses two declarations.
    pub fn duplicates(&self, word: &TokenStream) -> TokenStream {
        let ends = self.ends("linkm2", ["FIRST_DECLARATION", "LAST_DECLARATION"], word);
        let used = used();
        let placed = self.placed("linkm2", "$b");
        quote! {
            #ends
            #used
            #placed
            static DECLARATION: #word = 1;
        }
    }

    fn ends(&self, prefix: &str, idents: [&str; 2], item: &TokenStream) -> TokenStream {
        let name = self.identifier(prefix);
        let mach_o = self.mach_o(prefix);
        let sides = [("start", "start", "$a"), ("stop", "end", "$c")];
        let is_pe = is_pe();
        let statics = sides
            .iter()
            .zip(idents)
            .map(|((elf, apple, group), ident)| {
                let ident = format_ident!("{ident}");
                let elf = format!("__{elf}_{name}");
                let apple = format!("\x01section${apple}$__DATA${mach_o}");
                let pe = link_section(&format!(".{name}{group}"));
                let declared = extern_block(&quote! {
                    #[cfg_attr(not(target_vendor = "apple"), link_name = #elf)]
                    #[cfg_attr(target_vendor = "apple", link_name = #apple)]
                    static #ident: [(); 0];
                });
                quote! {
                    #[cfg(not(any(#is_pe)))]
                    #declared
                    #[cfg(any(#is_pe))]
                    #[#pe]
                    static #ident: [#item; 0] = [];
                }
            });
        quote!(#(#statics)*)
    }
}

/// The platforms whose object files are PE: predicates of which one holds.
fn is_pe() -> TokenStream {
    let cygwin = (!cfg!(no_cygwin)).then(|| quote!(target_os = "cygwin"));
    quote!(windows, target_os = "uefi", #cygwin)
}

/// Keeps the static, referred to or not.
fn used() -> TokenStream {
    if cfg!(feature = "used_linker") {
        quote!(#[used(linker)])
    } else {
        quote!(#[used])
    }
}

/// The mark by which wasm-section-ld knows an entry: the static's symbol name. Behind the section it has
/// the path of the module between `before` and `after`, which makes it readable in tools: the path of the
/// element or, in brackets, that of the slice.
fn wasm_mark(section: &str, key: Key<'_>, before: &str, after: &str) -> TokenStream {
    let before = format!("__link_section__{section}${key}${before}");
    // Without the path it is still unique. Older versions of Emscripten stop at a symbol that has a colon
    // (3.1.6: `IndexError` in `parse_llvm_nm_symbols`).
    let without_path = format!("{before}{after}");
    let after = format!("::{after}");
    let with_path = quote!(::core::concat!(#before, ::core::module_path!(), #after));
    let with_path = unsafe_attribute(&quote!(export_name = #with_path));
    let without_path = unsafe_attribute(&quote!(export_name = #without_path));
    quote! {
        #[cfg_attr(all(target_family = "wasm", not(target_os = "emscripten")), #with_path)]
        #[cfg_attr(target_os = "emscripten", #without_path)]
    }
}

fn link_section(name: &str) -> TokenStream {
    unsafe_attribute(&quote!(link_section = #name))
}

fn unsafe_attribute(attribute: &TokenStream) -> TokenStream {
    if cfg!(plain_unsafe_items) {
        attribute.clone()
    } else {
        quote!(unsafe(#attribute))
    }
}

fn extern_block(items: &TokenStream) -> TokenStream {
    let unsafe_ = (!cfg!(plain_unsafe_items)).then(|| quote!(unsafe));
    quote!(#unsafe_ extern "C" { #items })
}
