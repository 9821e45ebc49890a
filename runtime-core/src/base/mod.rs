//! The ground floor: what every other room is built from. It knows no tasks, no schedulers and no drivers.
//!
//! | file | owns |
//! |---|---|
//! | `shim` | the choice between std, parking_lot and loom: atomics, locks, threads |
//! | `lock_audit` | the assertion, in debug builds, that no user code runs under a lock |
//! | `contain` | user code's panics, kept from others |
//! | `clock` | the time: every look at the system's clock |
//! | `rng` | chance: every choice the runtime makes |
//! | `handshake` | announce, then look: the fences between two words |
//! | `list` | an intrusive list of nodes that live in their owners |
//! | `slab` | values under keys that are never given twice |
//! | `wait_queue` | the futures that wait for one thing, oldest first |
//! | `waker_slot` | a waker inside a lock, out of reach of whoever holds the lock |
//! | `wake_batch` | wakers taken under a lock, woken after it |
//!
//! Each primitive stands here once, with its model (`tests/`); nothing above writes it again.

pub mod clock;
pub mod contain;
pub mod handshake;
pub mod list;
pub mod lock_audit;
pub mod rng;
pub mod shim;
pub mod slab;
pub mod wait_queue;
pub mod wake_batch;
pub mod waker_slot;

#[cfg(test)]
mod tests;
