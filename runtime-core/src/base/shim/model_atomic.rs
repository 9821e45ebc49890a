//! The checker's atomics, each operation a site that `mutant` may weaken.
#![allow(missing_docs)] // As in `native`.

use super::{checker, mutant};
pub use std::sync::atomic::Ordering;

macro_rules! common {
    ($name:ident $([$($g:tt)*])?, $t:ty) => {
        pub struct $name $(<$($g)*>)? (checker::sync::atomic::$name $(<$($g)*>)?);

        impl $(<$($g)*>)? std::fmt::Debug for $name $(<$($g)*>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }

        impl $(<$($g)*>)? $name $(<$($g)*>)? {
            #[track_caller]
            pub fn new(value: $t) -> Self {
                Self(checker::sync::atomic::$name::new(value))
            }
            #[track_caller]
            pub fn load(&self, order: Ordering) -> $t {
                self.0.load(mutant::ordering(0, order))
            }
            #[track_caller]
            pub fn store(&self, value: $t, order: Ordering) {
                self.0.store(value, mutant::ordering(0, order));
            }
            #[track_caller]
            pub fn swap(&self, value: $t, order: Ordering) -> $t {
                self.0.swap(value, mutant::ordering(0, order))
            }
            #[track_caller]
            pub fn compare_exchange(
                &self,
                current: $t,
                new: $t,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$t, $t> {
                let (success, failure) = (mutant::ordering(0, success), mutant::ordering(1, failure));
                self.0.compare_exchange(current, new, success, failure)
            }
            #[track_caller]
            pub fn compare_exchange_weak(
                &self,
                current: $t,
                new: $t,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$t, $t> {
                let (success, failure) = (mutant::ordering(0, success), mutant::ordering(1, failure));
                self.0.compare_exchange_weak(current, new, success, failure)
            }
        }
    };
}

macro_rules! number {
    ($name:ident, $t:ty) => {
        common!($name, $t);

        impl $name {
            #[track_caller]
            pub fn fetch_add(&self, value: $t, order: Ordering) -> $t {
                self.0.fetch_add(value, mutant::ordering(0, order))
            }
            #[track_caller]
            pub fn fetch_sub(&self, value: $t, order: Ordering) -> $t {
                self.0.fetch_sub(value, mutant::ordering(0, order))
            }
            #[track_caller]
            pub fn fetch_and(&self, value: $t, order: Ordering) -> $t {
                self.0.fetch_and(value, mutant::ordering(0, order))
            }
            #[track_caller]
            pub fn fetch_or(&self, value: $t, order: Ordering) -> $t {
                self.0.fetch_or(value, mutant::ordering(0, order))
            }
            #[track_caller]
            pub fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                f: impl FnMut($t) -> Option<$t>,
            ) -> Result<$t, $t> {
                let (set, fetch) = (mutant::ordering(0, set), mutant::ordering(1, fetch));
                self.0.fetch_update(set, fetch, f)
            }
            #[track_caller]
            pub fn fetch_max(&self, value: $t, order: Ordering) -> $t {
                self.0.fetch_max(value, mutant::ordering(0, order))
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new(0)
            }
        }
    };
}

number!(AtomicU32, u32);
number!(AtomicU64, u64);
number!(AtomicUsize, usize);
common!(AtomicBool, bool);
common!(AtomicPtr[T], *mut T);

impl Default for AtomicBool {
    fn default() -> Self {
        Self::new(false)
    }
}

/// A fence, unless a mutant leaves it out.
#[track_caller]
pub fn fence(order: Ordering) {
    if !mutant::is_left_out() {
        checker::sync::atomic::fence(order);
    }
}
