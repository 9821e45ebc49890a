//! Child processes, awaited without a thread each.
//!
//! ```text
//! Command ──spawn──▶ Child { stdin, stdout, stderr: pipes registered with the reactor }
//!                      │ wait: waitpid, and if it still runs, once more when `exit` says so
//!                      ▼ drop while it runs: killed if asked for, then handed to `orphan`
//! ```
//!
//! | file | owns |
//! |---|---|
//! | `command` | what to start, and how |
//! | `child` | a started process: waiting, killing, its drop |
//! | `exit` | the hint that it may have ended: a pidfd, or SIGCHLD where there is none |
//! | `rounds` | the last resort where no descriptor is left for either: the child is checked every few milliseconds |
//! | `orphan` | children that nobody waits for any more, reaped when they end |
//! | `pipes` | the parent's ends of the standard streams |
//!
//! I1: a process is reaped by exactly one `waitpid` that succeeds; until then its id is not given to another,
//!     so a signal sent through a `Child` that has not been reaped reaches no stranger.
//! I2: a child is checked upon an event of its pidfd, upon SIGCHLD, or in another operation of this room; only
//!     where neither event is to be had is it checked again and again. An orphan without a runtime is checked by the
//!     next runtime that is about to wait.
//!
//! A runtime that shuts down does not touch the children. A `Child` may be awaited on another runtime than the
//! one that spawned it.

mod child;
mod command;
mod exit;
mod orphan;
mod pipes;
mod rounds;

pub use child::Child;
pub use command::Command;
pub use pipes::{ChildStderr, ChildStdin, ChildStdout};
