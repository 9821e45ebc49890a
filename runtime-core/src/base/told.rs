//! Numbers that are shown to people: their owner writes them, any thread reads them, and no decision of the runtime depends on them.
//!
//! They are not part of any protocol: std's atomics, under the model checker too.

use crate::base::shim::atomic64::AtomicU64;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

macro_rules! told {
    ($(#[$doc:meta])* $name:ident, $number:ty, $atomic:ty) => {
        $(#[$doc])*
        #[derive(Default)]
        pub(crate) struct $name($atomic);

        impl $name {
            pub(crate) const fn new(number: $number) -> $name {
                $name(<$atomic>::new(number))
            }

            #[inline]
            pub(crate) fn get(&self) -> $number {
                // Ordering: Relaxed; readers need the number, and nothing that was written before it.
                self.0.load(Ordering::Relaxed)
            }

            #[inline]
            pub(crate) fn set(&self, number: $number) {
                // Ordering: Relaxed; as in `get`.
                self.0.store(number, Ordering::Relaxed);
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.get().fmt(f)
            }
        }
    };
}

told! {
    /// A number of 64 bits.
    Told, u64, AtomicU64
}
told! {
    /// A number of 32 bits.
    Told32, u32, AtomicU32
}
