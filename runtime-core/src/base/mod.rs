//! The ground floor: what every other room is built from. It knows no tasks, no schedulers and no drivers.
//!
//! | file | owns |
//! |---|---|
//! | `shim` | the choice between std, parking_lot and loom: atomics, those of 64 bits where the processor has none, locks, threads |
//! | `lock_audit` | the assertion, in debug builds, that no user code runs under a lock |
//! | `contain` | user code's panics, kept from others |
//! | `clock` | the time: every look at the system's clock |
//! | `thread` | what this thread is used for, and its number |
//! | `parker` | a thread that waits for a token |
//! | `spin` | a look-out before a sleep, while that pays |
//! | `deferred` | wakers that wait for the end of a worker's round |
//! | `handshake` | two threads of which at least one sees the other |
//! | `fork` | which process something was made in |
//! | `process_mutex` | a lock of the whole process, which no forked child finds taken |
//! | `trace` | a poll in which all leaf futures stand still, for task dumps |
//! | `rng` | chance: every choice the runtime makes |
//! | `list` | an intrusive list of nodes that live in their owners |
//! | `slab` | values by keys that the kernel carries, out of date ones told from new ones |
//! | `wait_queue` | the futures that wait for one thing, oldest first |
//! | `told` | numbers that are told to people |
//! | `waits` | what the poll that goes on waits for |
//! | `holder` | who holds a lock |
//! | `waker_slot` | a waker inside a lock, out of reach of whoever holds the lock |
//! | `wake_batch` | wakers taken under a lock, woken after it |
//!
//! Each has its unit tests and, where threads meet, its models in `tests/`. Two slots above are not `WakerSlot`s, as no lock
//! protects them: the join waker of a task and the wakers of a oneshot belong to a bit of a state word.

pub mod clock;
pub mod contain;
pub(crate) mod deferred;
pub mod fork;
pub mod handshake;
pub(crate) mod holder;
pub mod list;
pub mod parker;
pub mod process_mutex;
pub mod rng;
pub mod shim;
pub mod slab;
pub(crate) mod spin;
pub mod thread;
pub(crate) mod told;
#[cfg(feature = "taskdump")]
pub mod trace;
pub mod wait_queue;
pub mod waits;
pub mod wake_batch;
pub mod waker_slot;

pub use shim::lock_audit;

#[cfg(test)]
mod tests;
