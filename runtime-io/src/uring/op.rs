//! The future of one operation.
//!
//! The first poll hands the request to the ring; from then on the request is the ring's until it has completed
//! (`slots`, I1). If the future is dropped before, the operation never happens. If it is dropped after, the
//! operation is cancelled if it only reads or opens, and goes on if it changes something.
//!
//! An operation that the kernel gave up without our asking is submitted again: the kernel cancels a thread's
//! operations when the thread ends, and a signal may interrupt an operation that waits. A ring that is shut down
//! ends its operations with an error.

use super::slots::{Key, OnAbandon};
use super::{Done, Request, Ring};
use runtime_core::base::waits::{self, WaitKind};
use runtime_core::driver::ClockHold;
use runtime_core::{coop, with_current};
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

enum State {
    New(Request),
    Submitted(Key),
    Finished,
}

/// An operation of a ring.
///
/// # Panics
/// When polled after its end.
pub(crate) struct Op {
    ring: Arc<Ring>,
    state: State,
    /// Held from the first poll until the future is dropped: a test's paused clock waits for the operation.
    hold: Option<ClockHold>,
}

impl Op {
    pub(crate) fn new(ring: Arc<Ring>, request: Request) -> Op {
        let state = State::New(request);
        let hold = None;
        Op { ring, state, hold }
    }

    fn poll_result(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Done>> {
        loop {
            match std::mem::replace(&mut self.state, State::Finished) {
                State::New(request) => {
                    let key = self.ring.submit(request, cx.waker())?;
                    self.state = State::Submitted(key);
                    waits::note(WaitKind::Ring, 0);
                    return Poll::Pending;
                }
                State::Submitted(key) => match self.ring.look(key, cx.waker()) {
                    Poll::Ready(Ok((request, result))) => {
                        if ![-libc::ECANCELED, -libc::EINTR].contains(&result) {
                            return Poll::Ready(request.finish(result));
                        }
                        self.state = State::New(request);
                    }
                    Poll::Pending => {
                        self.state = State::Submitted(key);
                        waits::note(WaitKind::Ring, 0);
                        return Poll::Pending;
                    }
                    Poll::Ready(Err(error)) => {
                        self.abandon(key);
                        return Poll::Ready(Err(error));
                    }
                },
                State::Finished => panic!("a file operation was polled after its end"),
            }
        }
    }

    fn abandon(&self, key: Key) {
        match self.ring.abandon(key) {
            OnAbandon::Dispose(request, result) => drop(request.finish(result)),
            OnAbandon::InFlight { waker, .. } => waker.drop_after(()),
        }
    }
}

impl Future for Op {
    type Output = io::Result<Done>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Done>> {
        let coop = ready!(coop::poll_proceed(cx));
        if let State::New(_) = self.state {
            self.hold = with_current(|handle| handle.hold_clock()).flatten();
        }
        let result = ready!(self.poll_result(cx));
        coop.made_progress();
        Poll::Ready(result)
    }
}

impl Drop for Op {
    fn drop(&mut self) {
        if let State::Submitted(key) = self.state {
            self.abandon(key);
        }
    }
}

// Nobody reads a request between submission and completion, so nothing half changed can be seen.
impl UnwindSafe for Op {}
impl RefUnwindSafe for Op {}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Op").finish_non_exhaustive()
    }
}
