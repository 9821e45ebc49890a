//! What the current poll waits for: a leaf future that is pending notes it here, and the code that polls takes the notes.
//!
//! The notes are thread-local. A note costs two stores, so it is made whether anybody reads it or not.
//!
//! I1: a poll within a poll (a `LocalSet` inside of a task, a `block_on` in `block_in_place`) has notes of its own, and leaves those of the outer
//!     one as they were.

use std::cell::Cell;
use std::fmt;

/// What a future waits for. The numbers are part of the recorder's format.
///
/// ```
/// use selvedge::runtime::tasks::WaitKind;
/// assert_eq!(WaitKind::Join.to_string(), "end of task");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum WaitKind {
    /// Permits of a semaphore.
    Semaphore = 1,
    /// A notification.
    Notify = 2,
    /// A message of an mpsc channel.
    Receive = 3,
    /// A value of a oneshot channel.
    Oneshot = 4,
    /// The close of a oneshot channel by its receiver.
    OneshotClosed = 5,
    /// A value of a broadcast channel.
    Broadcast = 6,
    /// The end of a task.
    Join = 7,
    /// A point in time.
    Sleep = 8,
    /// A descriptor that can be read from.
    Readable = 9,
    /// A descriptor that can be written to.
    Writable = 10,
    /// A descriptor, in some other way.
    Ready = 11,
    /// A mutex.
    Mutex = 12,
    /// A read-write lock, to read.
    Read = 13,
    /// A read-write lock, to write.
    Write = 14,
    /// Room in a bounded channel.
    Send = 15,
    /// Another task's attempt to set a `OnceCell`.
    OnceCell = 16,
    /// A new value of a watch channel.
    Watch = 17,
    /// Other tasks at a barrier.
    Barrier = 18,
    /// The value of a `SetOnce`.
    SetOnce = 19,
    /// The close of a channel by its receivers.
    Closed = 20,
    /// The end of a child process.
    Child = 21,
    /// A signal.
    Signal = 22,
    /// A file operation of io_uring.
    Ring = 23,
    /// The end of some task of a `JoinSet`.
    JoinSet = 24,
    /// Tasks of a `LocalSet`.
    LocalSet = 25,
    /// The other end of a pipe in memory.
    Pipe = 26,
    /// The next turn: the task has yielded, or its budget is spent.
    Turn = 27,
}

/// What a [`WaitKind::Turn`] is for, if the task did not yield by itself: its budget is spent.
pub(crate) const BUDGET_SPENT: u64 = 1;

impl WaitKind {
    const ALL: [WaitKind; 27] = [
        WaitKind::Semaphore,
        WaitKind::Notify,
        WaitKind::Receive,
        WaitKind::Oneshot,
        WaitKind::OneshotClosed,
        WaitKind::Broadcast,
        WaitKind::Join,
        WaitKind::Sleep,
        WaitKind::Readable,
        WaitKind::Writable,
        WaitKind::Ready,
        WaitKind::Mutex,
        WaitKind::Read,
        WaitKind::Write,
        WaitKind::Send,
        WaitKind::OnceCell,
        WaitKind::Watch,
        WaitKind::Barrier,
        WaitKind::SetOnce,
        WaitKind::Closed,
        WaitKind::Child,
        WaitKind::Signal,
        WaitKind::Ring,
        WaitKind::JoinSet,
        WaitKind::LocalSet,
        WaitKind::Pipe,
        WaitKind::Turn,
    ];

    /// Is what it waits for the name of a record of `base::holder`?
    pub(crate) fn is_lock(self) -> bool {
        matches!(
            self,
            WaitKind::Semaphore
                | WaitKind::Mutex
                | WaitKind::Read
                | WaitKind::Write
                | WaitKind::OnceCell
        )
    }

    fn from_number(number: u64) -> Option<WaitKind> {
        WaitKind::ALL
            .into_iter()
            .find(|kind| *kind as u64 == number)
    }
}

impl fmt::Display for WaitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            WaitKind::Semaphore => "semaphore",
            WaitKind::Notify => "notify",
            WaitKind::Receive => "message of channel",
            WaitKind::Oneshot => "value of oneshot",
            WaitKind::OneshotClosed => "receiver's end of oneshot",
            WaitKind::Broadcast => "value of broadcast",
            WaitKind::Join => "end of task",
            WaitKind::Sleep => "sleep",
            WaitKind::Readable => "readable descriptor",
            WaitKind::Writable => "writable descriptor",
            WaitKind::Ready => "ready descriptor",
            WaitKind::Mutex => "mutex",
            WaitKind::Read => "rwlock to read",
            WaitKind::Write => "rwlock to write",
            WaitKind::Send => "room in channel",
            WaitKind::OnceCell => "once cell",
            WaitKind::Watch => "change of watch",
            WaitKind::Barrier => "barrier",
            WaitKind::SetOnce => "value of set-once",
            WaitKind::Closed => "receivers' end of channel",
            WaitKind::Child => "child process",
            WaitKind::Signal => "signal",
            WaitKind::Ring => "file operation",
            WaitKind::JoinSet => "task of join set",
            WaitKind::LocalSet => "tasks of local set",
            WaitKind::Pipe => "other end of pipe",
            WaitKind::Turn => "next turn",
        })
    }
}

/// One wait as a word: the kind in the lower 7 bits, what is waited for in the upper 56. Zero: no wait. The bit between them is for the
/// code that stores the word.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wait(u64);

impl Wait {
    /// Where what is waited for begins in the word.
    pub(crate) const SHIFT: u32 = 8;

    fn new(kind: WaitKind, what: u64) -> Wait {
        Wait(kind as u64 | what << Wait::SHIFT)
    }

    pub(crate) fn from_word(word: u64) -> Wait {
        Wait(word)
    }

    pub(crate) fn word(self) -> u64 {
        self.0
    }

    /// `None` if the word holds no wait.
    pub(crate) fn kind(self) -> Option<WaitKind> {
        WaitKind::from_number(self.0 & 0x7f)
    }

    /// An address, a number or a descriptor, as the kind says.
    pub(crate) fn what(self) -> u64 {
        self.0 >> Wait::SHIFT
    }
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wait({:?}, {:#x})", self.kind(), self.what())
    }
}

/// Room in the list, for the notes of nested polls beside the first of each; more are left out.
const ROOM: usize = 16;
/// Notes of one poll; more are left out.
pub(crate) const MOST: usize = 4;
/// In place of a wait's kind: the task is polled.
pub(crate) const RUNS: u64 = 0xff;
/// Flag of a poll's first wait: there are more, which are in the list.
pub(crate) const SEVERAL: u64 = 0x80;

/// ```text
/// first   the first wait of the innermost poll, with SEVERAL if there are more
/// list    [ .. start of the outer poll's, second, third, .. | start of the one before, second, .. ]
///                                                             ^ start                    len ^
/// ```
struct Notes {
    /// See [`runner`].
    runner: Cell<u64>,
    first: Cell<u64>,
    start: Cell<usize>,
    len: Cell<usize>,
    list: [Cell<u64>; ROOM],
}

crate::runtime_thread_local! {
    /// Without a destructor.
    static NOTES: Notes = Notes {
        runner: Cell::new(RUNS),
        first: Cell::new(0),
        start: Cell::new(0),
        len: Cell::new(0),
        list: [const { Cell::new(0) }; ROOM],
    }
}

/// This thread is the worker with that index from now on.
pub(crate) fn note_worker(index: usize) {
    NOTES.with(|notes| notes.runner.set(RUNS | (index as u64 + 1) << Wait::SHIFT));
}

/// The word of a task that is polled on this thread: [`RUNS`] and, from bit [`Wait::SHIFT`] on, the worker, counted from 1; 0: no worker.
#[inline]
pub(crate) fn runner() -> u64 {
    NOTES.with(|notes| notes.runner.get())
}

/// Notes that the future polled on this thread waits for `what`, of that kind.
#[inline(never)] // another crate reaches this one's thread locals by a call anyway
pub fn note(kind: WaitKind, what: u64) {
    let wait = Wait::new(kind, what);
    NOTES.with(|notes| match notes.first.get() {
        0 => notes.first.set(wait.0),
        first if first == wait.0 => {}
        _ => notes.add(wait),
    });
}

/// What was noted so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    first: u64,
    len: usize,
}

/// What was noted so far; for [`forget`].
#[inline(never)] // as `note`
pub fn mark() -> Mark {
    NOTES.with(|notes| Mark {
        first: notes.first.get(),
        len: notes.len.get(),
    })
}

/// Drops what was noted since the mark: a future that has ended waits for nothing, also not for the other branches of a `select!`.
#[inline(never)] // as `note`
pub fn forget(mark: Mark) {
    if self::mark() != mark {
        NOTES.with(|notes| notes.go_back(mark));
    }
}

/// Replaces the last note of this poll: what it names is a part of a wait of another kind.
#[inline(never)]
pub fn rename(kind: WaitKind, what: u64) {
    let wait = Wait::new(kind, what);
    NOTES.with(|notes| match notes.first.get() & SEVERAL {
        0 => notes.first.set(wait.0),
        _ => notes.list[notes.len.get() - 1].set(wait.0),
    });
}

impl Notes {
    /// The notes of the innermost poll beside the first.
    fn others(&self) -> &[Cell<u64>] {
        match self.first.get() & SEVERAL {
            0 => &[],
            _ => &self.list[self.start.get()..self.len.get()],
        }
    }

    /// Adds a note beside the first.
    #[cold]
    fn add(&self, wait: Wait) {
        let first = self.first.get();
        let others = self.others();
        let is_known = || others.iter().any(|other| other.get() == wait.0);
        if first & !SEVERAL == wait.0 || others.len() + 1 == MOST || is_known() {
            return;
        }
        let mut len = self.len.get();
        if first & SEVERAL == 0 {
            if len + 1 >= ROOM {
                return;
            }
            self.list[len].set(self.start.get() as u64);
            len += 1;
            self.start.set(len);
            self.first.set(first | SEVERAL);
        }
        if len < ROOM {
            self.list[len].set(wait.0);
            self.len.set(len + 1);
        }
    }

    /// Takes all notes of the innermost poll out of the list.
    #[cold]
    fn leave_list(&self) {
        let start = self.start.get();
        self.len.set(start - 1);
        self.start.set(self.list[start - 1].get() as usize);
    }

    #[cold]
    fn go_back(&self, mark: Mark) {
        match (mark.first & SEVERAL, self.first.get() & SEVERAL) {
            (0, 0) => {}
            (0, _) => self.leave_list(),
            _ => self.len.set(mark.len),
        }
        self.first.set(mark.first);
    }
}

/// The poll of a task is over: drops its notes. A task's poll begins without notes, as it is either the outermost poll of its thread or within
/// a [`Poll`].
#[inline]
pub(crate) fn end() {
    NOTES.with(|notes| {
        if notes.first.get() & SEVERAL != 0 {
            notes.leave_list();
        }
        notes.first.set(0);
    });
}

/// A poll, or several in a row, within an outer poll that may have notes already; dropping this restores the outer poll's notes.
pub(crate) struct Poll {
    outer: u64,
}

impl Poll {
    #[inline]
    pub(crate) fn begin() -> Poll {
        NOTES.with(|notes| Poll {
            outer: notes.first.replace(0),
        })
    }
}

impl Drop for Poll {
    #[inline]
    fn drop(&mut self) {
        NOTES.with(|notes| {
            if notes.first.get() & SEVERAL != 0 {
                notes.leave_list();
            }
            notes.first.set(self.outer);
        });
    }
}

/// The word of the current poll's first wait, with [`SEVERAL`] if there are more; 0: nothing is known.
#[inline]
pub(crate) fn first() -> u64 {
    NOTES.with(|notes| notes.first.get())
}

/// The current poll's waits beside the first, oldest first; unused places come last.
#[inline]
pub(crate) fn others() -> [Wait; MOST - 1] {
    NOTES.with(|notes| {
        let others = notes.others();
        [0, 1, 2].map(|at| Wait(others.get(at).map_or(0, Cell::get)))
    })
}

/// All waits of the current poll.
pub(crate) fn current() -> [Wait; MOST] {
    let [second, third, fourth] = others();
    [Wait(first() & !SEVERAL), second, third, fourth]
}

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/waits.rs"]
mod tests;
