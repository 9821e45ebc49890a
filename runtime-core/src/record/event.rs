//! What is recorded: the kinds of events, and how one is packed into a record.
//!
//! ```text
//! word 0   the time, in ticks (see `base::clock::ticks`)
//! word 1   kind (8 bits) | thread (16 bits) | detail (40 bits)
//! word 2   a
//! word 3   b
//! ```
//! The numbers are part of the file's format (`docs/recorder.md`): a number is never used again for another kind.

use super::ring::Record;

/// What happened, and what `detail`, `a` and `b` mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// The clock: at the record's ticks, the monotonic clock was at `a` nanoseconds.
    Clock = 1,
    /// Task `a` was spawned at the place `b` by task `detail` (0: by none).
    Spawned = 2,
    /// Task `a` is called `b`, the key of a string.
    Named = 3,
    /// A poll of task `a`, which was spawned at `b`, begins. The detail is a [`Poll`].
    PollBegin = 4,
    /// The poll of task `a` is over. The detail is an [`Outcome`] and, 8 bits up, the [`WaitKind`](crate::base::waits::WaitKind) of the
    /// task's first wait, if it has one; `b` tells what the task waits for.
    PollEnd = 5,
    /// The future `a` of a `block_on` was woken by what this thread is doing.
    Woken = 6,
    /// Task `a` was queued: what this thread is doing has spawned or woken it. The detail is a [`Queue`].
    Queued = 7,
    /// `a` tasks were stolen from worker `detail`.
    Stolen = 8,
    /// The thread goes to sleep. The detail is 1 if it waits for events of the system as well.
    Park = 9,
    /// The thread is awake. The detail is 1 if another thread unparked it.
    Unpark = 10,
    /// Descriptor `a` is ready; `detail` has the bits of what for.
    Io = 11,
    /// `a` timers were fired.
    Timers = 12,
    /// `block_in_place` begins in task `a`.
    InPlaceBegin = 13,
    /// `block_in_place` is over in task `a`.
    InPlaceEnd = 14,
    /// The user's mark: `a` is the key of its name, `b` the user's number, `detail` the task.
    Mark = 15,
    /// A user's span begins; as [`Mark`](Kind::Mark).
    SpanBegin = 16,
    /// A user's span ends; as [`Mark`](Kind::Mark).
    SpanEnd = 17,
    /// Runtime `a` was started with `b` workers (0: a current-thread runtime).
    RuntimeStart = 18,
    /// Runtime `a` shuts down.
    RuntimeEnd = 19,
    /// This thread is worker `detail` of runtime `a` from now on.
    Worker = 20,
    /// Task `a` was cancelled.
    Cancelled = 21,
    /// What is polled on this thread waits for one more thing. Comes before the poll's end. The detail is a
    /// [`WaitKind`](crate::base::waits::WaitKind), `a` tells what for: the name of a lock's record (see `base::holder`), the address of a channel,
    /// the task or the descriptor; for a sleep its deadline in milliseconds of the runtime's clock.
    Wait = 22,
    /// The watch considers worker `detail` of runtime `a` stuck in a poll.
    Stuck = 23,
    /// Since its start the thread has waited for a processor for `a` nanoseconds, while it had something to do, and has lost its processor `b`
    /// times. Comes every 50 ms or less often. A snapshot has two for each live thread: as it joined, and as the snapshot was made.
    Waited = 24,
    /// [`Io`](Kind::Io) and the [`Queued`](Kind::Queued) that came at once after it: descriptor `b` is ready, and so task `a` was queued. The detail
    /// is a [`Queue`] and, 8 bits up, what the descriptor is ready for.
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

/// How a poll ended.
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
