//! The index spaces of an object file, each a type of its own.

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
    /// An index into the sections of a module, custom ones too, in the order of the file.
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
