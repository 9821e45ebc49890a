//! The inspector: a Unix socket at which a program tells tools what its runtimes do.
//!
//! ```text
//! begin ──▶ registry (handles of runtimes) ◀── answer ◀── connection ◀── server: one thread in poll ◀── socket ◀── `selvedge top`
//! ```
//! | file | owns |
//! |---|---|
//! | `registry` | which runtimes are shown; when the server starts and ends; forks |
//! | `socket` | where the socket is, its rights, its removal, which users may connect |
//! | `server` | the thread |
//! | `connection` | one client: its bytes, its time limits |
//! | `request` | a request: a line of JSON, parsed |
//! | `answer` | the answers |
//!
//! It is off unless `SELVEDGE_INSPECT` or `Builder::inspect` asks for it, and then costs nothing while nobody is
//! connected: the thread sleeps in the system. It runs on no worker, so it answers while all of them are stuck. It does what any
//! thread may do by a `Handle`: `metrics`, `tasks`, `findings`, `recorder`. `docs/inspector.md` describes the protocol.
//!
//! I1: what clients use is bounded: the length of a request, the number of clients, the time in which a request must be complete and
//!     an answer must make progress.
//! I2: one large answer at a time is in memory: a snapshot, whose rings are no larger than `request::MAX_RING`, or a list of tasks.
//! I3: a forked child neither serves nor removes its parent's socket.

mod answer;
mod connection;
mod registry;
mod request;
mod server;
mod socket;

pub use registry::{Inspected, begin};

use std::path::PathBuf;

/// How the inspector is reached: the Unix socket at which `selvedge top`, `ps` and `record` look into this process.
///
/// ```
/// use selvedge::runtime::InspectOptions;
/// let options = InspectOptions::new();
/// # let _ = options;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InspectOptions {
    path: Option<PathBuf>,
}

impl InspectOptions {
    /// At the usual place: `$XDG_RUNTIME_DIR/selvedge/PID.sock`, or `/tmp/selvedge-UID/PID.sock` where the variable names no folder.
    /// The tools look there.
    ///
    /// ```
    /// let options = selvedge::runtime::InspectOptions::new();
    /// # let _ = options;
    /// ```
    pub fn new() -> InspectOptions {
        InspectOptions::default()
    }

    /// At another place: a folder that exists, in which the socket is called `PID.sock`, or the socket's own path. The path of a
    /// socket has room for some 100 bytes.
    ///
    /// ```
    /// use selvedge::runtime::InspectOptions;
    /// let options = InspectOptions::new().path("/run/service/inspect.sock");
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn path(mut self, path: impl Into<PathBuf>) -> InspectOptions {
        self.path = Some(path.into());
        self
    }
}

#[cfg(test)]
mod tests;
