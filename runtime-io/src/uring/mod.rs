//! Operations on files through an io_uring: asked for, and completed, without a thread of the pool.
//!
//! ```text
//! fs ─▶ Op ── first poll ──▶ Slots (data, waker) + submission queue ──▶ io_uring_enter
//!                               ▲                                            │ kernel
//!        wake ◀── reactor's turn: drain ◀── completion queue ◀── ring's fd readable
//! ```
//! Owns the ring and all memory that the kernel has a pointer to. `fs` calls in with a [`Request`], the reactor at
//! its turns. The room knows nothing of files' positions, buffering or fallbacks. The protocol, and the proof that no
//! memory is freed while the kernel may use it, are in `docs/io_uring.md`.
//!
//! | file | owns |
//! |---|---|
//! | `request` | what can be asked for, and the memory that goes with it |
//! | `slots` | the states of operations: a state machine without I/O |
//! | `ring` | the queues, submission, draining |
//! | `kernel` | the kernel's side of the queues |
//! | `shutdown` | the end of a ring with operations in flight |
//! | `source` | the ring of a reactor, and what it does in the reactor's turns |
//! | `op` | the future |

#[cfg(not(all(test, runtime_loom)))]
mod kernel;
#[cfg(all(test, runtime_loom))]
#[path = "tests/kernel.rs"]
mod kernel;
#[cfg(all(test, runtime_loom))]
#[path = "tests/memory.rs"]
mod memory;
mod op;
mod request;
mod ring;
mod shutdown;
mod slots;
mod source;
#[cfg(test)]
mod tests;

pub(crate) use op::Op;
pub(crate) use request::{Done, Paths, Request, StatBuf, c_path};
pub(crate) use ring::Ring;
pub(crate) use source::current;
