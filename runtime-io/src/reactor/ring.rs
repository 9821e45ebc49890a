//! A reactor's io_uring: made at the first operation, its descriptor one more source of events.
//!
//! I1: no ring is made after `shut_down`, so none outlives the driver unnoticed.
//! I2: that the kernel refuses rings is found out once; that it is short of something, each time.

use super::driver::Reactor;
use crate::uring::{Panic, Ring, WakeDriver};
use mio::unix::SourceFd;
use runtime_core::base::contain;
use runtime_core::base::shim::sync::Mutex;
use std::io;
use std::panic::resume_unwind;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The ring's events; no slot has this token.
pub(super) const RING: mio::Token = mio::Token(usize::MAX - 1);
/// Longest park while the kernel is yet to take an operation.
const RETRY: Duration = Duration::from_millis(5);

#[derive(Default)]
pub(super) struct RingSlot {
    ring: OnceLock<Option<Arc<Ring>>>,
    /// Held while a ring is made.
    is_shutdown: Mutex<bool>,
}

impl Reactor {
    /// The ring, made at the first call; none where the kernel refuses.
    pub(crate) fn ring(&self) -> Option<&Arc<Ring>> {
        if let Some(known) = self.ring.ring.get() {
            return known.as_ref();
        }
        // A ring's end runs wakers, for all the lock-depth audit knows: one that is of no use ends after the lock.
        let unused = {
            let is_shutdown = self.ring.is_shutdown.lock();
            if *is_shutdown {
                return None;
            }
            match self.ring.ring.get() {
                Some(_) => None,
                None => self.make_ring_known(),
            }
        };
        drop(unused);
        self.ring.get()
    }

    /// Makes the ring; one whose events nobody would see is given back.
    fn make_ring_known(&self) -> Option<Arc<Ring>> {
        let (ring, answer) = self.make_ring();
        let (known, unused) = match answer {
            Ok(()) => (ring, None),
            Err(error) if is_temporary(&error) => return ring,
            Err(_) => (None, ring),
        };
        let _ = self.ring.ring.set(known);
        unused
    }

    /// A ring, unless the kernel gives none; and whether its events will be seen.
    fn make_ring(&self) -> (Option<Arc<Ring>>, io::Result<()>) {
        let driver: Arc<dyn WakeDriver> = self.waker.clone();
        let ring = match Ring::new(Arc::downgrade(&driver)) {
            Ok(ring) => Arc::new(ring),
            Err(error) => return (None, Err(error)),
        };
        let answer = ring.fd().ok_or_else(super::shutdown_error).and_then(|fd| {
            let interest = mio::Interest::READABLE;
            self.registry.register(&mut SourceFd(&fd), RING, interest)
        });
        (Some(ring), answer)
    }
}

impl RingSlot {
    pub(super) fn new() -> RingSlot {
        RingSlot::default()
    }

    fn get(&self) -> Option<&Arc<Ring>> {
        self.ring.get()?.as_ref()
    }

    /// The driver is about to wait; gives how long it may. `may_panic`: a waker's panic goes on from here.
    pub(super) fn before_wait(
        &self,
        timeout: Option<Duration>,
        may_panic: bool,
    ) -> Option<Duration> {
        let Some(ring) = self.get().filter(|ring| ring.is_stalled()) else {
            return timeout;
        };
        pass_on(ring.retry(), may_panic);
        if !ring.is_stalled() {
            // A stall that begins from here on wakes the driver.
            return timeout;
        }
        Some(timeout.map_or(RETRY, |timeout| timeout.min(RETRY)))
    }

    /// The driver saw an event of the ring. `may_panic`: as above.
    pub(super) fn deliver(&self, may_panic: bool) {
        pass_on(self.get().and_then(|ring| ring.drain()), may_panic);
    }

    pub(super) fn shut_down(&self) {
        *self.is_shutdown.lock() = true;
        if let Some(ring) = self.get() {
            ring.shut_down();
        }
    }
}

fn pass_on(panic: Option<Panic>, may_panic: bool) {
    match panic {
        Some(panic) if may_panic => resume_unwind(panic),
        Some(panic) => contain::discard(panic),
        None => {}
    }
}

/// Nothing that says that this kernel gives no rings.
fn is_temporary(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    code.is_some_and(|code| {
        [
            libc::EMFILE,
            libc::ENFILE,
            libc::ENOMEM,
            libc::EAGAIN,
            libc::EINTR,
        ]
        .contains(&code)
    })
}
