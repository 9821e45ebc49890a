//! The ground floor: what every other room is built from. It knows no tasks, no schedulers and no drivers.
//!
//! | file | owns |
//! |---|---|
//! | `shim` | the choice between std, parking_lot and loom: atomics, those of 64 bits where the processor has none, locks, threads |
//! | `lock_audit` | the assertion, in debug builds, that no user code runs under a lock |
//! | `contain` | panics of user code, caught |
//! | `clock` | the time: every read of the system's clock |
//! | `thread` | what this thread is used for, and its number |
//! | `parker` | a thread that waits for a token |
//! | `spin` | looking out (spinning) before a sleep, while that pays |
//! | `deferred` | wakers that wait for the end of a worker's round |
//! | `handshake` | the fence by which at least one of two threads sees the other's write |
//! | `fork` | fork detection: in which process a value was made |
//! | `process_mutex` | a lock of the whole process, which no forked child finds taken |
//! | `trace` | a poll in which no leaf future does its work, for task dumps |
//! | `rng` | random numbers: for every random choice of the runtime |
//! | `list` | an intrusive list of nodes that live in their owners |
//! | `slab` | values by keys that the kernel carries; a key that is out of date finds nothing |
//! | `wait_queue` | the futures that wait for one thing, oldest first |
//! | `told` | numbers that are shown to people |
//! | `waits` | what the current poll waits for |
//! | `holder` | which task holds a lock |
//! | `waker_slot` | a waker inside a lock, woken and dropped only after the unlock |
//! | `wake_batch` | wakers taken under a lock, woken after it |
//!
//! Unit tests are in `tests/`, and models where threads meet. Two slots of higher rooms are not `WakerSlot`s, as no lock
//! protects them: a bit of a state word protects the join waker of a task, and the wakers of a oneshot.

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
