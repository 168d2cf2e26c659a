//! Names of any bytes, as texts.
//!
//! A name in an object is bytes, and linkers take any: C has `__asm__("\xff")`, assembler code has
//! `.globl "\377"`. Here a name is a text, in which each byte that is no part of UTF-8 is one character for
//! private use: U+10F780 for 0x80, up to U+10F7FF for 0xff. A name that has such a character itself has the
//! bytes of that as characters too. So different names are different texts, and [`bytes`] undoes [`text`].

use std::borrow::Cow;
use std::fmt::Write;

/// The escape of byte 0, if it needed one. The escape of a byte is this plus the byte.
const FIRST: u32 = 0x10_f700;

/// A name as a text.
pub fn text(name: &[u8]) -> Cow<'_, str> {
    if let Ok(name) = str::from_utf8(name)
        && !has_escapes(name)
    {
        return Cow::Borrowed(name);
    }
    let mut text = String::with_capacity(4 * name.len());
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            match byte(character) {
                None => text.push(character),
                Some(_) => {
                    let mut own = [0; 4];
                    let own = character.encode_utf8(&mut own).bytes();
                    text.extend(own.map(escaped));
                }
            }
        }
        text.extend(chunk.invalid().iter().copied().map(escaped));
    }
    Cow::Owned(text)
}

/// The bytes of the name that a text is.
#[inline]
pub fn bytes(text: &str) -> Cow<'_, [u8]> {
    match text.is_ascii() || !has_escapes(text) {
        true => Cow::Borrowed(text.as_bytes()),
        false => Cow::Owned(unescaped(text)),
    }
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match byte(character) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(character.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    bytes
}

/// Names for display, alone or within other text: an escaped byte is shown as `\xff`.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !has_escapes(text) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match byte(character) {
            // A string takes all.
            Some(byte) => _ = write!(shown, "\\x{byte:02x}"),
            None => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// Whether the text has escaped bytes.
fn has_escapes(text: &str) -> bool {
    // Nearly all names are ASCII.
    !text.is_ascii() && text.chars().any(|c| byte(c).is_some())
}

fn escaped(byte: u8) -> char {
    char::from_u32(FIRST + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The byte that a character escapes.
fn byte(character: char) -> Option<u8> {
    let byte = u8::try_from(u32::from(character).checked_sub(FIRST)?).ok()?;
    (!byte.is_ascii()).then_some(byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_what_is_no_text_is_changed() {
        for name in ["", "main", "größe", "\u{10ffff}", "\u{10f77f}\u{10f800}"] {
            assert!(matches!(text(name.as_bytes()), Cow::Borrowed(_)), "{name}");
            assert_eq!(shown(name), name);
        }
        assert_eq!(text(b"a\xff\x80z"), "a\u{10f7ff}\u{10f780}z");
        assert_eq!(shown(&text(b"a\xff\x80z")), "a\\xff\\x80z");
    }

    /// Bytes among which there are often parts of the characters that stand for others.
    fn name() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            any::<u8>().prop_map(|byte| vec![byte]),
            any::<char>().prop_map(|c| c.to_string().into_bytes()),
            proptest::char::range('\u{10f700}', '\u{10f8ff}')
                .prop_map(|c| c.to_string().into_bytes()),
            Just(b"\xf4\x8f\x9f".to_vec()),
        ];
        proptest::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn the_bytes_come_back(name in name()) {
            let own = text(&name);
            prop_assert_eq!(&*bytes(&own), &name[..]);
        }

        #[test]
        fn names_between_texts_stay_themselves(before in "[a-z.]{0,3}", name in name()) {
            let whole = format!("{before}{}", text(&name));
            prop_assert_eq!(&*bytes(&whole), &[before.as_bytes(), &name].concat()[..]);
        }

        #[test]
        fn what_is_shown_has_no_such_character(name in name()) {
            prop_assert!(!has_escapes(&shown(&text(&name))));
        }
    }
}
