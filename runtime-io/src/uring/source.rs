//! The ring of one reactor: made at the first operation, driven by the reactor's turns.
//!
//! I1: no ring is made after `shut_down`, so none outlives the driver unnoticed.
//! I2: a kernel that refuses rings is asked once; a kernel short of resources is asked again each time.

use super::ring::{Panic, Ring};
use crate::reactor::{Reactor, Source, Turn};
use crate::shutdown::shutdown_error;
use runtime_core::base::contain;
use runtime_core::base::shim::sync::Mutex;
use runtime_core::driver::Unpark;
use runtime_core::with_current;
use std::io;
use std::panic::resume_unwind;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Longest park while the kernel is yet to take an operation.
const RETRY: Duration = Duration::from_millis(5);

/// The ring of the runtime this thread is in, if there is one that can do `opcode`.
pub(crate) fn current(opcode: u8) -> Option<Arc<Ring>> {
    let any = with_current(|handle| handle.io_driver().cloned())??;
    let reactor = any.downcast::<Reactor>().ok()?;
    let source = reactor.source::<RingSource>().ok()?;
    let ring = source.ring(&reactor)?;
    ring.can(opcode).then(|| ring.clone())
}

#[derive(Default)]
pub(super) struct RingSource {
    pub(super) ring: OnceLock<Option<Arc<Ring>>>,
    /// Held while a ring is made.
    is_shutdown: Mutex<bool>,
}

impl RingSource {
    /// The ring, made at the first call; none where the kernel refuses.
    pub(super) fn ring(&self, reactor: &Arc<Reactor>) -> Option<&Arc<Ring>> {
        if let Some(known) = self.ring.get() {
            return known.as_ref();
        }
        // Dropping a ring may run wakers, for all that the lock-depth audit knows: an unused ring is dropped after the lock.
        let unused = {
            let is_shutdown = self.is_shutdown.lock();
            if *is_shutdown {
                return None;
            }
            match self.ring.get() {
                Some(_) => None,
                None => self.make_known(reactor),
            }
        };
        drop(unused);
        self.known()
    }

    /// Makes the ring. A ring whose events would not be seen is returned, to be dropped.
    fn make_known(&self, reactor: &Arc<Reactor>) -> Option<Arc<Ring>> {
        let (ring, answer) = make(reactor);
        let (known, unused) = match answer {
            Ok(()) => (ring, None),
            Err(error) if is_temporary(&error) => return ring,
            Err(_) => (None, ring),
        };
        let _ = self.ring.set(known);
        unused
    }

    fn known(&self) -> Option<&Arc<Ring>> {
        self.ring.get()?.as_ref()
    }
}

/// A ring, unless the kernel gives none; and whether its events will be seen.
fn make(reactor: &Arc<Reactor>) -> (Option<Arc<Ring>>, io::Result<()>) {
    let driver: Arc<dyn Unpark> = reactor.clone();
    let ring = match Ring::new(Arc::downgrade(&driver)) {
        Ok(ring) => Arc::new(ring),
        Err(error) => return (None, Err(error)),
    };
    let fd = ring.fd().ok_or_else(shutdown_error);
    let answer = fd.and_then(|fd| reactor.watch::<RingSource>(fd));
    (Some(ring), answer)
}

impl Source for RingSource {
    fn before_wait(&self, turn: &Turn<'_>, timeout: Option<Duration>) -> Option<Duration> {
        let Some(ring) = self.known().filter(|ring| ring.is_stalled()) else {
            return timeout;
        };
        pass_on(ring.retry(), turn);
        if !ring.is_stalled() {
            // A stall that begins from here on wakes the driver.
            return timeout;
        }
        Some(timeout.map_or(RETRY, |timeout| timeout.min(RETRY)))
    }

    fn deliver(&self, turn: &Turn<'_>) {
        pass_on(self.known().and_then(|ring| ring.drain()), turn);
    }

    fn shut_down(&self) {
        let last = {
            let mut is_shutdown = self.is_shutdown.lock();
            *is_shutdown = true;
            self.known()
        };
        if let Some(ring) = last {
            ring.shut_down();
        }
    }
}

/// Propagates a waker's panic if this is a user's thread, and discards it otherwise.
fn pass_on(panic: Option<Panic>, turn: &Turn<'_>) {
    match panic {
        Some(panic) if turn.is_users_thread => resume_unwind(panic),
        Some(panic) => contain::discard(panic),
        None => {}
    }
}

/// An error that does not mean that this kernel gives no rings.
fn is_temporary(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    code.is_some_and(|code| {
        [
            libc::EMFILE,
            libc::ENFILE,
            libc::ENOMEM,
            libc::ENOSPC,
            libc::EAGAIN,
            libc::EINTR,
        ]
        .contains(&code)
    })
}
