//! `Registration`: one file descriptor at the reactor, and the retry loops on it.
//!
//! ```text
//! assumed ──first "not ready"──▶ registered ──drop──▶ gone
//! ```
//!
//! A resource known to be ready (an accepted connection) starts with assumed readiness and no
//! OS registration: a short connection may never need one. The first time it is found not ready
//! it is registered, and the OS reports what became ready in between (an edge-triggered
//! registration reports the present state first).
//!
//! I1: `slot` is filled at most once; `registered` says that it is.
//! I2: a call that returns "pending" or "would block" has seen `registered` set: an event can come.
//! I3: a call that asks for readiness alone registers first: its caller may act on the answer without an
//! attempt, and could wait for ever for an event that the OS was never asked for.
//! I4: the descriptor is open and unchanged as long as the registration lives; `PollEvented` and
//! `AsyncFd` drop the registration first.
//!
//! Every operation spends coop budget, and gives it back while pending; asking for readiness alone
//! is free, since the attempt that follows it may be a `try_*` loop that never yields.

use super::driver::Reactor;
use super::readiness::{Direction, ReadyEvent};
use super::{Interest, Ready, ScheduledIo, shutdown_error};
use runtime_core::base::fork::InheritedError;
use runtime_core::base::shim::sync::Mutex;
use runtime_core::base::shim::sync::atomic::{AtomicBool, Ordering};
use runtime_core::base::slab::Key;
use runtime_core::{coop, with_current};
#[cfg(any(feature = "signal", feature = "process"))]
use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::RawFd;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

const NO_IO: &str = "A Tokio 1.x context was found, but IO is disabled. Call `enable_io` on the runtime builder to enable IO.";

/// The reactor of the runtime this thread is in.
///
/// # Panics
/// Outside of a runtime, or where its I/O driver is not enabled.
#[track_caller]
pub(crate) fn current_reactor() -> Arc<Reactor> {
    match with_current(|handle| handle.io_driver().cloned()) {
        None => {
            // Panics with a message of its own.
            let _runtime = runtime_core::runtime::Handle::current();
            unreachable!("this thread is in a runtime after all")
        }
        Some(None) => panic!("{NO_IO}"),
        Some(Some(any)) => any
            .downcast::<Reactor>()
            .expect("the I/O driver is not this crate's reactor"),
    }
}

/// The reactor of the runtime this thread is in, if that has one and has not shut down.
#[cfg(feature = "process")]
pub(crate) fn try_current_reactor() -> Option<Arc<Reactor>> {
    let any = with_current(|handle| {
        let reactor = handle.io_driver().cloned();
        reactor.filter(|_| !handle.is_shutdown())
    });
    any.flatten()?.downcast().ok()
}

/// Readiness of one file descriptor, and the waits for it.
pub struct Registration {
    reactor: Arc<Reactor>,
    io: Arc<ScheduledIo>,
    fd: RawFd,
    interest: Interest,
    registered: AtomicBool,
    slot: Mutex<Option<Key>>,
}

impl Registration {
    /// Registers now.
    #[track_caller]
    pub(crate) fn new(fd: RawFd, interest: Interest) -> io::Result<Registration> {
        let this = Registration::assuming(fd, interest, Ready::EMPTY);
        this.ensure_registered()?;
        Ok(this)
    }

    /// Registers at the first "not ready"; until then `assumed` holds.
    #[track_caller]
    pub(crate) fn assuming(fd: RawFd, interest: Interest, assumed: Ready) -> Registration {
        Registration::on(current_reactor(), fd, interest, assumed)
    }

    pub(super) fn on(
        reactor: Arc<Reactor>,
        fd: RawFd,
        interest: Interest,
        assumed: Ready,
    ) -> Registration {
        Registration {
            reactor,
            io: Arc::new(ScheduledIo::new(fd, assumed)),
            fd,
            interest,
            registered: AtomicBool::new(false),
            slot: Mutex::new(None),
        }
    }

    /// Registers now, with the given reactor.
    #[cfg(any(feature = "signal", feature = "process"))]
    pub(crate) fn new_on(
        reactor: Arc<Reactor>,
        fd: RawFd,
        interest: Interest,
    ) -> io::Result<Registration> {
        let this = Registration::on(reactor, fd, interest, Ready::EMPTY);
        this.ensure_registered()?;
        Ok(this)
    }

    #[cfg(feature = "net")]
    /// Like `assuming` for both directions, with this registration's reactor.
    pub(crate) fn beside(&self, fd: RawFd, assumed: Ready) -> Registration {
        Registration::on(self.reactor.clone(), fd, Interest::TRANSFERS, assumed)
    }

    #[cfg(feature = "process")]
    /// Moves to the reactor of the runtime this thread is in, if that is another reactor and its runtime runs. The
    /// waiters at the old reactor are forgotten. If the registration fails, nothing changes.
    pub(crate) fn follow(&mut self) {
        let here = self.elsewhere();
        let moved = here.map(|reactor| Registration::new_on(reactor, self.fd, self.interest));
        if let Some(Ok(moved)) = moved {
            *self = moved;
        }
    }

    /// The reactor of the runtime this thread is in, if that is another reactor and has not shut down.
    #[cfg(any(feature = "signal", feature = "process"))]
    pub(crate) fn elsewhere(&self) -> Option<Arc<Reactor>> {
        let is_here = |other: &Arc<dyn Any + Send + Sync>| {
            std::ptr::addr_eq(Arc::as_ptr(other), Arc::as_ptr(&self.reactor))
        };
        let other = with_current(|handle| {
            let reactor = handle.io_driver().filter(|other| !is_here(other))?;
            (!handle.is_shutdown()).then(|| reactor.clone())
        });
        other.flatten()?.downcast().ok()
    }

    #[inline]
    fn ensure_registered(&self) -> io::Result<()> {
        // Ordering: Acquire; pairs with the Release in `register`; the slot that it announces is
        // under its own lock anyway.
        if self.registered.load(Ordering::Acquire) && !self.reactor.is_inherited() {
            return Ok(());
        }
        self.register()
    }

    #[cold]
    fn register(&self) -> io::Result<()> {
        if self.reactor.is_inherited() {
            return Err(io::Error::other(InheritedError));
        }
        let mut slot = self.slot.lock();
        if slot.is_none() {
            *slot = Some(self.reactor.register(self.fd, self.interest, &self.io)?);
            // Ordering: Release; pairs with the Acquire in `ensure_registered`.
            self.registered.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// The reactor it is registered with.
    #[cfg(feature = "process")]
    pub(crate) fn reactor(&self) -> &Arc<Reactor> {
        &self.reactor
    }

    /// An attempt made after `event` said "would block": forgets the readiness, unless a newer event has come.
    ///
    /// After a look at one side, the attempt was of that side and refutes its closed flag. After a look at both
    /// sides, the side of the attempt is not known: then the OS is asked whether a closed side is still closed.
    pub(crate) fn would_block(&self, event: &ReadyEvent) {
        if event.is_of_one_side() {
            self.io.clear(event);
        } else {
            self.forget(event, event.ready);
        }
    }

    /// Is an attempt that said "would block" to be repeated? Yes, if its side was seen closed and still is: it should have reported
    /// the end, and no later event will. Once only, as some closed sockets would block for ever (UDP, shut down for reading).
    fn deserves_another(&self, event: &ReadyEvent) -> bool {
        let closed = event.ready & Ready::CLOSED;
        event.is_of_one_side() && !closed.is_empty() && !(closed & closed_now(self.fd)).is_empty()
    }

    /// A short transfer has used the readiness up. The end of the data, if it was seen, is still to be reported.
    fn drained(&self, event: &ReadyEvent) {
        self.io
            .clear(&event.with_ready(event.ready - Ready::CLOSED));
    }

    /// Forgets the flags `gone` of `event`, unless a newer event has come. If a flag of a closed side goes, its closed
    /// flag goes too, unless the OS says that the side is closed now: no later edge would report it.
    fn forget(&self, event: &ReadyEvent, gone: Ready) {
        let gone = event.ready & gone;
        let mut closed = Ready::EMPTY;
        if !(gone & Direction::Read.mask()).is_empty() {
            closed |= event.ready & Ready::READ_CLOSED;
        }
        if !(gone & Direction::Write.mask()).is_empty() {
            closed |= event.ready & Ready::WRITE_CLOSED;
        }
        if !closed.is_empty() {
            closed = closed - closed_now(self.fd);
        }
        self.io
            .clear(&event.with_ready((gone - Ready::CLOSED) | closed));
    }

    /// The user says that an operation found the flags `gone` of `event` not to be true.
    ///
    /// Whether there was an attempt is not known here. A closed flag that came with data or room may not have been
    /// tried: it stays as long as the OS confirms it. A closed flag that came alone was tried: it goes.
    pub(crate) fn clear_seen(&self, event: &ReadyEvent, gone: Ready) {
        let seen = event.ready & gone;
        if event.is_of_one_side() && seen == event.ready && (seen - Ready::CLOSED).is_empty() {
            self.io.clear(event);
        } else {
            self.forget(event, gone);
        }
    }

    /// Waits until `direction` is ready, in its one waker slot.
    pub fn poll_ready(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
    ) -> Poll<io::Result<ReadyEvent>> {
        let budget = ready!(coop::poll_proceed(cx));
        self.ensure_registered()?;
        let event = ready!(self.poll_event(cx, direction))?;
        budget.made_progress();
        Poll::Ready(Ok(event))
    }

    #[inline]
    fn poll_event(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
    ) -> Poll<io::Result<ReadyEvent>> {
        let event = self.io.look(direction);
        let event = match event.is_settled() {
            true => event,
            false => {
                self.ensure_registered()?;
                ready!(self.io.poll_look(cx, direction))
            }
        };
        match event.is_shutdown {
            true => Poll::Ready(Err(shutdown_error())),
            false => Poll::Ready(Ok(event)),
        }
    }

    /// Tries `f` whenever `direction` is ready, until it does not block. `f` also says whether
    /// it has used the readiness up ([`Progress::Drained`]).
    #[inline]
    pub(crate) fn poll_progress<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut f: impl FnMut() -> io::Result<Progress<R>>,
    ) -> Poll<io::Result<R>> {
        let mut is_doubted = false;
        loop {
            let budget = ready!(coop::poll_proceed(cx));
            let event = ready!(self.poll_event(cx, direction))?;
            let result = match f() {
                Ok(Progress::More(r)) => Ok(r),
                Ok(Progress::Drained(r)) => {
                    // Urgent data ends a read early: more may lie behind it. Checked after the attempt: urgent
                    // data that comes later is newer than `event`, and is not cleared.
                    if !self.io.is_urgent() {
                        self.drained(&event);
                    }
                    Ok(r)
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match is_doubted || !self.deserves_another(&event) {
                        true => self.would_block(&event),
                        false => is_doubted = true,
                    }
                    // Events may come as fast as the loop turns: it must still yield.
                    budget.made_progress();
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            budget.made_progress();
            return Poll::Ready(result);
        }
    }

    /// Tries `f` whenever `direction` is ready, until it does not block.
    pub fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut f: impl FnMut() -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll_progress(cx, direction, || f().map(Progress::More))
    }

    /// Runs `f` if `interest` is ready as far as we know; "would block" otherwise.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        f: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        let event = self.io.look_for(interest);
        if event.ready.is_empty() {
            if event.is_shutdown {
                return Err(shutdown_error());
            }
            self.ensure_registered()?;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        match f() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.would_block(&event);
                self.ensure_registered()?;
                Err(error)
            }
            result => result,
        }
    }

    /// Waits for any of `interest`.
    pub async fn readiness(&self, interest: Interest) -> io::Result<ReadyEvent> {
        self.ensure_registered()?;
        self.wait_for(interest).await
    }

    async fn wait_for(&self, interest: Interest) -> io::Result<ReadyEvent> {
        let wait = Wait {
            registration: self,
            interest,
            key: None,
        };
        wait.await
    }

    /// Tries `f` whenever `interest` is ready, until it does not block.
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        mut f: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        let mut is_doubted = false;
        loop {
            let event = self.wait_for(interest).await?;
            let budget = poll_fn(coop::poll_proceed).await;
            match f() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match is_doubted || !self.deserves_another(&event) {
                        true => self.would_block(&event),
                        false => is_doubted = true,
                    }
                    budget.made_progress();
                }
                result => {
                    budget.made_progress();
                    return result;
                }
            }
        }
    }
}

/// Which sides of a descriptor are closed at this moment.
#[cold]
pub(super) fn closed_now(fd: RawFd) -> Ready {
    let mut asked = libc::pollfd {
        fd,
        events: libc::POLLIN | libc::POLLOUT | RDHUP,
        revents: 0,
    };
    // SAFETY: one entry is passed, ours, which the call writes to; with no time to wait it returns at once.
    let answer = unsafe { libc::poll(&mut asked, 1, 0) };
    if answer < 0 || asked.revents & libc::POLLNVAL != 0 {
        // Not known: keeping a flag costs an attempt, losing it may cost a wake-up.
        return Ready::CLOSED;
    }
    let mut closed = Ready::EMPTY;
    if asked.revents & (libc::POLLHUP | RDHUP) != 0 {
        closed |= Ready::READ_CLOSED;
    }
    if asked.revents & (libc::POLLHUP | libc::POLLERR) != 0 {
        closed |= Ready::WRITE_CLOSED;
    }
    closed
}

/// The other end sends no more; a flag of Linux's.
#[cfg(any(target_os = "linux", target_os = "android"))]
const RDHUP: libc::c_short = libc::POLLRDHUP;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const RDHUP: libc::c_short = 0;

/// What a successful attempt says about the readiness it was based on.
pub(crate) enum Progress<R> {
    /// There may be more.
    More(R),
    /// A short transfer: the OS would block next, so the next attempt can be saved.
    #[cfg_attr(not(feature = "net"), allow(dead_code))]
    Drained(R),
}

#[cfg(all(feature = "net", feature = "io-util"))]
impl<R> Progress<R> {
    pub(crate) fn into_inner(self) -> R {
        match self {
            Progress::More(r) | Progress::Drained(r) => r,
        }
    }
}

// No user code runs while its locks are held, so a panic cannot leave it half changed.
impl UnwindSafe for Registration {}
impl RefUnwindSafe for Registration {}

impl Drop for Registration {
    fn drop(&mut self) {
        if self.reactor.is_inherited() {
            // In a forked child: the registration is shared, and the parent still waits for the descriptor.
            return;
        }
        if let Some(slot) = self.slot.get_mut().take() {
            // The answer does not matter: the slot is free either way (the driver's I2).
            let _ = self.reactor.deregister(self.fd, slot);
        }
        self.io.forget_wakers();
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("fd", &self.fd)
            .field("interest", &self.interest)
            .field("io", &self.io)
            .finish_non_exhaustive()
    }
}

/// The future of `readiness`: a place in the list of waiters.
struct Wait<'a> {
    registration: &'a Registration,
    interest: Interest,
    key: Option<u64>,
}

impl Future for Wait<'_> {
    type Output = io::Result<ReadyEvent>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        ready!(coop::poll_trace(cx));
        let io = &this.registration.io;
        if !io.look_for(this.interest).is_settled() {
            this.registration.ensure_registered()?;
        }
        let event = ready!(io.poll_listed(cx, this.interest, &mut this.key));
        match event.is_shutdown {
            true => Poll::Ready(Err(shutdown_error())),
            false => Poll::Ready(Ok(event)),
        }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.registration.io.unlist(&mut self.key);
    }
}
