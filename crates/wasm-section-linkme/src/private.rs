//! What the macros refer to. Not for anyone else.

use crate::DistributedSlice;

pub use core::primitive::usize;
pub use core::ptr::addr_of;
pub use linkme_impl::element;

/// Where something begins and where it ends.
pub struct Bounds<T> {
    start: *const T,
    stop: *const T,
}

impl<T> Bounds<T> {
    /// From `start` to `stop`.
    ///
    /// # Safety
    /// Both point into one array of `T`, which lives as long as the program, or it is empty and they
    /// are equal.
    pub const unsafe fn new<E>(start: *const E, stop: *const E) -> Self {
        Self {
            start: start.cast(),
            stop: stop.cast(),
        }
    }

    /// Where it begins.
    #[inline]
    pub fn start(&self) -> *const T {
        // The linker puts elements behind what the compiler believes is an empty static.
        #[cfg(any(windows, target_os = "uefi", target_os = "cygwin"))]
        return core::hint::black_box(self.start);
        #[cfg(not(any(windows, target_os = "uefi", target_os = "cygwin")))]
        self.start
    }

    /// How many there are.
    #[inline]
    pub fn length(&self) -> usize {
        let (start, stop) = (self.start as usize, self.stop as usize);
        // SAFETY: the linker made an array from one to the other. They go through integers as the
        // compiler does not know that it is one.
        unsafe { (stop as *const T).offset_from(start as *const T) as usize }
    }
}

impl<T> Copy for Bounds<T> {}

impl<T> Clone for Bounds<T> {
    fn clone(&self) -> Self {
        *self
    }
}

/// The words that the declarations of one slice leave, of which there must be one.
#[cfg(not(target_family = "wasm"))]
#[derive(Clone, Copy)]
pub struct Declarations {
    /// The name of the slice.
    pub name: &'static str,
    /// Where the words are.
    pub words: Bounds<usize>,
}

#[cfg(not(target_family = "wasm"))]
impl Declarations {
    /// Refuses more than one.
    pub fn check(&self) {
        if self.words.length() > 1 {
            panic!("duplicate #[distributed_slice] with name \"{}\"", self.name);
        }
    }
}

/// On wasm the linker refuses more than one declaration.
#[cfg(target_family = "wasm")]
#[derive(Clone, Copy)]
pub struct Declarations;

#[cfg(target_family = "wasm")]
impl Declarations {
    /// Nothing to do.
    pub fn check(&self) {}
}

/// What a distributed slice may be of.
pub trait Slice {
    /// The type of an element.
    type Element;
}

impl<T> Slice for [T] {
    type Element = T;
}

/// The type of an element, as a value that is never coerced to another type.
pub fn type_of<T>(_: &'static T) -> fn() -> &'static T {
    || unreachable!()
}

/// Compiles if the slice has elements of that type.
pub fn check_type<T>(slice: DistributedSlice<[T]>, element: fn() -> &'static T) {
    let _ = (slice, element);
}
