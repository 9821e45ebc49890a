//! The driver proper: `mio::Poll` held by the thread that parks, and the `Reactor` that
//! registrations refer to.
//!
//! ```text
//! epoll_wait ─▶ events ─▶ (one lock) token ─▶ slot ─▶ Arc<ScheduledIo> ─▶ (no lock) deliver, wake
//! ```
//!
//! I1: an event whose token names no registration is ignored (see `slots`), so an event that comes after
//! deregistration, or for a file description kept alive by a duplicate, touches nothing.
//! I2: a slot is freed whatever the OS answers to (de)registration: nothing leaks on failure.
//!
//! A failed `epoll_wait` other than by a signal is a bug of ours and panics.

use super::ScheduledIo;
use super::ring::{RING, RingSlot};
use super::slots::{Slot, Slots};
use super::{Interest, Ready};
use mio::unix::SourceFd;
use runtime_core::base::fork::{InheritedError, Origin};
use runtime_core::base::shim::sync::Mutex;
use runtime_core::driver::{DriverParams, IoCounters, IoDriver, Unpark};
use std::fmt;
use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

const UNPARK: mio::Token = mio::Token(usize::MAX);
/// mio hands the OS milliseconds in a C int; nothing needs to sleep longer than this in one go.
const LONGEST_PARK: Duration = Duration::from_secs(1_000_000);
/// The shared end: registers, deregisters, unparks.
pub(crate) struct Reactor {
    /// The process whose reactor this is. A forked child shares the epoll instance and the eventfd with it, so it must
    /// neither deregister nor unpark.
    origin: Origin,
    pub(super) registry: mio::Registry,
    pub(super) waker: Arc<mio::Waker>,
    pub(super) ring: RingSlot,
    #[cfg(any(feature = "signal", feature = "process"))]
    pub(crate) signals: crate::signal::HubSlot,
    pub(super) slots: Mutex<Slots>,
    pub(super) counters: Arc<IoCounters>,
}

impl Reactor {
    /// Makes the OS report `interest` in `fd` to `io`.
    pub(crate) fn register(
        &self,
        fd: RawFd,
        interest: Interest,
        io: &Arc<ScheduledIo>,
    ) -> io::Result<Slot> {
        if self.origin.is_inherited() {
            return Err(io::Error::other(InheritedError));
        }
        let slot = self.slots.lock().insert(io.clone());
        let slot = slot.ok_or_else(super::shutdown_error)?;
        let token = mio::Token(slot.0);
        let answer = self
            .registry
            .register(&mut SourceFd(&fd), token, interest.to_mio());
        match answer {
            Ok(()) => {
                self.counters.note_registered();
                Ok(slot)
            }
            Err(error) => {
                let gone = self.slots.lock().remove(slot);
                drop(gone);
                Err(error)
            }
        }
    }

    /// Is the driver gone?
    #[cfg(feature = "process")]
    pub(crate) fn is_shutdown(&self) -> bool {
        self.slots.lock().is_shutdown()
    }

    /// Ends that; the slot is free afterwards even where the OS refuses.
    pub(crate) fn deregister(&self, fd: RawFd, slot: Slot) -> io::Result<()> {
        let answer = self.registry.deregister(&mut SourceFd(&fd));
        self.counters.note_deregistered();
        let gone = self.slots.lock().remove(slot);
        drop(gone);
        answer
    }
}

impl Reactor {
    /// Is this a forked child, and the reactor its parent's?
    pub(super) fn is_inherited(&self) -> bool {
        self.origin.is_inherited()
    }
}

impl Unpark for Reactor {
    fn unpark(&self) {
        if self.origin.is_inherited() {
            return;
        }
        self.waker.wake().expect("cannot wake the I/O driver");
    }
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor").finish_non_exhaustive()
    }
}

/// The exclusive end: waits for events and delivers them.
pub(crate) struct Driver {
    poll: mio::Poll,
    events: mio::Events,
    /// Resolved events of the turn; kept for its capacity.
    batch: Vec<(Arc<ScheduledIo>, Ready)>,
    reactor: Arc<Reactor>,
    /// The thread that parks is the user's own: a waker's panic is told there.
    is_users_thread: bool,
}

impl Driver {
    pub(crate) fn new(params: &DriverParams) -> io::Result<(Driver, Arc<Reactor>)> {
        let poll = mio::Poll::new()?;
        let reactor = Arc::new(Reactor {
            origin: Origin::here(),
            registry: poll.registry().try_clone()?,
            waker: Arc::new(mio::Waker::new(poll.registry(), UNPARK)?),
            ring: RingSlot::new(),
            #[cfg(any(feature = "signal", feature = "process"))]
            signals: Default::default(),
            slots: Mutex::new(Slots::default()),
            counters: Arc::default(),
        });
        let driver = Driver {
            poll,
            events: mio::Events::with_capacity(params.nevents.max(1)),
            batch: Vec::new(),
            reactor: reactor.clone(),
            is_users_thread: params.may_pause,
        };
        Ok((driver, reactor))
    }

    fn wait_and_deliver(&mut self, timeout: Option<Duration>) {
        // Events that a forked child takes are lost to the parent.
        self.reactor.origin.assert_here();
        #[cfg(feature = "process")]
        let timeout = crate::process::before_wait(&self.reactor, timeout);
        let timeout = self.reactor.ring.before_wait(timeout, self.is_users_thread);
        match self.poll.poll(&mut self.events, timeout) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return,
            Err(error) => panic!("waiting for I/O events failed: {error:?}"),
        }
        if self.events.is_empty() {
            return;
        }
        let mut has_completions = false;
        {
            let slots = self.reactor.slots.lock();
            for event in self.events.iter() {
                if event.token() == UNPARK {
                    continue;
                }
                if event.token() == RING {
                    has_completions = true;
                    continue;
                }
                if let Some(io) = slots.get(Slot(event.token().0)) {
                    self.batch.push((io.clone(), Ready::from_mio(event)));
                }
            }
        }
        self.reactor.counters.note_ready(self.batch.len() as u64);
        for (io, ready) in self.batch.drain(..) {
            io.deliver(ready);
        }
        if has_completions {
            self.reactor.ring.deliver(self.is_users_thread);
        }
    }
}

impl IoDriver for Driver {
    fn park(&mut self, timeout: Option<Duration>) {
        self.wait_and_deliver(timeout.map(|t| t.min(LONGEST_PARK)));
    }

    fn turn(&mut self) {
        self.wait_and_deliver(Some(Duration::ZERO));
    }

    fn shutdown(&mut self) {
        let all = self.reactor.slots.lock().shut_down();
        for io in all {
            io.shut_down();
        }
        self.reactor.ring.shut_down();
        #[cfg(feature = "process")]
        crate::process::shut_down();
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}
