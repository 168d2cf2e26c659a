//! WebAssembly: the nodes of a type are one array, which the linker makes.
//!
//! [`submit!`](crate::submit) does not know the type of its value, so it cannot name the type's
//! section. The node points to a function of the type that bears the section's name, and that is
//! what the linker goes by: see "What is an entry" in the linker's documentation.

use crate::__private::Node;
use core::slice;

/// A function that knows where the nodes of a type are, and whose name is the section's.
pub type Origin = fn() -> Bounds;

/// The iterator over the nodes of a type.
pub type Nodes = slice::Iter<'static, Node>;

/// What nodes have beside value and origin: nothing.
pub struct Link;

impl Link {
    /// Nothing.
    pub const NEW: Self = Link;
}

/// The ends of a section.
pub struct Bounds {
    start: *const Node,
    stop: *const Node,
}

impl Bounds {
    /// From `start` to `stop`.
    #[inline]
    pub fn new<E>(start: *const E, stop: *const E) -> Self {
        Bounds {
            start: start.cast(),
            stop: stop.cast(),
        }
    }
}

/// The nodes of a type.
#[inline]
pub fn nodes(origin: Origin) -> Nodes {
    let Bounds { start, stop } = origin();
    let (first, end) = (start as usize as *const Node, stop as usize as *const Node);
    // SAFETY: the linker made an array of the nodes that point to this origin, and these are its
    // ends. They go through integers as the compiler does not know that it is one array.
    unsafe { slice::from_raw_parts(start, end.offset_from(first) as usize) }.iter()
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
            #[allow(non_snake_case)]
            fn $origin() -> $crate::__private::Bounds {
                #[allow(improper_ctypes)]
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
                const __ORIGIN: $crate::__private::Origin = {
                    // So that there is a section where nothing is submitted. Here, its path has the
                    // type's name, which becomes the section's title.
                    #[allow(non_snake_case, dead_code)]
                    fn $mark() {
                        #[used]
                        static NONE: [$crate::__private::Node; 0] = [];
                    }
                    $origin
                };
            }
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __submit {
    ([$($used:tt)*] $value:expr $(,)?) => {
        const _: () = {
            #[allow(dead_code)]
            fn __link_section_by_reference__() {
                $($used)*
                static NODE: $crate::__private::Node = $crate::__node!($value);
            }
        };
    };
}
