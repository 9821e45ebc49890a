//! The ground floor: what every other room is built from. It knows no tasks, no schedulers and no drivers.
//!
//! | file | owns |
//! |---|---|
//! | `handshake` | announce, then look: the fences between two words |
//! | `list` | an intrusive list of nodes that live in their owners |
//! | `slab` | values under keys that are never given twice |
//! | `wait_queue` | the futures that wait for one thing, oldest first |
//! | `waker_slot` | a waker inside a lock, out of reach of whoever holds the lock |
//! | `wake_batch` | wakers taken under a lock, woken after it |
//!
//! Each primitive stands here once, with its model (`tests/`); nothing above writes it again.

pub mod handshake;
pub mod list;
pub mod slab;
pub mod wait_queue;
pub mod wake_batch;
pub mod waker_slot;

#[cfg(test)]
mod tests;
