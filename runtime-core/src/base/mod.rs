//! The ground floor: what every other room is built from. It knows no tasks, no schedulers and no drivers.
//!
//! | file | owns |
//! |---|---|
//! | `shim` | the choice between std, parking_lot and loom: atomics, locks, threads |
//! | `lock_audit` | the assertion, in debug builds, that no user code runs under a lock |
//! | `contain` | user code's panics, kept from others |
//! | `clock` | the time: every look at the system's clock |
//! | `rng` | chance: every choice the runtime makes |
//! | `list` | an intrusive list of nodes that live in their owners |
//! | `wait_queue` | the futures that wait for one thing, oldest first |
//! | `waker_slot` | a waker inside a lock, out of reach of whoever holds the lock |
//! | `wake_batch` | wakers taken under a lock, woken after it |
//!
//! Each has its unit tests and, where threads meet, its models in `tests/`. Still written by hand above: the lists of the
//! timer wheel and of the owned tasks, and the waker slots of tasks, timers and the reactor.

pub mod clock;
pub mod contain;
pub mod list;
pub mod lock_audit;
pub mod rng;
pub mod shim;
pub mod wait_queue;
pub mod wake_batch;
pub mod waker_slot;

#[cfg(test)]
mod tests;
