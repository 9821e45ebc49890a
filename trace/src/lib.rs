//! Reads the recordings of selvedge's flight recorder, and finds what is wrong in them.
//!
//! | module | owns |
//! |---|---|
//! | `format` | the bytes of a recording: reading and checking them |
//! | `event` | what happened, as values |
//! | `analysis` | tasks and threads, put together from the events |
//! | `findings` | what is wrong, each with evidence and a cure |
//!
//! It does not depend on the runtime: a recording is bytes in a documented format (`docs/recorder.md`).
//!
//! ```no_run
//! let bytes = std::fs::read("server.recording")?;
//! let recording = selvedge_trace::Recording::read(&bytes)?;
//! println!("{} events of {} threads", recording.events.len(), recording.threads.len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod analysis;
mod event;
mod findings;
mod format;

pub use analysis::{
    Analysis, Poll, Slice, Span, SpanTotal, TaskTrack, ThreadTrack, Waiting, Wake, Waker,
};
pub use event::{Event, EventKind, Outcome, PollKind, Queue, WaitKind};
pub use findings::{Finding, FindingKind};
pub use format::{Place, ReadError, Recording, Thread};
