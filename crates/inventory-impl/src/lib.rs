//! The names of link sections for `inventory`. Use it through that crate.

use link_section_name::unique;
use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

/// `with_section! { (callback) tokens… }` is `callback! { (names) tokens… }`, with names for one
/// more section: the literals `__start_NAME` and `__stop_NAME`, the identifiers that mark an entry of
/// the section and a function that entries point to instead.
#[doc(hidden)]
#[proc_macro]
pub fn with_section(input: TokenStream) -> TokenStream {
    let mut input = input.into_iter();
    let callback = match input.next() {
        Some(TokenTree::Group(group)) => group.stream(),
        _ => TokenStream::new(),
    };
    let name = format!("inventory_{}", unique("inventory", ""));
    let names: [TokenTree; 4] = [
        Literal::string(&format!("__start_{name}")).into(),
        Literal::string(&format!("__stop_{name}")).into(),
        Ident::new(&format!("__link_section__{name}"), Span::call_site()).into(),
        Ident::new(
            &format!("__link_section_of_values__{name}"),
            Span::call_site(),
        )
        .into(),
    ];
    let names = Group::new(Delimiter::Parenthesis, names.into_iter().collect());
    let arguments = std::iter::once(TokenTree::from(names)).chain(input);
    let arguments = Group::new(Delimiter::Brace, arguments.collect());
    let mut call = callback;
    call.extend([
        TokenTree::from(Punct::new('!', Spacing::Alone)),
        TokenTree::from(arguments),
    ]);
    call
}
