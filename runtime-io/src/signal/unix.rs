//! Unix signals; see the room's page.

use super::{gap, pair};
use crate::io::ReadBuf;
use crate::reactor::{Interest, PollEvented, Reactor, current_reactor};
use libc::c_int;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Which signal to listen to.
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
    alarm = SIGALRM,
    /// SIGCHLD: a child's state changed.
    child = SIGCHLD,
    /// SIGHUP: the terminal went, or by custom: read the configuration again.
    hangup = SIGHUP,
    /// SIGINT: Ctrl-C.
    interrupt = SIGINT,
    /// SIGIO: a file descriptor is ready.
    io = SIGIO,
    /// SIGPIPE: a write to a pipe nobody reads.
    pipe = SIGPIPE,
    /// SIGQUIT: Ctrl-\.
    quit = SIGQUIT,
    /// SIGTERM: please end.
    terminate = SIGTERM,
    /// SIGUSR1.
    user_defined1 = SIGUSR1,
    /// SIGUSR2.
    user_defined2 = SIGUSR2,
    /// SIGWINCH: the terminal's size changed.
    window_change = SIGWINCH,
}

impl SignalKind {
    /// Any signal, by its number. Those that cannot be handled are refused by [`signal`].
    pub const fn from_raw(signum: c_int) -> Self {
        SignalKind(signum)
    }

    /// The signal's number.
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
#[must_use = "streams do nothing unless polled"]
pub struct Signal {
    kind: SignalKind,
    /// The pair: what is read, and the other end, which the action has too. `None` only in the drop.
    arrivals: Option<(PollEvented<UnixStream>, Arc<UnixStream>)>,
    /// The process whose stream this is.
    owner: u32,
    action: signal_hook_registry::SigId,
    /// An arrival from just before we listened is to be given.
    is_owed: bool,
}

/// Listens to a signal.
///
/// # Errors
/// If the signal cannot be handled (SIGKILL, SIGSTOP, SIGILL, SIGFPE, SIGSEGV, numbers that are none), or the
/// system gives no file descriptor.
///
/// # Panics
/// Outside of a runtime, or where its I/O driver is not enabled.
#[track_caller]
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    listen(kind, current_reactor())
}

/// Listens, served by the given reactor.
pub(crate) fn listen(kind: SignalKind, reactor: Arc<Reactor>) -> io::Result<Signal> {
    let is_none = kind.0 <= 0 || kind.0 > libc::SIGRTMAX();
    if is_none || signal_hook_registry::FORBIDDEN.contains(&kind.0) {
        let message = format!("signal {} cannot be listened to", kind.0);
        return Err(io::Error::other(message));
    }
    let (reader, writer) = pair::open()?;
    let writer = Arc::new(writer);
    let arrivals = PollEvented::new_on(reactor, reader, Interest::READABLE)?;
    let owner = std::process::id();
    let end = writer.clone();
    let notify = move || {
        // SAFETY: `getpid` and `send` are async-signal-safe (I1); the descriptor is open for as
        // long as the action owns `end`.
        unsafe {
            // The action may run between a fork and an exec (I2).
            if libc::getpid() as u32 == owner {
                let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
                libc::send(end.as_raw_fd(), [1_u8].as_ptr().cast(), 1, flags);
            }
        }
    };
    // SAFETY: the action is async-signal-safe (I1).
    let action = unsafe { signal_hook_registry::register(kind.0, notify) }?;
    let is_owed = gap::begin_listening(kind.0).inspect_err(|_| {
        signal_hook_registry::unregister(action);
    })?;
    Ok(Signal {
        kind,
        arrivals: Some((arrivals, writer)),
        owner,
        action,
        is_owed,
    })
}

impl Signal {
    /// Waits for the next arrival. The stream goes along from one runtime to another: where it was made does not
    /// matter. `None` only where there is no runtime, and the one it was last polled on has shut down.
    ///
    /// # Cancel safety
    /// Cancel safe: an arrival is kept for the next call.
    pub async fn recv(&mut self) -> Option<()> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Polls for the next arrival.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        let Some((arrivals, _)) = &mut self.arrivals else {
            return Poll::Ready(None);
        };
        arrivals.follow();
        let mut arrived = std::mem::take(&mut self.is_owed);
        loop {
            let mut bytes = [0; 64];
            let mut buffer = ReadBuf::new(&mut bytes);
            match arrivals.poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => arrived = true,
                Poll::Ready(_) => return Poll::Ready(arrived.then_some(())),
                Poll::Pending if arrived => return Poll::Ready(Some(())),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        gap::end_listening(self.kind.0);
        signal_hook_registry::unregister(self.action);
        if let Some((arrivals, writer)) = self.arrivals.take()
            && let Ok(reader) = arrivals.into_inner()
        {
            pair::keep(self.owner, reader, writer);
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
