//! The attributes of an item: `#[linkme(crate = PATH)]` is ours, the others are the user's.

use proc_macro2::Span;
use syn::{parse_quote_spanned, Attribute, Path, Result};

/// Takes `#[linkme(crate = PATH)]` out of the attributes. Without it, the crate is `::linkme`.
pub fn take_crate_path(attributes: &mut Vec<Attribute>) -> Result<Path> {
    let mut path = None;
    let mut kept = Vec::with_capacity(attributes.len());
    for attribute in attributes.drain(..) {
        if !attribute.path().is_ident("linkme") {
            kept.push(attribute);
            continue;
        }
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error("expected `crate = path::to::linkme`"));
            }
            if path.is_some() {
                return Err(meta.error("the crate is said twice"));
            }
            path = Some(meta.value()?.call(Path::parse_mod_style)?);
            Ok(())
        })?;
    }
    *attributes = kept;
    Ok(path.unwrap_or_else(|| parse_quote_spanned!(Span::call_site()=> ::linkme)))
}
