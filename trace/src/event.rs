//! Events as values, decoded from records. The numbers of kinds and details are those of the format (`docs/recorder.md`).

use serde::Serialize;
use std::fmt;

/// One event.
///
/// ```
/// use selvedge_trace::{Event, EventKind};
/// let event = Event { nanos: 10, thread: 1, kind: EventKind::Woken { task: 7 } };
/// assert_eq!(event.kind, EventKind::Woken { task: 7 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, in nanoseconds since the recording's begin.
    pub nanos: u64,
    /// On which thread: a key of [`Recording::threads`](crate::Recording::threads).
    pub thread: u16,
    /// What.
    pub kind: EventKind,
}

/// What happened. Tasks are named by their ids; `place` and `name` are keys of the recording's tables.
///
/// ```
/// use selvedge_trace::{EventKind, Outcome};
/// let kind = EventKind::PollEnd { task: 1, outcome: Outcome::Ready, wait: None };
/// assert!(format!("{kind:?}").contains("Ready"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the fields say what they are
#[non_exhaustive]
pub enum EventKind {
    /// A task was made, by the task `parent` (0: by none).
    Spawned { task: u64, parent: u64, place: u64 },
    /// A task has a name.
    Named { task: u64, name: u64 },
    /// A poll begins.
    PollBegin {
        task: u64,
        place: u64,
        poll: PollKind,
    },
    /// A poll is over. If it is pending, `wait` is the first thing it waits for, if that is known.
    PollEnd {
        task: u64,
        outcome: Outcome,
        wait: Option<(WaitKind, u64)>,
    },
    /// The future of a `block_on` was woken, by the poll or delivery in which the thread is.
    Woken { task: u64 },
    /// A task was queued: it was spawned or woken by the poll or delivery in which the thread is.
    Queued { task: u64, queue: Queue },
    /// Tasks were stolen from a worker.
    Stolen { tasks: u64, victim: u64 },
    /// The thread goes to sleep; with the driver, it also waits for the system's events.
    Park { with_driver: bool },
    /// The thread is awake; `was_called`: another thread woke it.
    Unpark { was_called: bool },
    /// A descriptor is ready; the bits say for what.
    Io { fd: i64, readiness: u64 },
    /// Timers are fired.
    Timers { count: u64 },
    /// `block_in_place` begins in a task.
    InPlaceBegin { task: u64 },
    /// `block_in_place` is over.
    InPlaceEnd { task: u64 },
    /// The user's mark.
    Mark { name: u64, value: u64 },
    /// A user's span begins.
    SpanBegin { name: u64 },
    /// A user's span is over.
    SpanEnd { name: u64 },
    /// A runtime was started; with no workers it is a current-thread runtime.
    RuntimeStart { runtime: u64, workers: u64 },
    /// A runtime shuts down.
    RuntimeEnd { runtime: u64 },
    /// The thread is a worker from now on.
    Worker { runtime: u64, index: u64 },
    /// A task was cancelled.
    Cancelled { task: u64 },
    /// The task that is polled on the thread waits for one thing more, for `what`: an address, a task, a descriptor.
    Wait { kind: WaitKind, what: u64 },
    /// The runtime takes a worker for stuck.
    Stuck { runtime: u64, worker: u64 },
    /// How long the thread has waited for a processor since it began, and how often it has lost its processor to others.
    Waited { nanos: u64, lost: u64 },
    /// An event of a later version of the runtime.
    Unknown { kind: u8 },
}

/// What is polled.
///
/// ```
/// assert_eq!(selvedge_trace::PollKind::BlockOn.to_string(), "block_on");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PollKind {
    /// A task's future.
    #[default]
    Task,
    /// A closure of the blocking pool.
    Blocking,
    /// The future of a `block_on`.
    BlockOn,
}

impl fmt::Display for PollKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PollKind::Task => "task",
            PollKind::Blocking => "blocking",
            PollKind::BlockOn => "block_on",
        })
    }
}

/// The outcome of a poll.
///
/// ```
/// assert_ne!(selvedge_trace::Outcome::Ready, selvedge_trace::Outcome::Panicked);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The future goes on later.
    Pending,
    /// The future has ended.
    Ready,
    /// The future has panicked.
    Panicked,
    /// It was cancelled instead of polled.
    Cancelled,
}

/// Where a task was queued.
///
/// ```
/// assert_ne!(selvedge_trace::Queue::Slot, selvedge_trace::Queue::Injector);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Queue {
    /// A worker's LIFO slot.
    Slot,
    /// A worker's own queue.
    Local,
    /// The queue that all workers take from.
    Injector,
}

/// What a future waits for.
///
/// ```
/// assert_eq!(selvedge_trace::WaitKind::Sleep.to_string(), "sleep");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitKind {
    /// Permits of a semaphore.
    Semaphore,
    /// A notification.
    Notify,
    /// A message of an mpsc channel.
    Receive,
    /// A value of a oneshot channel.
    Oneshot,
    /// The drop of a oneshot channel's receiver.
    OneshotClosed,
    /// A value of a broadcast channel.
    Broadcast,
    /// The end of a task.
    Join,
    /// A time.
    Sleep,
    /// A descriptor that can be read from.
    Readable,
    /// A descriptor that can be written to.
    Writable,
    /// A descriptor, in some other way.
    Ready,
    /// A mutex.
    Mutex,
    /// A read-write lock, to read.
    Read,
    /// A read-write lock, to write.
    Write,
    /// Room in a bounded channel.
    Send,
    /// Another task's attempt to set a `OnceCell`.
    OnceCell,
    /// A new value of a watch channel.
    Watch,
    /// Other tasks at a barrier.
    Barrier,
    /// The value of a `SetOnce`.
    SetOnce,
    /// The drop of a channel's receivers.
    Closed,
    /// The end of a child process.
    Child,
    /// A signal.
    Signal,
    /// A file operation of io_uring.
    Ring,
    /// The end of some task of a `JoinSet`.
    JoinSet,
    /// Tasks of a `LocalSet`.
    LocalSet,
    /// The other end of a pipe in memory.
    Pipe,
    /// The task's next turn: it has yielded (0), or its budget is spent (1).
    Turn,
    /// Something that a later version of the runtime knows.
    Unknown,
}

impl fmt::Display for WaitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WaitKind::Semaphore => "semaphore",
            WaitKind::Notify => "notification",
            WaitKind::Receive => "channel message",
            WaitKind::Oneshot => "oneshot value",
            WaitKind::OneshotClosed => "oneshot receiver's end",
            WaitKind::Broadcast => "broadcast value",
            WaitKind::Join => "task's end",
            WaitKind::Sleep => "sleep",
            WaitKind::Readable => "readable descriptor",
            WaitKind::Writable => "writable descriptor",
            WaitKind::Ready => "descriptor",
            WaitKind::Mutex => "mutex",
            WaitKind::Read => "read-write lock to read",
            WaitKind::Write => "read-write lock to write",
            WaitKind::Send => "room in a channel",
            WaitKind::OnceCell => "once cell",
            WaitKind::Watch => "change of a watch channel",
            WaitKind::Barrier => "barrier",
            WaitKind::SetOnce => "value of a set-once",
            WaitKind::Closed => "receivers' end of a channel",
            WaitKind::Child => "child process",
            WaitKind::Signal => "signal",
            WaitKind::Ring => "file operation",
            WaitKind::JoinSet => "task of a join set",
            WaitKind::LocalSet => "tasks of a local set",
            WaitKind::Pipe => "other end of a pipe",
            WaitKind::Turn => "next turn",
            WaitKind::Unknown => "something unknown",
        })
    }
}

/// The event of a record's words; `None` for records of the clock.
pub(crate) fn decode(kind: u8, detail: u64, a: u64, b: u64) -> Option<EventKind> {
    Some(match kind {
        1 => return None,
        2 => EventKind::Spawned {
            task: a,
            parent: detail,
            place: b,
        },
        3 => EventKind::Named { task: a, name: b },
        4 => EventKind::PollBegin {
            task: a,
            place: b,
            poll: match detail {
                1 => PollKind::Blocking,
                2 => PollKind::BlockOn,
                _ => PollKind::Task,
            },
        },
        5 => EventKind::PollEnd {
            task: a,
            wait: (detail >> 8 != 0).then(|| (wait_kind(detail >> 8), b)),
            outcome: match detail & 0xff {
                1 => Outcome::Ready,
                2 => Outcome::Panicked,
                3 => Outcome::Cancelled,
                _ => Outcome::Pending,
            },
        },
        6 => EventKind::Woken { task: a },
        7 => EventKind::Queued {
            task: a,
            queue: match detail {
                0 => Queue::Slot,
                1 => Queue::Local,
                _ => Queue::Injector,
            },
        },
        8 => EventKind::Stolen {
            tasks: a,
            victim: detail,
        },
        9 => EventKind::Park {
            with_driver: detail == 1,
        },
        10 => EventKind::Unpark {
            was_called: detail == 1,
        },
        11 => EventKind::Io {
            fd: a as i64,
            readiness: detail,
        },
        12 => EventKind::Timers { count: a },
        13 => EventKind::InPlaceBegin { task: a },
        14 => EventKind::InPlaceEnd { task: a },
        15 => EventKind::Mark { name: a, value: b },
        16 => EventKind::SpanBegin { name: a },
        17 => EventKind::SpanEnd { name: a },
        18 => EventKind::RuntimeStart {
            runtime: a,
            workers: b,
        },
        19 => EventKind::RuntimeEnd { runtime: a },
        20 => EventKind::Worker {
            runtime: a,
            index: detail,
        },
        21 => EventKind::Cancelled { task: a },
        22 => EventKind::Wait {
            kind: wait_kind(detail),
            what: a,
        },
        23 => EventKind::Stuck {
            runtime: a,
            worker: detail,
        },
        24 => EventKind::Waited { nanos: a, lost: b },
        kind => EventKind::Unknown { kind },
    })
}

fn wait_kind(number: u64) -> WaitKind {
    match number {
        1 => WaitKind::Semaphore,
        2 => WaitKind::Notify,
        3 => WaitKind::Receive,
        4 => WaitKind::Oneshot,
        5 => WaitKind::OneshotClosed,
        6 => WaitKind::Broadcast,
        7 => WaitKind::Join,
        8 => WaitKind::Sleep,
        9 => WaitKind::Readable,
        10 => WaitKind::Writable,
        11 => WaitKind::Ready,
        12 => WaitKind::Mutex,
        13 => WaitKind::Read,
        14 => WaitKind::Write,
        15 => WaitKind::Send,
        16 => WaitKind::OnceCell,
        17 => WaitKind::Watch,
        18 => WaitKind::Barrier,
        19 => WaitKind::SetOnce,
        20 => WaitKind::Closed,
        21 => WaitKind::Child,
        22 => WaitKind::Signal,
        23 => WaitKind::Ring,
        24 => WaitKind::JoinSet,
        25 => WaitKind::LocalSet,
        26 => WaitKind::Pipe,
        27 => WaitKind::Turn,
        _ => WaitKind::Unknown,
    }
}
