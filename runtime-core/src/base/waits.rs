//! What the poll that goes on waits for: a leaf future that is pending notes it here, and whoever polls takes the notes.
//!
//! The notes are this thread's own memory. A note is two stores, so it is made whether anybody looks or not.
//!
//! I1: notes `start..len` belong to the innermost poll. A poll within a poll (a `LocalSet` inside of a task, a `block_on` in
//!     `block_in_place`) begins its own above those of the outer one.

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
    /// A oneshot channel's receiver goes.
    OneshotClosed = 5,
    /// A value of a broadcast channel.
    Broadcast = 6,
    /// The end of a task.
    Join = 7,
    /// A moment.
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
    /// Another one's attempt to set a `OnceCell`.
    OnceCell = 16,
    /// A new value of a watch channel.
    Watch = 17,
    /// Others at a barrier.
    Barrier = 18,
    /// The value of a `SetOnce`.
    SetOnce = 19,
    /// A channel's receivers go.
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
    /// The next turn: the task has yielded.
    Turn = 27,
}

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

    /// Is what it waits for told by the name of a record of `base::holder`?
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

/// One wait in a word: the kind in the lower 7 bits, in the upper 56 what for. Zero: none. The bit between them is for whoever keeps
/// the word.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wait(u64);

impl Wait {
    const SHIFT: u32 = 8;

    fn new(kind: WaitKind, what: u64) -> Wait {
        Wait(kind as u64 | what << Wait::SHIFT)
    }

    pub(crate) fn from_word(word: u64) -> Wait {
        Wait(word)
    }

    pub(crate) fn word(self) -> u64 {
        self.0
    }

    /// None of a word that holds no wait.
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

/// Notes of a thread; what is more is left out.
const ROOM: usize = 8;
/// Notes of one poll; what is more is left out.
pub(crate) const MOST: usize = 4;

struct Notes {
    /// The worker that this thread is, counted from 1; 0: none.
    worker: Cell<u64>,
    start: Cell<usize>,
    len: Cell<usize>,
    waits: [Cell<u64>; ROOM],
}

crate::runtime_thread_local! {
    /// Without a destructor.
    static NOTES: Notes = Notes {
        worker: Cell::new(0),
        start: Cell::new(0),
        len: Cell::new(0),
        waits: [const { Cell::new(0) }; ROOM],
    }
}

/// This thread is the worker with that index from now on.
pub(crate) fn note_worker(index: usize) {
    NOTES.with(|notes| notes.worker.set(index as u64 + 1));
}

/// The worker that this thread is, counted from 1; 0: none.
#[inline]
pub(crate) fn worker() -> u64 {
    NOTES.with(|notes| notes.worker.get())
}

/// What is polled on this thread waits, for `what` of that kind.
#[inline]
pub fn note(kind: WaitKind, what: u64) {
    let wait = Wait::new(kind, what);
    NOTES.with(|notes| {
        let len = notes.len.get();
        if len == notes.start.get() && len < ROOM {
            notes.waits[len].set(wait.0);
            notes.len.set(len + 1);
        } else {
            notes.add(wait);
        }
    });
}

/// How much was noted so far; for [`forget`].
#[inline]
pub fn mark() -> usize {
    NOTES.with(|notes| notes.len.get())
}

/// A future that has ended waits for nothing that was noted since the mark: not for the branches of a `select!` that were left behind.
#[inline]
pub fn forget(mark: usize) {
    NOTES.with(|notes| notes.len.set(mark));
}

/// What was noted last in this poll is a part of a wait of another kind, which takes its place.
#[inline(never)]
pub fn rename(kind: WaitKind, what: u64) {
    NOTES.with(|notes| {
        let len = notes.len.get();
        if len > notes.start.get() {
            notes.len.set(len - 1);
        }
    });
    note(kind, what);
}

impl Notes {
    /// A second one, or one without room.
    #[cold]
    fn add(&self, wait: Wait) {
        let (start, len) = (self.start.get(), self.len.get());
        let known = &self.waits[start..len];
        if len < ROOM && len - start < MOST && known.iter().all(|known| known.get() != wait.0) {
            self.waits[len].set(wait.0);
            self.len.set(len + 1);
        }
    }
}

/// A poll begins; its notes go with this.
pub(crate) struct Poll {
    outer: usize,
}

impl Poll {
    #[inline]
    pub(crate) fn begin() -> Poll {
        NOTES.with(|notes| Poll {
            outer: notes.start.replace(notes.len.get()),
        })
    }
}

/// What the poll that goes on waits for, as it was noted first, and whether there is more.
#[inline]
pub(crate) fn first() -> (Wait, bool) {
    NOTES.with(|notes| {
        let (start, len) = (notes.start.get(), notes.len.get());
        match start < len {
            true => (Wait(notes.waits[start % ROOM].get()), start + 1 < len),
            false => (Wait(0), false),
        }
    })
}

/// All of it, up to [`MOST`] waits, oldest first; those that are none come last.
pub(crate) fn current() -> [Wait; MOST] {
    NOTES.with(|notes| {
        let noted = &notes.waits[notes.start.get()..notes.len.get()];
        let mut all = [Wait(0); MOST];
        for (wait, noted) in all.iter_mut().zip(noted) {
            *wait = Wait(noted.get());
        }
        all
    })
}

impl Drop for Poll {
    #[inline]
    fn drop(&mut self) {
        NOTES.with(|notes| notes.len.set(notes.start.replace(self.outer)));
    }
}

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/waits.rs"]
mod tests;
