//! What the macros refer to. Not for anyone else.

use crate::Collect;
use core::marker::PhantomData;

pub use crate::registration::*;
pub use core::ptr::addr_of;

/// A value that was submitted.
#[repr(C)]
pub struct Node {
    /// Where values of its type are collected.
    pub origin: Origin,
    /// The value, of whatever type.
    pub value: *const (),
    /// What else the platform needs.
    pub link: Link,
}

// SAFETY: the value is of a type that is `Sync`: `Collect` says so.
unsafe impl Sync for Node {}

/// A value, and the means to have the compiler infer its type elsewhere.
#[repr(transparent)]
pub struct Submitted<T> {
    /// The value.
    pub value: T,
    /// Of the same type.
    pub of: Of<T>,
}

/// Stands for a type that is yet to be inferred.
pub struct Of<T>(PhantomData<fn() -> T>);

impl<T> Copy for Of<T> {}

impl<T> Clone for Of<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Of<T> {
    /// Any type.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Of(PhantomData)
    }
}

/// The origin of the type.
pub const fn origin<T: Collect>(_: &Of<T>) -> Origin {
    T::__ORIGIN
}

/// A static that has a value for good, whatever the type of the value. A reference to the value has
/// to be a part of the static's own initializer for that: a function could not give one.
#[doc(hidden)]
#[macro_export]
macro_rules! __node {
    ($value:block) => {{
        let of = $crate::__private::Of::new();
        $crate::__private::Node {
            value: &$crate::__private::Submitted { value: $value, of }
                as *const $crate::__private::Submitted<_> as *const (),
            origin: $crate::__private::origin(&of),
            link: $crate::__private::Link::NEW,
        }
    }};
}
