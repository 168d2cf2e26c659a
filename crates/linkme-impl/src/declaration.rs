//! `#[distributed_slice] static NAME: [T];`

use crate::attributes::take_crate_path;
use crate::platform::Section;
use link_section_name::unique;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Expr, Ident, Path, Result, Token, Type, Visibility};

/// The static item, which has no initializer.
pub struct Declaration {
    attributes: Vec<Attribute>,
    linkme: Path,
    visibility: Visibility,
    ident: Ident,
    ty: Type,
}

impl Parse for Declaration {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let linkme = take_crate_path(&mut attributes)?;
        let visibility = input.parse()?;
        input.parse::<Token![static]>()?;
        refuse_mut(input)?;
        let ident = input.parse()?;
        input.parse::<Token![:]>()?;
        let ty = input.parse()?;
        refuse_no_slice(&ty)?;
        if input.peek(Token![=]) {
            parse_placeholder(input)?;
        }
        input.parse::<Token![;]>()?;
        Ok(Self {
            attributes,
            linkme,
            visibility,
            ident,
            ty,
        })
    }
}

/// An element could be changed by whoever walks the slice, and by anyone else at the same time.
pub fn refuse_mut(input: ParseStream<'_>) -> Result<()> {
    match input.parse::<Option<Token![mut]>>()? {
        None => Ok(()),
        Some(token) => Err(Error::new_spanned(
            token,
            "static mut is not supported by distributed_slice",
        )),
    }
}

/// Refuses what is no slice for sure. A path or a macro may stand for one.
fn refuse_no_slice(ty: &Type) -> Result<()> {
    match ty {
        Type::Group(group) => refuse_no_slice(&group.elem),
        Type::Paren(paren) => refuse_no_slice(&paren.elem),
        Type::Slice(_) | Type::Path(_) | Type::Macro(_) => Ok(()),
        _ => Err(Error::new_spanned(
            ty,
            "the type of a distributed slice is a slice, as in `static NAME: [T];`",
        )),
    }
}

/// `= [..]`, for tools that want every static to have a value.
fn parse_placeholder(input: ParseStream<'_>) -> Result<()> {
    input.parse::<Token![=]>()?;
    let value: Expr = input.parse()?;
    let text = quote!(#value).to_string().replace(' ', "");
    if text == "[..]" {
        return Ok(());
    }
    Err(Error::new_spanned(
        value,
        "a distributed slice has no value of its own: leave it out, or write `[..]`",
    ))
}

/// The static, and the macro of the same name that tells elements the section.
pub fn expand(declaration: Declaration) -> Result<TokenStream> {
    let Declaration {
        attributes,
        linkme,
        visibility,
        ident,
        ty,
    } = declaration;
    let element = quote!(<#ty as #linkme::__private::Slice>::Element);
    let name = ident.to_string();
    let unique = unique("linkme", &name);
    let section = Section {
        ident: &name,
        unique: &unique,
    };
    let bounds = section.bounds(&element);
    let duplicates = section.duplicates(&quote!(#linkme::__private::usize));
    let literal = name.trim_start_matches("r#");
    let macro_ident = format_ident!("__linkme_{literal}_{unique}");
    // What other crates may see has to be exported to be seen there.
    let export = matches!(visibility, Visibility::Public(_)).then(|| quote!(#[macro_export]));
    Ok(quote! {
        #(#attributes)*
        #visibility static #ident: #linkme::DistributedSlice<#ty> = {
            #bounds

            #[cfg(target_family = "wasm")]
            let declarations = #linkme::__private::Declarations;
            #[cfg(not(target_family = "wasm"))]
            let declarations = #linkme::__private::Declarations {
                name: #literal,
                words: unsafe {
                    #duplicates
                    #linkme::__private::Bounds::new(
                        #linkme::__private::addr_of!(FIRST_DECLARATION),
                        #linkme::__private::addr_of!(LAST_DECLARATION),
                    )
                },
            };
            unsafe {
                #linkme::DistributedSlice::__new(
                    #linkme::__private::Bounds::new(
                        #linkme::__private::addr_of!(START),
                        #linkme::__private::addr_of!(STOP),
                    ),
                    declarations,
                )
            }
        };

        #[doc(hidden)]
        #[allow(unknown_lints, non_local_definitions)]
        #export
        macro_rules! #macro_ident {
            ($callback:path, $($rest:tt)*) => {
                $callback! { #literal #unique $($rest)* }
            };
        }

        #[doc(hidden)]
        #visibility use #macro_ident as #ident;
    })
}
