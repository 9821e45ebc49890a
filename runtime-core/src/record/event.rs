//! What is recorded: the kinds of events, and how one is packed into a record.
//!
//! ```text
//! word 0   the time, in ticks (see `base::clock::ticks`)
//! word 1   kind (8 bits) | thread (16 bits) | detail (40 bits)
//! word 2   a
//! word 3   b
//! ```
//! The numbers are part of the file's format (`docs/recorder.md`): they are never used again for something else.

use super::ring::Record;

/// What happened, with what `detail`, `a` and `b` are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// The clock: `a` nanoseconds of the monotonic clock are the record's ticks.
    Clock = 1,
    /// Task `a` was spawned at the place `b` by task `detail` (0: by none).
    Spawned = 2,
    /// Task `a` is called `b`, the key of a string.
    Named = 3,
    /// A poll of task `a`, which was spawned at `b`, begins. The detail is a [`Poll`].
    PollBegin = 4,
    /// The poll of task `a` is over. The detail is an [`Outcome`] and, 8 bits up, the [`WaitKind`](crate::base::waits::WaitKind) of what it waits for if it waits for
    /// anything; `b` tells what for.
    PollEnd = 5,
    /// The future of a `block_on`, `a`, was woken by what this thread is in the midst of.
    Woken = 6,
    /// Task `a` was queued, as it was spawned or woken by what this thread is in the midst of. The detail is a [`Queue`].
    Queued = 7,
    /// `a` tasks were stolen from worker `detail`.
    Stolen = 8,
    /// The thread goes to sleep. The detail is 1 if it waits for events of the system as well.
    Park = 9,
    /// The thread is awake. The detail is 1 if another one called it.
    Unpark = 10,
    /// A source of events is ready: `a` is its descriptor, `detail` the bits of what it is ready for.
    Io = 11,
    /// `a` timers were fired.
    Timers = 12,
    /// `block_in_place` begins in task `a`.
    InPlaceBegin = 13,
    /// It is over.
    InPlaceEnd = 14,
    /// The user's mark: `a` is the key of its name, `b` the user's number, `detail` the task.
    Mark = 15,
    /// A user's span begins; as [`Mark`](Kind::Mark).
    SpanBegin = 16,
    /// It is over.
    SpanEnd = 17,
    /// Runtime `a` was started with `b` workers (0: a current-thread runtime).
    RuntimeStart = 18,
    /// Runtime `a` shuts down.
    RuntimeEnd = 19,
    /// This thread is worker `detail` of runtime `a` from now on.
    Worker = 20,
    /// Task `a` was cancelled.
    Cancelled = 21,
    /// What is polled on this thread waits for one more thing. Comes before the poll's end. The detail is a [`WaitKind`](crate::base::waits::WaitKind), `a` tells what for: the name of a lock's record
    /// (see `base::holder`), the address of a channel, the task or the descriptor; of a sleep its deadline in milliseconds of the runtime's clock.
    Wait = 22,
    /// Worker `detail` of runtime `a` is stuck in a poll, as the watch sees it.
    Stuck = 23,
    /// By now the thread has waited for a processor for `a` nanoseconds since it began, though it had something to do, and has lost its processor `b`
    /// times. Comes every 50 ms or less often; of each thread that is there a snapshot has two, as the thread joined and as the snapshot was made.
    Waited = 24,
    /// [`Io`](Kind::Io) and the [`Queued`](Kind::Queued) that came at once after it: the descriptor `b` is ready, for which task `a` was queued. The detail is
    /// a [`Queue`] and, 8 bits up, what the descriptor is ready for.
    Delivered = 25,
}

impl Kind {
    /// One more than the largest number.
    pub(super) const COUNT: usize = Kind::Delivered as usize + 1;
}

/// What is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Poll {
    Task = 0,
    /// A closure of the blocking pool.
    Blocking = 1,
    /// The future of a `block_on`.
    BlockOn = 2,
}

/// What a poll came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Outcome {
    Pending = 0,
    Ready = 1,
    Panicked = 2,
    /// It was cancelled instead of polled.
    Cancelled = 3,
}

/// Where a task was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Queue {
    /// The worker's LIFO slot.
    Slot = 0,
    /// The worker's own queue.
    Local = 1,
    /// The queue that all workers take from.
    Injector = 2,
}

/// Packs a record. What does not fit into the detail loses its upper bits.
#[inline]
pub(super) fn pack(ticks: u64, kind: Kind, thread: u16, detail: u64, a: u64, b: u64) -> Record {
    [
        ticks,
        kind as u64 | u64::from(thread) << 8 | detail << 24,
        a,
        b,
    ]
}
