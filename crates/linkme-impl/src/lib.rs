//! The macros of `linkme`. Use them through that crate.
//!
//! A declaration makes a static and, under the same name, a macro that knows the slice's link
//! section. An element is expanded in two steps: the attribute checks the item and hands it to the
//! slice's macro, and that hands it, with the section, to `element`, which puts it there.

mod attributes;
mod declaration;
mod element;
mod platform;

use proc_macro::TokenStream;
use syn::parse_macro_input;

/// Declares a distributed slice, or registers an element in one.
#[proc_macro_attribute]
pub fn distributed_slice(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let expanded = if arguments.is_empty() {
        let declaration = parse_macro_input!(item as declaration::Declaration);
        declaration::expand(declaration)
    } else {
        let target = parse_macro_input!(arguments as element::Target);
        element::register(&target, item.into())
    };
    expanded
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// The second step of an element: what is between the attributes and the static.
#[doc(hidden)]
#[proc_macro]
pub fn element(input: TokenStream) -> TokenStream {
    let placed = parse_macro_input!(input as element::Placed);
    element::place(&placed).into()
}
