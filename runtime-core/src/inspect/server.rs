//! The server's thread: it sleeps in `poll` until a client connects or sends something, or the last runtime ends.
//!
//! It ends when the other end of `stop` is closed. It holds no lock while it sleeps, reads or writes.

use super::connection::{Connection, Step};
use super::registry::Registry;
use super::socket::{self, Socket, SocketFile};
use crate::base::clock;
use crate::base::contain;
use crate::base::shim::thread::{self, Builder, JoinHandle};
use crate::handle::Handle;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

/// Clients at a time. A further client gets an error, and its connection ends.
const MAX_CLIENTS: usize = 16;
/// How long no client is accepted after the system refused one.
const PAUSE: Duration = Duration::from_secs(1);

/// In place of a descriptor: none. `poll` ignores it.
pub(super) const NO_DESCRIPTOR: RawFd = -1;
/// Milliseconds.
const FOR_EVER: libc::c_int = -1;

/// The server as the registry has it.
#[derive(Debug)]
pub(super) struct Server {
    file: SocketFile,
    /// Closing it ends the thread.
    stop: UnixStream,
    thread: JoinHandle<()>,
}

/// Starts the thread.
pub(super) fn start(socket: Socket, registry: &'static Registry) -> io::Result<Server> {
    let started = try_start(socket.listener, registry);
    match started {
        Ok((stop, thread)) => Ok(Server {
            file: socket.file,
            stop,
            thread,
        }),
        Err(error) => {
            socket.file.remove();
            Err(error)
        }
    }
}

fn try_start(
    listener: UnixListener,
    registry: &'static Registry,
) -> io::Result<(UnixStream, JoinHandle<()>)> {
    let (stop, stopped) = UnixStream::pair()?;
    let service = Service {
        listener,
        stopped,
        registry,
        connections: Vec::new(),
        paused: None,
    };
    let builder = Builder::new().name("selvedge-inspect".to_owned());
    Ok((stop, builder.spawn(move || service.run())?))
}

impl Server {
    /// Removes the socket's file, if it is still this server's.
    pub(super) fn remove_socket(&self) {
        self.file.remove();
    }

    /// Ends the thread, and waits for it if `waits` and it is not this thread. The thread ends after one step of each client at most: it
    /// never waits for a client.
    pub(super) fn end(self, waits: bool) {
        drop(self.stop);
        if waits && self.thread.thread().id() != thread::current().id() {
            let _ = self.thread.join();
        }
    }
}

/// The server as its thread has it.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) listener: UnixListener,
    pub(super) stopped: UnixStream,
    pub(super) registry: &'static Registry,
    pub(super) connections: Vec<Connection>,
    /// No client is accepted until then.
    pub(super) paused: Option<Instant>,
}

impl Service {
    fn run(mut self) {
        let mut sources = Vec::new();
        loop {
            self.list(&mut sources);
            if wait(&mut sources, self.timeout()).is_err() || sources[0].revents != 0 {
                return;
            }
            if sources[1].revents != 0 {
                self.accept();
            }
            // By the indices of the connections that were listed: new connections are behind them.
            let ready = |at: usize| sources.get(at + 2).is_some_and(|s| s.revents != 0);
            self.step(ready);
        }
    }

    fn list(&self, sources: &mut Vec<libc::pollfd>) {
        let source = |fd: RawFd, events| libc::pollfd {
            fd,
            events,
            revents: 0,
        };
        let listener = match self.paused {
            Some(_) => NO_DESCRIPTOR,
            None => self.listener.as_raw_fd(),
        };
        sources.clear();
        sources.push(source(self.stopped.as_raw_fd(), libc::POLLIN));
        sources.push(source(listener, libc::POLLIN));
        let clients = self.connections.iter();
        sources.extend(clients.map(|client| source(client.descriptor(), client.interest())));
    }

    /// Milliseconds until something is due.
    pub(super) fn timeout(&self) -> libc::c_int {
        let deadlines = self.connections.iter().filter_map(Connection::deadline);
        let due = deadlines.chain(self.paused).min();
        due.map_or(FOR_EVER, |due| {
            millis(due.saturating_duration_since(clock::now()))
        })
    }

    /// Accepts one client.
    fn accept(&mut self) {
        let stream = match self.listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) => {
                self.paused = pause_after(&error).map(|pause| clock::now() + pause);
                return;
            }
        };
        let is_own_user = socket::is_own_user(&stream);
        let Ok(mut connection) = Connection::new(stream) else {
            return;
        };
        let step = if !is_own_user {
            connection.refuse("forbidden", "this process belongs to another user")
        } else if self.connections.len() >= MAX_CLIENTS {
            connection.refuse("busy", "too many clients are connected")
        } else {
            Step::Stays
        };
        if step == Step::Stays {
            self.connections.push(connection);
        }
    }

    /// Goes on with the clients that are ready, and drops those that take too long.
    pub(super) fn step(&mut self, ready: impl Fn(usize) -> bool) {
        let now = clock::now();
        self.paused = self.paused.filter(|due| *due > now);
        let mut index = 0;
        let mut may_be_large = !self.connections.iter().any(Connection::has_large);
        let registry = self.registry;
        self.connections.retain_mut(|client| {
            let at = index;
            index += 1;
            let mut step = Step::Stays;
            if ready(at) {
                step = step_of(client, || registry.handles(), may_be_large);
                may_be_large &= !client.has_large();
            }
            let is_late = client.deadline().is_some_and(|due| due <= now);
            step == Step::Stays && !is_late
        });
    }
}

/// One step of a client. Dropping a handle may run user code: if that panics, the connection ends.
pub(super) fn step_of(
    client: &mut Connection,
    handles: impl Fn() -> Vec<Handle>,
    may_be_large: bool,
) -> Step {
    let mut step = Step::Ends;
    contain::contain(|| step = client.step(handles, may_be_large));
    step
}

/// Rounded up, so that no sleep ends before its time.
pub(super) fn millis(left: Duration) -> libc::c_int {
    let millis = left.as_millis().saturating_add(1);
    millis.try_into().unwrap_or(libc::c_int::MAX)
}

/// How long no client is accepted after an error. If no descriptor is left, the next `poll` would report the same client at once.
pub(super) fn pause_after(error: &io::Error) -> Option<Duration> {
    match error.kind() {
        io::ErrorKind::WouldBlock
        | io::ErrorKind::Interrupted
        | io::ErrorKind::ConnectionAborted => None,
        _ => Some(PAUSE),
    }
}

/// Waits for one of the sources to be ready, or for `timeout` milliseconds.
fn wait(sources: &mut [libc::pollfd], timeout: libc::c_int) -> io::Result<()> {
    loop {
        let count = sources.len() as libc::nfds_t;
        // SAFETY: the pointer is to `count` sources that nobody else has.
        if unsafe { libc::poll(sources.as_mut_ptr(), count, timeout) } >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
