//! Platforms with a loader that runs constructors: each node has one, which enters it in the list
//! of its type.

use crate::__private::Node;
use crate::Collect;
use core::any::TypeId;
use core::marker::PhantomData;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

/// A function that knows where the nodes of a type are.
pub type Origin = fn() -> Home;

/// Where the nodes of a type are.
pub struct Home {
    registry: &'static Registry,
    /// Which of them are the type's: all types that a generic one can be have one registry.
    pub of: TypeId,
}

/// The home of a type.
pub fn shared<T: Collect>() -> Home {
    Home {
        registry: T::registry(),
        of: TypeId::of::<T>(),
    }
}

/// A list of nodes, the last that was entered first.
pub struct Registry {
    first: AtomicPtr<Node>,
}

impl Registry {
    /// Without nodes.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Registry {
            first: AtomicPtr::new(ptr::null_mut()),
        }
    }
}

/// Where a node is in its list.
pub struct Link {
    next: AtomicPtr<Node>,
}

impl Link {
    /// In no list.
    #[allow(clippy::declare_interior_mutable_const)]
    pub const NEW: Self = Link {
        next: AtomicPtr::new(ptr::null_mut()),
    };
}

impl Node {
    /// Enters the node in the list of its type.
    ///
    /// # Safety
    /// It is done once for a node.
    pub unsafe fn enter(&'static self) {
        let registry = (self.origin)().registry;
        let node = self as *const Node as *mut Node;
        let mut first = registry.first.load(Ordering::Relaxed);
        loop {
            self.link.next.store(first, Ordering::Relaxed);
            let entered = registry.first.compare_exchange_weak(
                first,
                node,
                Ordering::Release,
                Ordering::Relaxed,
            );
            match entered {
                Ok(_) => return,
                Err(other) => first = other,
            }
        }
    }
}

/// The iterator over the values of a type.
pub struct Values<T: 'static> {
    next: Option<&'static Node>,
    of: PhantomData<&'static T>,
}

/// The values of a type.
pub fn values<T: Collect>() -> Values<T> {
    Values {
        next: node(&(T::__ORIGIN)().registry.first),
        of: PhantomData,
    }
}

fn node(pointer: &AtomicPtr<Node>) -> Option<&'static Node> {
    // SAFETY: null, or what was entered: a static.
    unsafe { pointer.load(Ordering::Acquire).as_ref() }
}

impl<T: Collect> Iterator for Values<T> {
    type Item = &'static T;

    fn next(&mut self) -> Option<&'static T> {
        loop {
            let current = self.next?;
            self.next = node(&current.link.next);
            if (current.origin)().of == TypeId::of::<T>() {
                // SAFETY: `submit!` makes nodes whose value and origin are of one type, and this
                // one has the origin of `T`.
                return Some(unsafe { &*current.value.cast::<T>() });
            }
        }
    }
}

impl<T> Clone for Values<T> {
    fn clone(&self) -> Self {
        Values { ..*self }
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __collect {
    ($ty:ty) => {
        impl $crate::Collect for $ty {
            #[inline]
            fn registry() -> &'static $crate::Registry {
                static REGISTRY: $crate::Registry = $crate::Registry::new();
                &REGISTRY
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __submit {
    ([$($used:tt)*] $value:block) => {
        const _: () = {
            static NODE: $crate::__private::Node = $crate::__node!($value);

            $($used)*
            #[cfg_attr(windows, link_section = ".CRT$XCU")]
            #[cfg_attr(target_vendor = "apple", link_section = "__DATA,__mod_init_func,mod_init_funcs")]
            #[cfg_attr(not(any(windows, target_vendor = "apple")), link_section = ".init_array")]
            static ENTER: extern "C" fn() = {
                extern "C" fn enter() {
                    unsafe { NODE.enter() }
                }
                enter
            };
        };
    };
}
