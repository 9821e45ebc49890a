//! Task identifiers: unique among the tasks of the process, never reused.

use crate::base::holder;
use std::cell::Cell;
use std::fmt;
use std::num::NonZeroU64;
// A plain counter, not part of any protocol: std's atomic also under the model checker.
use crate::base::shim::atomic64::AtomicU64;
use std::sync::atomic::Ordering;

/// Identifies a task.
///
/// Unique among all tasks of this process, living or ended. Ids are handed out in no promised
/// order.
///
/// ```
/// use runtime_core::task;
/// assert!(task::try_id().is_none()); // not inside a task
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(NonZeroU64);

impl Id {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        loop {
            // Ordering: Relaxed; a counter, only its uniqueness matters.
            if let Some(id) = NonZeroU64::new(NEXT.fetch_add(1, Ordering::Relaxed)) {
                return Id(id);
            }
        }
    }

    /// The id with this number; zero is none.
    pub(crate) fn from_number(number: u64) -> Option<Id> {
        NonZeroU64::new(number).map(Id)
    }

    pub(crate) fn as_u64(self) -> u64 {
        self.0.get()
    }
}

crate::runtime_thread_local! {
    /// What is polled on this thread: a task's number, or the number of a `block_on`'s future with [`MAIN`]; 0: nothing. Without a destructor, so
    /// that it can be read until the thread's very end.
    static RUNNING: Cell<u64> = Cell::new(0)
}

/// Marks the number of a `block_on`'s future, which is no task for users.
pub(crate) const MAIN: u64 = holder::IS_MAIN;

/// The running task's number; 0 outside of one.
#[inline]
pub(crate) fn running() -> u64 {
    match RUNNING.with(Cell::get) {
        main if main & MAIN != 0 => 0,
        task => task,
    }
}

/// The number of the task or of the `block_on`'s future that is polled on this thread; 0: none.
#[inline]
pub(crate) fn polled() -> u64 {
    RUNNING.with(Cell::get) & !MAIN
}

/// As [`polled`], but a `block_on`'s future has its mark; for the holder of a lock.
#[inline]
pub(crate) fn polled_or_main() -> u64 {
    RUNNING.with(Cell::get)
}

/// Sets what is polled on this thread; returns what was set before.
#[inline]
pub(crate) fn replace_running(id: u64) -> u64 {
    RUNNING.with(|running| running.replace(id))
}

/// In a forked child: its thread runs no task any more.
pub(crate) fn forget_runtime() {
    let _ = RUNNING.try_with(|running| running.set(0));
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.0)
    }
}

/// The id of the running task.
///
/// # Panics
/// Outside of a task: "Can't get a task id when not inside a task".
///
/// # Examples
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// let task = selvedge::spawn(async { selvedge::task::id() });
/// let id = task.id();
/// assert_eq!(task.await.unwrap(), id);
/// # }
/// ```
#[track_caller]
pub fn id() -> Id {
    try_id().expect("Can't get a task id when not inside a task")
}

/// The id of the running task, `None` outside of one.
///
/// ```
/// assert_eq!(selvedge::task::try_id(), None); // not in a task
/// ```
pub fn try_id() -> Option<Id> {
    NonZeroU64::new(running()).map(Id)
}
