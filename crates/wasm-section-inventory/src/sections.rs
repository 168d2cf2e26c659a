//! WebAssembly: the values of a type are one array, which the linker makes.
//!
//! [`submit!`](crate::submit) does not know the type of its value, so it cannot name the type's
//! section. It makes a node, which points to the value and to a function of the type that bears the
//! section's name, and that is what the linker goes by: see "What is an entry" in the linker's
//! documentation. The value takes the place of the node in the array.
//!
//! Nodes stay where values cannot lie in a row: those without size, and those of types that share a
//! section.

use crate::__private::Node;
use crate::Collect;
use core::any::TypeId;
use core::marker::PhantomData;
use core::mem::size_of;

/// A function that knows where the values of a type are, and whose name is the section's.
pub type Origin = fn() -> Bounds;

/// The iterator over the values of a type.
pub struct Values<T: 'static> {
    next: *const (),
    stop: *const (),
    of: PhantomData<&'static T>,
}

// SAFETY: it gives out shared references, and nothing else.
unsafe impl<T: Sync> Send for Values<T> {}
unsafe impl<T: Sync> Sync for Values<T> {}

impl<T: Collect> Values<T> {
    const IN_A_ROW: bool = !T::__SHARED && size_of::<T>() != 0;

    /// From one entry of the section to the next.
    const STRIDE: usize = if Self::IN_A_ROW {
        size_of::<T>()
    } else {
        size_of::<Node>()
    };
}

impl<T: Collect> Iterator for Values<T> {
    type Item = &'static T;

    #[inline]
    fn next(&mut self) -> Option<&'static T> {
        while self.next != self.stop {
            let entry = self.next;
            // SAFETY: the linker made an array of entries of that size, and this is not its end.
            self.next = unsafe { entry.cast::<u8>().add(Self::STRIDE).cast() };
            if Self::IN_A_ROW {
                // SAFETY: nodes whose origin is that of `T` have values of `T`, and those are the
                // entries.
                return Some(unsafe { &*entry.cast::<T>() });
            }
            // SAFETY: the entries are nodes.
            let node = unsafe { &*entry.cast::<Node>() };
            if !T::__SHARED || (node.origin)().of == Some(TypeId::of::<T>()) {
                // SAFETY: `submit!` makes nodes whose value and origin are of one type, and this
                // one has the origin of `T`.
                return Some(unsafe { &*node.value.cast::<T>() });
            }
        }
        None
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let entries = (self.stop as usize - self.next as usize) / Self::STRIDE;
        (if T::__SHARED { 0 } else { entries }, Some(entries))
    }
}

impl<T> Clone for Values<T> {
    fn clone(&self) -> Self {
        Values { ..*self }
    }
}

/// What nodes have beside value and origin: nothing.
pub struct Link;

impl Link {
    /// Nothing.
    pub const NEW: Self = Link;
}

/// What an implementation of `Collect` by hand gives out. Nothing is in it on WebAssembly.
pub struct Registry(());

impl Registry {
    /// Without nodes.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Registry(())
    }
}

/// The ends of a section.
pub struct Bounds {
    start: *const (),
    stop: *const (),
    /// The type of the value that a node with this origin has, if the section is of many types.
    pub of: Option<TypeId>,
}

impl Bounds {
    /// From `start` to `stop`.
    #[inline]
    pub fn new<E>(start: *const E, stop: *const E) -> Self {
        Bounds {
            start: start.cast(),
            stop: stop.cast(),
            of: None,
        }
    }
}

/// The section of all types that have an implementation of `Collect` by hand: a type that is an
/// instance of a generic one has no macro call of its own that could name one.
#[allow(non_snake_case)]
mod __link_section_of__inventory_by_type {
    use super::{Bounds, TypeId};

    #[allow(improper_ctypes)]
    extern "C" {
        #[link_name = "__start_inventory_by_type"]
        static START: [(); 0];
        #[link_name = "__stop_inventory_by_type"]
        static STOP: [(); 0];
    }

    /// The origin of such a type.
    #[inline]
    pub fn shared<T: crate::Collect>() -> Bounds {
        // SAFETY: only the addresses are taken, which newer compilers know to be safe.
        #[allow(unused_unsafe)]
        let bounds = unsafe { Bounds::new(core::ptr::addr_of!(START), core::ptr::addr_of!(STOP)) };
        Bounds {
            of: Some(TypeId::of::<T>()),
            ..bounds
        }
    }
}
pub use __link_section_of__inventory_by_type::shared;

/// So that there is such a section where nothing is submitted.
#[allow(non_snake_case)]
mod __link_section__inventory_by_type {
    #[used]
    static NONE: [super::Node; 0] = [];
}

/// The values of a type.
#[inline]
pub fn values<T: Collect>() -> Values<T> {
    let Bounds { start, stop, .. } = (T::__ORIGIN)();
    // The ends go through integers as the compiler does not know that they are of one array.
    Values {
        next: start as usize as *const (),
        stop: stop as usize as *const (),
        of: PhantomData,
    }
}

// Not a library: it is how the link fails, with words, where nodes would not be gathered.
#[link(name = "linker_must_be_wasm_section_ld")]
extern "C" {}

pub use inventory_impl::with_section;

#[doc(hidden)]
#[macro_export]
macro_rules! __collect {
    ($ty:ty) => {
        $crate::__private::with_section! { ($crate::__collect_in) $ty }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __collect_in {
    (($start:literal $stop:literal $mark:ident $origin:ident) $ty:ty) => {
        const _: () = {
            fn $origin() -> $crate::__private::Bounds {
                extern "C" {
                    #[link_name = $start]
                    static START: [(); 0];
                    #[link_name = $stop]
                    static STOP: [(); 0];
                }
                unsafe {
                    $crate::__private::Bounds::new(
                        $crate::__private::addr_of!(START),
                        $crate::__private::addr_of!(STOP),
                    )
                }
            }

            impl $crate::Collect for $ty {
                #[inline]
                fn registry() -> &'static $crate::Registry {
                    static REGISTRY: $crate::Registry = $crate::Registry::new();
                    &REGISTRY
                }

                const __ORIGIN: $crate::__private::Origin = {
                    // So that there is a section where nothing is submitted. Here, its path has the
                    // type's name, which becomes the section's title.
                    fn $mark() {
                        #[used]
                        static NONE: [(); 0] = [];
                    }
                    $origin
                };
                const __SHARED: bool = false;
            }
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __submit {
    ([$($used:tt)*] $value:block) => {
        const _: () = {
            fn __link_section_by_reference__() {
                $($used)*
                static NODE: $crate::__private::Node = $crate::__node!($value);
            }
        };
    };
}
