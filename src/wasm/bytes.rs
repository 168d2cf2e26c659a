//! The bytes of an object, with its names as texts.

use crate::names;
use elsa::sync::FrozenVec;
use std::borrow::Cow;
use std::ops::Deref;

/// The bytes of an object. [`Object::parse`](super::Object::parse) borrows from them.
#[derive(Debug, Default)]
pub struct ObjectBytes<'a> {
    bytes: Cow<'a, [u8]>,
    names: Names,
}

/// The texts of those names that are not UTF-8 ([`names`]).
#[derive(Debug, Default)]
pub(super) struct Names(FrozenVec<String>);

impl Names {
    /// A name as a text: nearly always its own bytes.
    #[inline]
    pub(super) fn text<'n>(&'n self, name: &'n [u8]) -> &'n str {
        match str::from_utf8(name) {
            Ok(text) if text.is_ascii() => text,
            _ => self.escaped(name),
        }
    }

    fn escaped<'n>(&'n self, name: &'n [u8]) -> &'n str {
        match names::text(name) {
            Cow::Borrowed(text) => text,
            Cow::Owned(text) => self.0.push_get(text),
        }
    }
}

impl ObjectBytes<'_> {
    pub(super) fn names(&self) -> &Names {
        &self.names
    }
}

impl Deref for ObjectBytes<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl<'a, B: Into<Cow<'a, [u8]>>> From<B> for ObjectBytes<'a> {
    fn from(bytes: B) -> Self {
        Self {
            bytes: bytes.into(),
            names: Names::default(),
        }
    }
}
