//! The driver: `mio::Poll`, held by the thread that parks; the `Reactor`, which registrations refer to; and `Source`, the
//! contract by which other rooms take part in turns.
//!
//! ```text
//! sources: before_wait ─▶ epoll_wait ─▶ events ─▶ (one lock) token ─▶ slot ─▶ Arc<ScheduledIo>
//!                                         └─ a source's token ─┐          └─▶ (no lock) deliver, wake
//!                                                              └─▶ (no lock, after those) Source::deliver
//! ```
//!
//! I1: an event whose token names no registration is ignored (see `slots`), so an event that comes after
//! deregistration, or for a file description kept alive by a duplicate, touches nothing.
//! I2: a slot is freed whatever the OS answers to (de)registration: nothing leaks on failure.
//!
//! An `epoll_wait` that fails other than by a signal is a bug of ours, and panics.

use super::slots::Slots;
use super::sources::{Changes, Known, Sources};
use super::{Interest, Ready, ScheduledIo, shutdown_error};
use mio::unix::SourceFd;
use runtime_core::base::fork::{InheritedError, Origin};
use runtime_core::base::process_mutex::{ProcessMutex, Rank};
use runtime_core::base::shim::sync::Mutex;
use runtime_core::base::slab::Key;
use runtime_core::driver::{DriverParams, IoCounters, IoDriver, Unpark};
use runtime_core::record;
use std::any::Any;
use std::fmt;
use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

const UNPARK: mio::Token = mio::Token(usize::MAX);
/// mio hands the OS milliseconds in a C int; nothing needs to sleep longer than this in one go.
const LONGEST_PARK: Duration = Duration::from_secs(1_000_000);
/// epoll waits for multiples of this.
const WHOLE_WAITS: Duration = Duration::from_millis(1);

#[cfg(not(runtime_loom))]
static CHANGES: Changes = Changes::new();
/// No model uses it: loom's atomics exist only within a model.
#[cfg(runtime_loom)]
static CHANGES: std::sync::LazyLock<Changes> = std::sync::LazyLock::new(Changes::new);
/// The sources that every reactor has; `None` until the first is added.
static OF_ALL: ProcessMutex<Option<Sources<Added>>> = ProcessMutex::new(Rank::Leaf, None);

fn of_all<R>(f: impl FnOnce(&Sources<Added>) -> R) -> R {
    f(OF_ALL.lock().get_or_insert_default())
}

/// What another room does in a reactor's turns. A source is added to one reactor ([`Reactor::source`]), or to every reactor,
/// later ones too ([`add_to_all`]).
///
/// The methods run on the driver's thread, outside of locks. A wait under way does not know of a source that is added
/// meanwhile or wants a shorter wait: code that needs the wait to end unparks the driver (`sources`, I2).
pub(crate) trait Source: Send + Sync {
    /// The driver is about to wait. Returns how long it may wait, at most `timeout`.
    fn before_wait(&self, _: &Turn<'_>, timeout: Option<Duration>) -> Option<Duration> {
        timeout
    }

    /// A descriptor that was given to [`Reactor::watch`] has become readable.
    fn deliver(&self, _: &Turn<'_>) {}

    /// The driver is gone, and all registrations have been shut down.
    fn shut_down(&self) {}
}

/// The turn in which a source is called.
pub(crate) struct Turn<'a> {
    pub(crate) reactor: &'a Arc<Reactor>,
    /// The thread is a user's: a waker's panic may propagate from here.
    pub(crate) is_users_thread: bool,
}

/// A source, as a trait object and by its type.
#[derive(Clone)]
struct Added {
    source: Arc<dyn Source>,
    any: Arc<dyn Any + Send + Sync>,
}

impl Added {
    fn new<S: Source + Default + 'static>() -> Added {
        let source = Arc::new(S::default());
        let any = source.clone();
        Added { source, any }
    }

    fn is<S: 'static>(&self) -> bool {
        self.any.is::<S>()
    }
}

/// Adds a source to all reactors, unless there is one of its type.
pub(crate) fn add_to_all<S: Source + Default + 'static>() {
    of_all(|sources| {
        let find = |known: &Added| known.is::<S>().then_some(());
        sources.find_or_add(find, Added::new::<S>, &CHANGES);
    });
}

/// The shared end: registers, deregisters, unparks.
pub(crate) struct Reactor {
    /// The process whose reactor this is. A forked child shares the epoll instance and the eventfd with it, so the child
    /// must neither deregister nor unpark.
    origin: Origin,
    registry: mio::Registry,
    waker: mio::Waker,
    sources: Sources<Added>,
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
    ) -> io::Result<Key> {
        let slot = self.slots.lock().insert(io.clone());
        let slot = slot.ok_or_else(shutdown_error)?;
        let token = mio::Token(slot.number());
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

    /// Ends a registration; the slot is free afterwards even if the OS refuses.
    pub(crate) fn deregister(&self, fd: RawFd, slot: Key) -> io::Result<()> {
        let answer = self.registry.deregister(&mut SourceFd(&fd));
        self.counters.note_deregistered();
        let gone = self.slots.lock().remove(slot);
        drop(gone);
        answer
    }
}

impl Reactor {
    /// This reactor's source of that type, added if there is none.
    ///
    /// # Errors
    /// In a forked child; and after the shutdown, if it has not been added before.
    pub(crate) fn source<S: Source + Default + 'static>(&self) -> io::Result<Arc<S>> {
        if self.origin.is_inherited() {
            return Err(io::Error::other(InheritedError));
        }
        let find = |known: &Added| known.any.clone().downcast().ok();
        let source = self.sources.find_or_add(find, Added::new::<S>, &CHANGES);
        source.ok_or_else(shutdown_error)
    }

    /// Calls the `deliver` of the source of that type whenever `fd` becomes readable, until `fd` is closed.
    pub(crate) fn watch<S: Source + 'static>(&self, fd: RawFd) -> io::Result<()> {
        let place = self.sources.position(Added::is::<S>);
        let token = mio::Token(Key::FIRST_RESERVED + place.ok_or_else(shutdown_error)?);
        let interest = mio::Interest::READABLE;
        self.registry.register(&mut SourceFd(&fd), token, interest)
    }

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
    known: Known<Added>,
    /// The thread that parks is the user's own: a waker's panic may propagate there.
    is_users_thread: bool,
    /// Do waits end less than a millisecond late (`precise`)?
    is_precise: bool,
}

impl Driver {
    pub(crate) fn new(params: &DriverParams) -> io::Result<(Driver, Arc<Reactor>)> {
        let poll = mio::Poll::new()?;
        let reactor = Arc::new(Reactor {
            origin: Origin::here(),
            registry: poll.registry().try_clone()?,
            waker: mio::Waker::new(poll.registry(), UNPARK)?,
            sources: Sources::default(),
            slots: Mutex::new(Slots::default()),
            counters: Arc::default(),
        });
        let driver = Driver {
            poll,
            events: mio::Events::with_capacity(params.nevents.max(1)),
            batch: Vec::new(),
            reactor: reactor.clone(),
            known: Known::new(),
            is_users_thread: params.may_pause,
            is_precise: params.timer_resolution < WHOLE_WAITS,
        };
        Ok((driver, reactor))
    }

    /// The epoll instance.
    #[cfg(all(test, not(runtime_loom)))]
    pub(super) fn fd(&self) -> RawFd {
        std::os::fd::AsRawFd::as_raw_fd(&self.poll)
    }

    fn wait_and_deliver(&mut self, timeout: Option<Duration>) {
        // Events that a forked child takes are lost to the parent.
        self.reactor.origin.assert_here();
        let timeout = self.before_wait(timeout);
        let is_recorded = record::is_on();
        let polled = match is_recorded {
            false => self.poll(timeout),
            true => self.poll_recorded(timeout),
        };
        match polled {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return,
            Err(error) => panic!("waiting for I/O events failed: {error:?}"),
        }
        if self.events.is_empty() {
            return;
        }
        // The sources with an event, by a bit each.
        let mut due: u64 = 0;
        {
            let slots = self.reactor.slots.lock();
            for event in self.events.iter() {
                let mio::Token(token) = event.token();
                if token >= Key::FIRST_RESERVED {
                    if event.token() != UNPARK {
                        due |= 1 << (token - Key::FIRST_RESERVED);
                    }
                } else if let Some(io) = slots.get(Key::of(token)) {
                    self.batch.push((io.clone(), Ready::from_mio(event)));
                }
            }
        }
        self.reactor.counters.note_ready(self.batch.len() as u64);
        for (io, ready) in self.batch.drain(..) {
            if is_recorded {
                record::io(io.fd(), ready.bits().into());
            }
            io.deliver(ready);
        }
        if due != 0 {
            self.deliver_to_sources(due);
        }
    }

    #[inline]
    fn poll(&mut self, mut timeout: Option<Duration>) -> io::Result<()> {
        if self.is_precise {
            timeout = self.sleep_precisely(timeout);
        }
        self.poll.poll(&mut self.events, timeout)
    }

    /// Sleeps before the wait, where the system's waits are not precise. Returns how long the wait may still take.
    #[cold]
    fn sleep_precisely(&self, timeout: Option<Duration>) -> Option<Duration> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(timeout) = timeout {
            let epoll = std::os::fd::AsRawFd::as_raw_fd(&self.poll);
            super::precise::sleep_until_event(epoll, timeout);
            return Some(Duration::ZERO);
        }
        timeout
    }

    /// A wait that is recorded, if the thread may sleep in it.
    #[cold]
    fn poll_recorded(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        if timeout == Some(Duration::ZERO) {
            return self.poll(timeout);
        }
        record::park(true);
        let polled = self.poll(timeout);
        record::unpark(false);
        polled
    }

    /// Asks the sources how long the wait may be. Without sources that costs one load of a word of the process.
    #[inline]
    fn before_wait(&mut self, mut timeout: Option<Duration>) -> Option<Duration> {
        let reactor = &self.reactor;
        let all = || [of_all(Sources::all), reactor.sources.all()].concat();
        for known in self.known.renewed(&CHANGES, all) {
            let turn = Turn {
                reactor,
                is_users_thread: self.is_users_thread,
            };
            timeout = known.source.before_wait(&turn, timeout);
        }
        timeout
    }

    #[cold]
    fn deliver_to_sources(&self, due: u64) {
        let turn = Turn {
            reactor: &self.reactor,
            is_users_thread: self.is_users_thread,
        };
        for place in (0..u64::BITS).filter(|place| due & 1 << place != 0) {
            // From the list, not the copy: a descriptor may have been watched since the wait began.
            if let Some(known) = self.reactor.sources.at(place as usize) {
                known.source.deliver(&turn);
            }
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
        for known in [self.reactor.sources.shut_down(), of_all(Sources::all)].concat() {
            known.source.shut_down();
        }
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}
