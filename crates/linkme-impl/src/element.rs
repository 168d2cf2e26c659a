//! `#[distributed_slice(SLICE)]` on a static or a function.

use crate::attributes::take_crate_path;
use crate::platform::Section;
use link_section_name::unique;
use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned, ToTokens, TokenStreamExt};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{
    Attribute, Error, FnArg, GenericParam, Ident, Item, ItemFn, LitInt, LitStr, Path, Result,
    Signature, Token, Type, Visibility,
};

/// What is in the parentheses: the slice, and perhaps a key to sort by.
pub struct Target {
    slice: Path,
    key: String,
}

/// Keys have four digits, so that they sort as text.
const LARGEST_KEY: u16 = 9999;

impl Parse for Target {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let slice = input.call(Path::parse_mod_style)?;
        let mut key = String::new();
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
            let literal: LitInt = input.parse()?;
            key = match literal.base10_parse() {
                Ok(number @ 0..=LARGEST_KEY) => format!("{number:04}"),
                _ => {
                    let message = format!("a sort key is a number up to {LARGEST_KEY}");
                    return Err(Error::new_spanned(literal, message));
                }
            };
        }
        Ok(Self { slice, key })
    }
}

/// The first step: checks the item, and asks the slice's macro for the section.
pub fn register(target: &Target, item: TokenStream) -> Result<TokenStream> {
    if let Some(element) = StaticElement::parse.parse2(item.clone())? {
        return Ok(element.register(target));
    }
    match syn::parse2(item)? {
        Item::Fn(function) => register_function(target, function),
        other => Err(Error::new_spanned(
            other,
            "distributed element must be either static or function item",
        )),
    }
}

/// A static item. Its value is left to the compiler.
struct StaticElement {
    attributes: Vec<Attribute>,
    linkme: Path,
    visibility: Visibility,
    ident: Ident,
    ty: Type,
    value: TokenStream,
}

impl StaticElement {
    /// `None` for another kind of item.
    fn parse(input: ParseStream<'_>) -> Result<Option<Self>> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        if !input.peek(Token![static]) {
            input.parse::<TokenStream>()?;
            return Ok(None);
        }
        let linkme = take_crate_path(&mut attributes)?;
        input.parse::<Token![static]>()?;
        crate::declaration::refuse_mut(input)?;
        let ident = input.parse()?;
        input.parse::<Token![:]>()?;
        let ty = input.parse()?;
        input.parse::<Token![=]>()?;
        Ok(Some(Self {
            attributes,
            linkme,
            visibility,
            ident,
            ty,
            value: until_semicolon(input)?,
        }))
    }

    fn register(&self, target: &Target) -> TokenStream {
        let Self {
            attributes,
            linkme,
            visibility,
            ident,
            ty,
            value,
        } = self;
        let check = check_type(linkme, &target.slice, ident, &ty.to_token_stream());
        let value = last_in_block(value);
        // What is said of the item, lints and deprecation, goes for the check inside of it.
        let item = quote!(#(#attributes)* #visibility static #ident: #ty = { #check #value };);
        ask_for_section(linkme, target, &ident.to_string(), &item)
    }
}

/// The tokens of an expression that ends the item.
fn until_semicolon(input: ParseStream<'_>) -> Result<TokenStream> {
    let mut value = TokenStream::new();
    while !(input.peek(Token![;]) || input.is_empty()) {
        value.append(input.parse::<TokenTree>()?);
    }
    input.parse::<Token![;]>()?;
    if input.is_empty() {
        return Ok(value);
    }
    Err(input.error("expected nothing after the static"))
}

/// The expression as the last one of a block, where `if … {} else {} + 1` would be a statement and
/// something else. Parentheses where they are not needed would hide what lints say of the user's.
fn last_in_block(value: &TokenStream) -> TokenStream {
    let mut tokens = value.clone().into_iter();
    let may_be_statement = match tokens.next() {
        Some(TokenTree::Group(group)) => {
            group.delimiter() == Delimiter::Brace && tokens.next().is_some()
        }
        Some(TokenTree::Ident(keyword)) => {
            ["if", "match", "unsafe", "loop", "while", "for", "const"]
                .iter()
                .any(|statement| keyword == statement)
        }
        // The label of a block.
        Some(TokenTree::Punct(punct)) => punct.as_char() == '\'',
        _ => false,
    };
    if may_be_statement {
        quote!((#value))
    } else {
        value.clone()
    }
}

/// A function stays what it is; a static that points to it is the element.
fn register_function(target: &Target, mut function: ItemFn) -> Result<TokenStream> {
    let linkme = take_crate_path(&mut function.attrs)?;
    let ty = function_type(&function.sig)?;
    let ident = &function.sig.ident;
    let element = Ident::new("ELEMENT", Span::call_site());
    let check = check_type(&linkme, &target.slice, &element, &ty);
    let item = quote!(static #element: #ty = { #check #ident };);
    let placed = ask_for_section(&linkme, target, &ident.to_string(), &item);
    Ok(quote! {
        #function
        const _: () = {
            #placed
        };
    })
}

/// The type of a pointer to the function, written where the signature is: that is what does not
/// fit, if it does not.
fn function_type(signature: &Signature) -> Result<TokenStream> {
    let lifetime = |parameter: &GenericParam| matches!(parameter, GenericParam::Lifetime(_));
    let others: Vec<_> = signature
        .generics
        .params
        .iter()
        .filter(|p| !lifetime(p))
        .collect();
    if !others.is_empty() {
        return Err(Error::new_spanned(
            quote!(#(#others),*),
            "cannot have generic parameters on distributed slice element",
        ));
    }
    refuse(
        &signature.asyncness,
        "an async function cannot be an element of a distributed slice: its type has no name",
    )?;
    // No pointer type says these of a function.
    refuse(
        &signature.constness,
        "a const function cannot be an element of a distributed slice",
    )?;
    refuse(
        &signature.generics.where_clause,
        "a function with a where clause cannot be an element of a distributed slice",
    )?;
    let lifetimes = &signature.generics.params;
    let fn_token = &signature.fn_token;
    let for_lifetimes = (!lifetimes.is_empty()).then(|| {
        let for_token = Token![for](fn_token.span);
        quote!(#for_token<#lifetimes>)
    });
    let mut inputs = Vec::new();
    for input in &signature.inputs {
        match input {
            FnArg::Typed(argument) => inputs.push(&argument.ty),
            FnArg::Receiver(receiver) => {
                return Err(Error::new_spanned(
                    receiver,
                    "a method cannot be an element of a distributed slice",
                ))
            }
        }
    }
    let (safety, abi, output) = (&signature.safety, &signature.abi, &signature.output);
    let mut ty = quote!(#for_lifetimes #safety #abi #fn_token);
    let parenthesis = signature.paren_token;
    parenthesis.surround(&mut ty, |ty| {
        ty.append_separated(&inputs, Token![,](fn_token.span))
    });
    output.to_tokens(&mut ty);
    Ok(ty)
}

fn refuse(found: &Option<impl ToTokens>, message: &str) -> Result<()> {
    match found {
        Some(found) => Err(Error::new_spanned(found, message)),
        None => Ok(()),
    }
}

/// `SLICE! { element, … }`: the macro adds what it knows of the slice.
fn ask_for_section(linkme: &Path, target: &Target, ident: &str, item: &TokenStream) -> TokenStream {
    let Target { slice, key } = target;
    let unique = format!("{ident}.{}", unique("linkme element", ident));
    quote!(#slice! { #linkme::__private::element, #key #unique #item })
}

/// Code that compiles if the slice has elements of the type of the static `element`, and that never
/// runs. If they differ, the error is at `blamed`.
fn check_type(linkme: &Path, slice: &Path, element: &Ident, blamed: &TokenStream) -> TokenStream {
    let mut tokens = blamed.clone().into_iter();
    let first = tokens
        .next()
        .map_or_else(Span::call_site, |token| token.span());
    let last = tokens.last().map_or(first, |token| token.span());
    // A call from the first to the last token of what is to blame. Those may be from a macro and its
    // caller, so the variable goes by the first alone.
    let typed = Ident::new("typed", first);
    let call = quote_spanned!(last=> #typed());
    quote! {
        const _: fn() = || {
            let #typed = || #linkme::__private::type_of(&#element);
            #linkme::__private::check_type(#slice, #call);
        };
    }
}

/// What the slice's macro makes of it: the slice, and the item.
pub struct Placed {
    slice: String,
    slice_unique: String,
    key: String,
    unique: String,
    item: TokenStream,
}

impl Parse for Placed {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let text = |input: ParseStream<'_>| input.parse::<LitStr>().map(|text| text.value());
        Ok(Self {
            slice: text(input)?,
            slice_unique: text(input)?,
            key: text(input)?,
            unique: text(input)?,
            item: input.parse()?,
        })
    }
}

/// The second step: the item with the attributes that put it into the section.
pub fn place(placed: &Placed) -> TokenStream {
    let section = Section {
        ident: &placed.slice,
        unique: &placed.slice_unique,
    };
    let attributes = section.attributes(&placed.key, &placed.unique);
    let item = &placed.item;
    quote!(#attributes #item)
}
