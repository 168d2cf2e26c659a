//! **Plugins, registered by their type, from all over the program.**
//!
//! This is inventory's interface. On WebAssembly there are no constructors: wasm-section-ld, the
//! linker, gathers what is submitted, so that it is there before the first instruction and costs no
//! code. Elsewhere it works by constructors, as inventory does.
//!
//! A type that is collected is declared in the crate that defines it:
//!
//! ```
//! pub struct Flag {
//!     pub short: char,
//!     pub name: &'static str,
//! }
//!
//! inventory::collect!(Flag);
//! ```
//!
//! Values of that type are submitted anywhere, outside of functions:
//!
//! ```
//! # pub struct Flag { pub short: char, pub name: &'static str }
//! # inventory::collect!(Flag);
//! inventory::submit! {
//!     Flag { short: 'v', name: "verbose" }
//! }
//!
//! # fn main() {
//! let flags: Vec<_> = inventory::iter::<Flag>.into_iter().map(|flag| flag.name).collect();
//! assert_eq!(flags, ["verbose"]);
//! # }
//! ```
//!
//! # WebAssembly
//!
//! Any target whose family is wasm works. The program is linked by wasm-section-ld, which is one
//! line in `.cargo/config.toml`:
//!
//! ```toml
//! [target.wasm32-unknown-unknown]
//! linker = "wasm-section-ld"
//! ```
//!
//! Another linker stops with `unable to find library -llinker_must_be_wasm_section_ld`.
//!
//! There is nothing to call: no `__wasm_call_ctors`, no order of initialization. A type over which
//! no code iterates is not in the module, and neither is what was submitted of it.

#![no_std]
#![deny(missing_docs, unsafe_op_in_unsafe_fn)]
#![allow(non_camel_case_types)]

#[cfg_attr(target_family = "wasm", path = "sections.rs")]
#[cfg_attr(not(target_family = "wasm"), path = "constructors.rs")]
mod registration;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

use crate::registration::Origin;
use core::convert::Infallible;
use core::fmt::{self, Debug};
use core::marker::PhantomData;
use core::ops::Deref;

/// A type whose values are collected.
///
/// [`collect!`] implements it.
///
/// ```
/// fn count<T: inventory::Collect>() -> usize {
///     inventory::iter::<T>.into_iter().count()
/// }
/// ```
///
/// # Generic types
///
/// `collect!` names one type. An implementation by hand collects all types that a generic one can
/// be, each by itself:
///
/// ```
/// pub struct Handler<S: 'static>(pub fn(&S) -> bool);
///
/// impl<S: 'static> inventory::Collect for Handler<S> {
///     fn registry() -> &'static inventory::Registry {
///         static REGISTRY: inventory::Registry = inventory::Registry::new();
///         &REGISTRY
///     }
/// }
///
/// inventory::submit! { Handler::<u8>(|n| *n == 0) }
/// inventory::submit! { Handler::<bool>(|b| *b) }
///
/// # fn main() {
/// assert_eq!(inventory::iter::<Handler<u8>>.into_iter().count(), 1);
/// # }
/// ```
///
/// A macro cannot make a section for each of these types. On WebAssembly their values are in one
/// section, and an iteration skips those of other types.
pub trait Collect: Sync + Sized + 'static {
    /// Where the values are on platforms with constructors.
    #[doc(hidden)]
    fn registry() -> &'static Registry;

    /// Where the values of this type are.
    #[doc(hidden)]
    const __ORIGIN: Origin = registration::shared::<Self>;

    /// Whether values of other types may be there too.
    #[doc(hidden)]
    const __SHARED: bool = true;
}

#[doc(hidden)]
pub use crate::registration::Registry;

/// All values of a type that are submitted anywhere in the program.
///
/// `inventory::iter::<T>` is a value, which is iterated or called:
///
/// ```
/// # pub struct Flag { pub name: &'static str }
/// # inventory::collect!(Flag);
/// for flag in inventory::iter::<Flag> {
///     println!("--{}", flag.name);
/// }
/// ```
///
/// They come in no particular order.
pub type iter<T> = marker::iter<T>;

// A variant of an enum is a value that takes a type. As a glob import it gives way to the type
// above where a type is meant.
#[doc(hidden)]
pub use crate::marker::iter::*;

mod marker {
    use super::{Infallible, PhantomData};

    pub enum iter<T> {
        #[doc(hidden)]
        #[allow(dead_code)]
        __Never(Infallible, PhantomData<fn() -> T>),
        /// All values of type `T`.
        iter,
    }
}

impl<T> Copy for iter<T> {}

impl<T> Clone for iter<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Collect> IntoIterator for iter<T> {
    type Item = &'static T;
    type IntoIter = Iter<T>;

    fn into_iter(self) -> Iter<T> {
        start()
    }
}

impl<T: Collect> Deref for iter<T> {
    type Target = fn() -> Iter<T>;

    fn deref(&self) -> &Self::Target {
        &(start::<T> as fn() -> Iter<T>)
    }
}

fn start<T: Collect>() -> Iter<T> {
    Iter {
        values: registration::values(),
    }
}

/// The iterator of [`iter`].
pub struct Iter<T: 'static> {
    values: registration::Values<T>,
}

impl<T: Collect> Iterator for Iter<T> {
    type Item = &'static T;

    #[inline]
    fn next(&mut self) -> Option<&'static T> {
        self.values.next()
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.values.size_hint()
    }
}

impl<T> Clone for Iter<T> {
    fn clone(&self) -> Self {
        Iter {
            values: self.values.clone(),
        }
    }
}

impl<T> Debug for Iter<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Iter").finish_non_exhaustive()
    }
}

/// Declares that values of a type are collected.
///
/// It stands once, in the crate that defines the type, outside of functions.
///
/// ```
/// pub struct Flag {
///     pub short: char,
///     pub name: &'static str,
/// }
///
/// inventory::collect!(Flag);
/// ```
#[macro_export]
macro_rules! collect {
    ($ty:ty) => {
        $crate::__collect!($ty);
    };
}

/// Submits a value, in the crate that defines its type or in any other.
///
/// The value is a constant expression. The macro stands outside of functions: it takes effect by
/// being in the program, not by being reached.
///
/// ```
/// # pub struct Flag { pub short: char, pub name: &'static str }
/// # inventory::collect!(Flag);
/// inventory::submit! {
///     Flag { short: 'v', name: "verbose" }
/// }
/// # fn main() {}
/// ```
///
/// Statements may come before it:
///
/// ```
/// # pub struct Flag { pub short: char, pub name: &'static str }
/// # inventory::collect!(Flag);
/// inventory::submit! {
///     const NAME: &str = "quiet";
///     Flag { short: 'q', name: NAME }
/// }
/// # fn main() {}
/// ```
///
/// A type that is not collected is an error:
///
/// ```compile_fail,E0277
/// struct Flag;
///
/// inventory::submit! { Flag }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! submit {
    ($($value:tt)*) => {
        $crate::__submit_with! { { $($value)* } $($value)* }
    };
}

/// Takes `#![used(linker)]` from the front of a block. The second copy of the tokens is there to be
/// looked into: a `#` or `!` that the pattern has named is not one that can be written again.
#[doc(hidden)]
#[macro_export]
macro_rules! __submit_with {
    ({ #![used($($how:tt)*)] $($value:tt)* } $hash:tt $bang:tt $used:tt $($same:tt)*) => {
        $crate::__submit! { [$hash $used] { $($value)* } }
    };
    ({ $($value:tt)* } $($same:tt)*) => {
        $crate::__submit! { [#[used]] { $($value)* } }
    };
}
