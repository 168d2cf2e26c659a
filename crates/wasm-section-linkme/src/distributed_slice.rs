use crate::__private::{Bounds, Declarations, Slice};
use core::fmt::{self, Debug};
use core::mem::size_of;
use core::ops::Deref;
use core::slice;

/// Static elements from all over the program, which the linker laid out as one slice.
///
/// It behaves like a `&'static [T]`: it can be indexed, sliced and iterated, and has the methods of
/// slices.
///
/// # Declaration
///
/// `#[distributed_slice]` on a static of type `[T]` makes it a `DistributedSlice<[T]>`. It has no
/// value (`= [..]` may stand there for tools that want one). `T` must not be of size zero.
///
/// ```
/// use linkme::distributed_slice;
///
/// pub struct Request;
///
/// #[distributed_slice]
/// pub static HANDLERS: [fn(&mut Request)];
/// ```
///
/// # Elements
///
/// `#[distributed_slice(PATH)]` on a static makes it an element of the slice at that path, in this
/// crate or in another one. The static can be used as any other, and its address is that of the
/// element.
///
/// ```
/// # pub struct Request;
/// # #[linkme::distributed_slice]
/// # pub static HANDLERS: [fn(&mut Request)];
/// # use linkme::distributed_slice;
/// fn log(request: &mut Request) {
///     /* ... */
/// }
///
/// #[distributed_slice(HANDLERS)]
/// static LOG: fn(&mut Request) = log;
/// ```
///
/// On a function it registers a pointer to the function:
///
/// ```
/// # pub struct Request;
/// # #[linkme::distributed_slice]
/// # pub static HANDLERS: [fn(&mut Request)];
/// # use linkme::distributed_slice;
/// #[distributed_slice(HANDLERS)]
/// fn count(request: &mut Request) {
///     /* ... */
/// }
/// ```
///
/// Elements of another type do not compile:
///
/// ```compile_fail,E0308
/// # pub struct Request;
/// # #[linkme::distributed_slice]
/// # pub static HANDLERS: [fn(&mut Request)];
/// # use linkme::distributed_slice;
/// #[distributed_slice(HANDLERS)]
/// static ANSWER: usize = 42;
/// ```
///
/// # Order
///
/// Elements come in the order in which they are linked. On WebAssembly and on Windows,
/// `#[distributed_slice(PATH, KEY)]` with a number up to 9999 puts an element after those that have
/// no key or a smaller one. Elsewhere linkers do not sort, and the key has no effect.
///
/// # Macros
///
/// A macro that makes such items for crates that do not depend on `linkme` says where it is, with
/// `#[linkme(crate = path::to::linkme)]` below `#[distributed_slice]`.
pub struct DistributedSlice<T: ?Sized + Slice> {
    elements: Bounds<T::Element>,
    declarations: Declarations,
}

// SAFETY: it gives out only shared references to statics, which are `Sync`, or they would not be
// statics.
unsafe impl<T> Send for DistributedSlice<[T]> {}
unsafe impl<T> Sync for DistributedSlice<[T]> {}

impl<T> DistributedSlice<[T]> {
    #[doc(hidden)]
    #[track_caller]
    pub const unsafe fn __new(elements: Bounds<T>, declarations: Declarations) -> Self {
        assert!(
            size_of::<T>() > 0,
            "#[distributed_slice] requires that the slice element type has nonzero size",
        );
        DistributedSlice {
            elements,
            declarations,
        }
    }

    /// All elements that are linked into this program.
    ///
    /// Mostly it is not needed, as the slice is already one in all ways. It is for a slice that
    /// outlives the borrow of the static:
    ///
    /// ```
    /// # #[linkme::distributed_slice]
    /// # static NUMBERS: [u32];
    /// let numbers: &'static [u32] = NUMBERS.static_slice();
    /// assert!(numbers.is_empty());
    /// ```
    ///
    /// # Panics
    /// If the slice is declared twice in the program, in crates that are the same for the compiler.
    pub fn static_slice(self) -> &'static [T] {
        self.declarations.check();
        // SAFETY: the linker made an array of what the macro put into the section, and those are
        // statics of type `T`.
        unsafe { slice::from_raw_parts(self.elements.start(), self.elements.length()) }
    }
}

impl<T> Copy for DistributedSlice<[T]> {}

impl<T> Clone for DistributedSlice<[T]> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: 'static> Deref for DistributedSlice<[T]> {
    type Target = [T];

    fn deref(&self) -> &'static [T] {
        self.static_slice()
    }
}

impl<T: 'static> IntoIterator for DistributedSlice<[T]> {
    type Item = &'static T;
    type IntoIter = slice::Iter<'static, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.static_slice().iter()
    }
}

impl<T: Debug + 'static> Debug for DistributedSlice<[T]> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(self.static_slice(), formatter)
    }
}
