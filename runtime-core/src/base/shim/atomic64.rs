//! Atomics of 64 bits: std's, and a stand-in for processors that have none (32-bit PowerPC and MIPS, ARMv5).
//!
//! The stand-in is a word of 64 bits and one of `LOCKS`, chosen by the word's address and held for a few instructions. So it has
//! std's size and layout, and words of a mapped file can be used as such. Every operation is at least as strong as what was asked
//! for, sequential consistency included.
//!
//! I1: the value is only touched while its lock is held, or through a reference that nobody shares.
//! I2: locks are taken by a sequentially consistent swap. If two threads each write one word and then read the other's, the thread whose
//!     second swap comes later sees what the other thread wrote, with or without fences between.
//!
//! A signal handler must not touch such a word: the thread that it interrupts may hold the lock (`signal::latch` keeps to this). In a child
//! forked while another thread holds a lock, the lock stays held for ever; so on these processors no runtime in a forked child is promised.
//! Rejected: a lock in each word, which would double the size of a recording; the package `portable-atomic`, for three processors.

#[cfg(not(target_has_atomic = "64"))]
pub use stand_in::Word as AtomicU64;
#[cfg(target_has_atomic = "64")]
pub use std::sync::atomic::AtomicU64;

/// Compiled for the tests everywhere.
#[cfg(any(all(test, not(runtime_loom)), not(target_has_atomic = "64")))]
pub(crate) mod stand_in {
    use std::cell::UnsafeCell;
    use std::fmt;
    use std::sync::atomic::{AtomicBool, Ordering};

    static LOCKS: [AtomicBool; 61] = [const { AtomicBool::new(false) }; 61];

    /// After so many attempts to take a lock, its holder is taken to be off the processor.
    const SPINS: usize = 64;

    /// See the module's page; the operations are those of std's `AtomicU64`, as far as they are used.
    #[repr(C, align(8))]
    pub struct Word(UnsafeCell<u64>);

    // SAFETY: by I1.
    unsafe impl Sync for Word {}

    /// The lock of a word, until it is dropped.
    struct Held(&'static AtomicBool);

    impl Drop for Held {
        fn drop(&mut self) {
            // Ordering: SeqCst; pairs with the swap in `Word::with`, publishes the value.
            self.0.store(false, Ordering::SeqCst);
        }
    }

    impl Word {
        /// A word that holds `value`.
        pub const fn new(value: u64) -> Word {
            Word(UnsafeCell::new(value))
        }

        /// Replaces the value by what `change` makes of it; returns the old value.
        fn with(&self, change: impl FnOnce(u64) -> u64) -> u64 {
            let lock = &LOCKS[(self.0.get().addr() / size_of::<u64>()) % LOCKS.len()];
            let mut looks = 0;
            // Ordering: SeqCst; pairs with the store in `Held::drop`; orders operations on different words (I2).
            while lock.swap(true, Ordering::SeqCst) {
                looks += 1;
                match looks % SPINS {
                    0 => std::thread::yield_now(),
                    _ => std::hint::spin_loop(),
                }
            }
            let _held = Held(lock);
            // SAFETY: by I1; the lock is held.
            let old = unsafe { self.0.get().read() };
            let new = change(old);
            // SAFETY: as above.
            unsafe { self.0.get().write(new) };
            old
        }

        /// The value.
        pub fn load(&self, _: Ordering) -> u64 {
            self.with(|value| value)
        }

        /// Sets the value.
        pub fn store(&self, value: u64, _: Ordering) {
            self.with(|_| value);
        }

        /// Sets the value; returns the old one.
        pub fn swap(&self, value: u64, _: Ordering) -> u64 {
            self.with(|_| value)
        }

        /// Adds; wraps around.
        pub fn fetch_add(&self, value: u64, _: Ordering) -> u64 {
            self.with(|old| old.wrapping_add(value))
        }

        /// Subtracts; wraps around.
        pub fn fetch_sub(&self, value: u64, _: Ordering) -> u64 {
            self.with(|old| old.wrapping_sub(value))
        }

        /// Keeps the bits that are set in both.
        pub fn fetch_and(&self, value: u64, _: Ordering) -> u64 {
            self.with(|old| old & value)
        }

        /// Sets the bits that are set in either.
        pub fn fetch_or(&self, value: u64, _: Ordering) -> u64 {
            self.with(|old| old | value)
        }

        /// Keeps the greater one.
        pub fn fetch_max(&self, value: u64, _: Ordering) -> u64 {
            self.with(|old| old.max(value))
        }

        /// Keeps the smaller one.
        pub fn fetch_min(&self, value: u64, _: Ordering) -> u64 {
            self.with(|old| old.min(value))
        }

        /// Sets the value to `new` if it is `expected`.
        ///
        /// # Errors
        /// With the value, if it is not `expected`.
        pub fn compare_exchange(
            &self,
            expected: u64,
            new: u64,
            _: Ordering,
            _: Ordering,
        ) -> Result<u64, u64> {
            let old = self.with(|old| if old == expected { new } else { old });
            if old == expected { Ok(old) } else { Err(old) }
        }

        /// As [`Word::compare_exchange`]: the stand-in does not fail spuriously.
        ///
        /// # Errors
        /// As [`Word::compare_exchange`].
        pub fn compare_exchange_weak(
            &self,
            expected: u64,
            new: u64,
            success: Ordering,
            failure: Ordering,
        ) -> Result<u64, u64> {
            self.compare_exchange(expected, new, success, failure)
        }

        /// Sets the value to what `change` makes of it. `change` may be called more than once, and is called under no lock.
        ///
        /// # Errors
        /// With the value, if `change` returns `None`.
        pub fn fetch_update(
            &self,
            set: Ordering,
            fetch: Ordering,
            mut change: impl FnMut(u64) -> Option<u64>,
        ) -> Result<u64, u64> {
            let mut old = self.load(fetch);
            while let Some(new) = change(old) {
                match self.compare_exchange(old, new, set, fetch) {
                    Ok(old) => return Ok(old),
                    Err(now) => old = now,
                }
            }
            Err(old)
        }

        /// The value, by exclusive borrow.
        pub fn get_mut(&mut self) -> &mut u64 {
            self.0.get_mut()
        }

        /// The value.
        pub fn into_inner(self) -> u64 {
            self.0.into_inner()
        }
    }

    impl Default for Word {
        fn default() -> Self {
            Word::new(0)
        }
    }

    impl fmt::Debug for Word {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.load(Ordering::SeqCst).fmt(f)
        }
    }
}
