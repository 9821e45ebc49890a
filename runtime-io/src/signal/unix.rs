//! Unix signals; see the room's page.

use super::handler;
use super::hub::Hub;
use crate::reactor::{Reactor, current_reactor};
use libc::c_int;
use runtime_core::base::waits::{self, WaitKind};
use runtime_core::coop;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Which signal to listen to.
///
/// ```
/// use selvedge::signal::unix::SignalKind;
/// assert_eq!(SignalKind::terminate().as_raw_value(), 15);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignalKind(c_int);

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $signal:ident),* $(,)?) => {
        impl SignalKind {
            $($(#[$doc])* pub const fn $name() -> Self { SignalKind(libc::$signal) })*
        }
    };
}

kinds! {
    /// SIGALRM: a timer of the process ran out.
    ///
    /// ```
    /// use selvedge::signal::unix::SignalKind;
    /// assert_eq!(SignalKind::alarm().as_raw_value(), 14);
    /// ```
    alarm = SIGALRM,
    /// SIGCHLD: a child's state changed.
    ///
    /// ```
    /// use selvedge::signal::unix::SignalKind;
    /// assert_eq!(SignalKind::child(), SignalKind::from_raw(SignalKind::child().as_raw_value()));
    /// ```
    child = SIGCHLD,
    /// SIGHUP: the terminal is gone; by custom, also: read the configuration again.
    ///
    /// ```
    /// use selvedge::signal::unix::SignalKind;
    /// assert_eq!(SignalKind::hangup().as_raw_value(), 1);
    /// ```
    hangup = SIGHUP,
    /// SIGINT: Ctrl-C.
    ///
    /// ```
    /// use selvedge::signal::unix::SignalKind;
    /// assert_eq!(SignalKind::interrupt().as_raw_value(), 2);
    /// ```
    interrupt = SIGINT,
    /// SIGIO: a file descriptor is ready.
    ///
    /// ```
    /// use selvedge::signal::unix::SignalKind;
    /// assert_ne!(SignalKind::io(), SignalKind::pipe());
    /// ```
    io = SIGIO,
    /// SIGPIPE: a write to a pipe that nobody reads.
    ///
    /// ```
    /// use selvedge::signal::unix::SignalKind;
    /// assert_eq!(SignalKind::pipe().as_raw_value(), 13);
    /// ```
    pipe = SIGPIPE,
    /// SIGQUIT: Ctrl-\.
    ///
    /// ```
    /// use selvedge::signal::unix::SignalKind;
    /// assert_eq!(SignalKind::quit().as_raw_value(), 3);
    /// ```
    quit = SIGQUIT,
    /// SIGTERM: please end.
    ///
    /// ```
    /// use selvedge::signal::unix::SignalKind;
    /// assert_eq!(SignalKind::terminate().as_raw_value(), 15);
    /// ```
    terminate = SIGTERM,
    /// SIGUSR1.
    ///
    /// ```
    /// use selvedge::signal::unix::SignalKind;
    /// assert_ne!(SignalKind::user_defined1(), SignalKind::user_defined2());
    /// ```
    user_defined1 = SIGUSR1,
    /// SIGUSR2.
    ///
    /// ```
    /// use selvedge::signal::unix::SignalKind;
    /// assert_ne!(SignalKind::user_defined2(), SignalKind::user_defined1());
    /// ```
    user_defined2 = SIGUSR2,
    /// SIGWINCH: the terminal's size changed.
    ///
    /// ```
    /// use selvedge::signal::unix::SignalKind;
    /// assert_ne!(SignalKind::window_change(), SignalKind::hangup());
    /// ```
    window_change = SIGWINCH,
}

impl SignalKind {
    /// Any signal, by its number. [`signal`] refuses signals that cannot be handled.
    ///
    /// ```
    /// use selvedge::signal::unix::SignalKind;
    /// assert_eq!(SignalKind::from_raw(15), SignalKind::terminate());
    /// ```
    pub const fn from_raw(signum: c_int) -> Self {
        SignalKind(signum)
    }

    /// The signal's number.
    ///
    /// ```
    /// use selvedge::signal::unix::SignalKind;
    /// assert_eq!(SignalKind::interrupt().as_raw_value(), 2);
    /// ```
    pub const fn as_raw_value(&self) -> c_int {
        self.0
    }
}

impl From<c_int> for SignalKind {
    fn from(signum: c_int) -> Self {
        SignalKind(signum)
    }
}

impl From<SignalKind> for c_int {
    fn from(kind: SignalKind) -> c_int {
        kind.0
    }
}

/// Gives the arrivals of one signal; made by [`signal`].
///
/// Dropping it stops listening; the signal's default effect does not come back.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::signal::unix::{Signal, SignalKind, signal};
/// let mut hangups: Signal = signal(SignalKind::hangup()).unwrap();
/// selvedge::spawn(async move {
///     while hangups.recv().await.is_some() {
///         println!("reading the configuration again");
///     }
/// });
/// # }
/// ```
#[must_use = "streams do nothing unless polled"]
pub struct Signal {
    kind: SignalKind,
    hub: Arc<Hub>,
    /// This stream's key at the hub.
    key: u64,
    /// How many arrivals it has taken note of.
    seen: usize,
}

/// Listens to a signal.
///
/// # Errors
/// If the signal cannot be handled (SIGKILL, SIGSTOP, SIGILL, SIGFPE, SIGSEGV, numbers of no signal), or the
/// system gives no file descriptor.
///
/// # Panics
/// Outside of a runtime, or where its I/O driver is not enabled.
///
/// # Examples
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::signal::unix::{SignalKind, signal};
/// let mut terminate = signal(SignalKind::terminate()).unwrap();
/// # std::process::Command::new("kill").arg(std::process::id().to_string()).status().unwrap();
/// terminate.recv().await;
/// println!("asked to end");
/// # }
/// ```
#[track_caller]
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    listen(kind, current_reactor())
}

/// Listens, served by the given reactor.
pub(crate) fn listen(kind: SignalKind, reactor: Arc<Reactor>) -> io::Result<Signal> {
    let is_none = kind.0 <= 0 || kind.0 > last_signal();
    if is_none || signal_hook_registry::FORBIDDEN.contains(&kind.0) {
        let message = format!("signal {} cannot be listened to", kind.0);
        return Err(io::Error::other(message));
    }
    // First: what arrives during the rest of this call is for this listener, however long the call takes.
    let seen = handler::arrivals_before(kind.0)?;
    // Then the hub, before the handler counts: what is counted wakes the hub.
    let hub = Hub::of(&reactor)?;
    handler::install(kind.0)?;
    let key = hub.join();
    Ok(Signal {
        kind,
        hub,
        key,
        seen,
    })
}

/// The largest number of a signal.
fn last_signal() -> libc::c_int {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return libc::SIGRTMAX();
    // Of the other systems that are checked, only FreeBSD has more than the classic signals.
    #[cfg(target_os = "freebsd")]
    return 126;
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    return 31;
}

impl Signal {
    /// Waits for the next arrival. The stream may be polled on any runtime, wherever it was made. `None` only
    /// outside of a runtime, if the runtime it was last polled on has shut down.
    ///
    /// # Cancel safety
    /// Cancel safe: an arrival is kept for the next call.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::signal::unix::{SignalKind, signal};
    /// let mut signals = signal(SignalKind::user_defined1()).unwrap();
    /// # std::process::Command::new("kill").args(["-USR1", &std::process::id().to_string()]).status().unwrap();
    /// assert_eq!(signals.recv().await, Some(()));
    /// # }
    /// ```
    pub async fn recv(&mut self) -> Option<()> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Polls for the next arrival.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use selvedge::signal::unix::{SignalKind, signal};
    /// let mut signals = signal(SignalKind::user_defined1()).unwrap();
    /// # std::process::Command::new("kill").args(["-USR1", &std::process::id().to_string()]).status().unwrap();
    /// assert_eq!(poll_fn(|cx| signals.poll_recv(cx)).await, Some(()));
    /// # }
    /// ```
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        let coop = ready!(coop::poll_proceed(cx));
        let here = self.hub.elsewhere();
        if let Some(Ok(hub)) = here.map(|reactor| Hub::of(&reactor)) {
            let key = hub.join();
            self.hub.leave(self.key);
            (self.hub, self.key) = (hub, key);
        }
        if !self.has_arrived() {
            let is_over = self.hub.wait(self.key, self.kind.0, self.seen, cx);
            // Check again: an arrival before the hub knew of this stream does not wake it.
            if !self.has_arrived() {
                if is_over {
                    return Poll::Ready(None);
                }
                waits::note(WaitKind::Signal, self.kind.0 as u64);
                return Poll::Pending;
            }
        }
        coop.made_progress();
        Poll::Ready(Some(()))
    }

    /// Takes note of what has arrived.
    fn has_arrived(&mut self) -> bool {
        handler::take(self.kind.0, &mut self.seen)
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        self.hub.leave(self.key);
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
