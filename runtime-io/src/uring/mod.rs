//! Operations on files through an io_uring: asked for, and completed, without a thread of the pool.
//!
//! ```text
//! fs ─▶ Op ── first poll ──▶ Slots (data, waker) + submission queue ──▶ io_uring_enter
//!                               ▲                                            │ kernel
//!        wake ◀── reactor's turn: drain ◀── completion queue ◀── ring's fd readable
//! ```
//! Owns the ring and whatever the kernel has been given a pointer to. Only `fs` calls in, with a [`Request`];
//! it knows nothing of files' positions, buffering or fallbacks. The protocol, and the proof that no memory
//! is freed under the kernel's hands, are in `docs/io_uring.md`.
//!
//! | file | owns |
//! |---|---|
//! | `request` | what can be asked for, and the memory that goes with it |
//! | `slots` | the states of operations: a state machine without I/O |
//! | `ring` | the queues, submission, draining |
//! | `kernel` | the kernel's side of the queues |
//! | `shutdown` | the end of a ring with operations in flight |
//! | `op` | the future |

#[cfg(not(all(test, runtime_loom)))]
mod kernel;
#[cfg(all(test, runtime_loom))]
#[path = "tests/kernel.rs"]
mod kernel;
mod op;
mod request;
mod ring;
mod shutdown;
mod slots;
#[cfg(test)]
mod tests;

pub(crate) use op::Op;
pub(crate) use request::{Done, Paths, Request, StatBuf, c_path};
pub(crate) use ring::{Panic, Ring, WakeDriver};

use crate::reactor::Reactor;
use runtime_core::context;
use std::sync::Arc;

/// The ring of the runtime this thread is in, if there is one that can do `opcode`.
pub(crate) fn current(opcode: u8) -> Option<Arc<Ring>> {
    let any = context::with_current(|handle| handle.io_driver().cloned())??;
    let ring = any.downcast_ref::<Reactor>()?.ring()?;
    ring.can(opcode).then(|| ring.clone())
}
