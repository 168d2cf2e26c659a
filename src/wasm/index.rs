//! The index spaces of an object file, one type each.

macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// The position in a table of this index space.
            pub fn position(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index! {
    /// An index into the sections of a module, including custom sections, in file order.
    SectionIndex
}
index! {
    /// An index into the symbol table (Linking.md, "Symbol Table Subsection").
    SymbolIndex
}
index! {
    /// An index into the data segments.
    SegmentIndex
}
index! {
    /// An index into the functions: the imported ones, then the defined ones.
    FunctionIndex
}
