//! Tests that build, parse and edit objects.

use super::{
    Builder, Definition, Edits, Object, RelocationType, SegmentIndex, SymbolEdit, SymbolFlags,
    SymbolIndex, SynthSymbol, TOMBSTONE,
};

const KEPT: SymbolIndex = SymbolIndex(0);
const REMOVED: SymbolIndex = SymbolIndex(1);
const LOCAL: SymbolIndex = SymbolIndex(2);

/// An object with the segments `.data.kept` and `.data.removed`. The second has a global and a local symbol.
fn object() -> Vec<u8> {
    let mut object = Builder::new(false, false);
    let kept = object.segment(".data.kept", 2, 0, vec![0; 4]);
    let removed = object.segment(".data.removed", 0, 0, b"12".to_vec());
    let mut data = |flags, name: &'static str, segment, offset, size| {
        object.symbol(SynthSymbol::Data {
            flags,
            name: name.into(),
            definition: Definition {
                segment,
                offset,
                size,
            },
        })
    };
    data(SymbolFlags::empty(), "kept", kept, 0, 4);
    data(SymbolFlags::empty(), "removed", removed, 0, 1);
    data(SymbolFlags::BINDING_LOCAL, "local", removed, 1, 1);
    object.finish().bytes()
}

fn edited(edits: &Edits) -> Vec<u8> {
    let bytes = object().into();
    let object = Object::parse(&bytes).expect("an object");
    edits.apply(&object).expect("an edited object")
}

#[test]
fn no_edit_changes_nothing() {
    assert_eq!(edited(&Edits::default()), object());
    let reencoded = edited(&Edits {
        reencode: true,
        ..Edits::default()
    });
    let (bytes, before) = (reencoded.into(), object().into());
    let (after, before) = (Object::parse(&bytes), Object::parse(&before));
    let names = |object: &Object<'_>| {
        let symbols = object.symbols.iter();
        let names = symbols.map(|symbol| (symbol.name.to_owned(), symbol.definition()));
        names.collect::<Vec<_>>()
    };
    let (after, before) = (after.expect("an object"), before.expect("an object"));
    assert_eq!(names(&after), names(&before));
}

#[test]
fn symbols_keep_their_indices_when_a_segment_is_removed() {
    let bytes = edited(&Edits {
        symbols: vec![(REMOVED, SymbolEdit::Undefined("removed".to_owned()))],
        segments: vec![SegmentIndex(1)],
        aliases: vec![(KEPT, "alias".to_owned())],
        ..Edits::default()
    })
    .into();
    let object = Object::parse(&bytes).expect("an object");
    assert_eq!(
        object.symbol(KEPT).definition(),
        Some((SegmentIndex(0), 0..4))
    );
    assert!(object.symbol(REMOVED).is_undefined());
    assert_eq!(object.symbol(LOCAL).name, TOMBSTONE);
    let alias = object.symbols.last().expect("an alias");
    assert_eq!(alias.name, "alias");
    assert!(alias.flags.contains(SymbolFlags::VISIBILITY_HIDDEN));
    let segments = object.segments.iter();
    let segments: Vec<_> = segments.map(|one| (one.name, one.data.len())).collect();
    assert_eq!(segments, [(".data.kept", 4), (".rodata..gathered", 0)]);
}

#[test]
fn a_symbol_of_a_removed_segment_may_remain_a_weak_definition() {
    let bytes = edited(&Edits {
        symbols: vec![(REMOVED, SymbolEdit::Defined(SymbolFlags::BINDING_WEAK))],
        segments: vec![SegmentIndex(1)],
        ..Edits::default()
    })
    .into();
    let object = Object::parse(&bytes).expect("an object");
    let symbol = object.symbol(REMOVED);
    assert!(symbol.is_weak() && !symbol.is_undefined());
    assert_eq!(symbol.definition(), Some((SegmentIndex(1), 0..0)));
}

#[test]
fn relocations_are_found_by_segment() {
    let mut builder = Builder::new(false, false);
    let first = builder.segment(".data.first", 2, 0, vec![0; 8]);
    let second = builder.segment(".data.second", 2, 0, vec![0; 4]);
    let target = builder.symbol(SynthSymbol::UndefinedData {
        flags: SymbolFlags::UNDEFINED,
        name: "target".into(),
    });
    for (segment, offset) in [(first, 4), (second, 0)] {
        builder.relocate(segment, RelocationType::MemoryAddrI32, offset, target, 0);
    }
    let bytes = builder.finish().bytes().into();
    let object = Object::parse(&bytes).expect("an object");
    let count = |index| object.segment_relocations(index).map(<[_]>::len);
    assert_eq!((count(first), count(second)), (Ok(1), Ok(1)));
    let within = |range| object.relocations_within(first, range).map(<[_]>::len);
    assert_eq!((within(0..4), within(4..8)), (Ok(0), Ok(1)));
    // The size of a symbol may exceed its segment.
    assert_eq!(within(4..u32::MAX), Ok(1));
}
