//! Task identifiers: unique among the tasks of the process, never reused.

use crate::context;
use std::fmt;
use std::num::NonZeroU64;
// A plain counter, not part of any protocol: std's atomic also under the model checker.
use std::sync::atomic::{AtomicU64, Ordering};

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

    pub(crate) fn as_u64(self) -> u64 {
        self.0.get()
    }
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
#[track_caller]
pub fn id() -> Id {
    try_id().expect("Can't get a task id when not inside a task")
}

/// The id of the running task, `None` outside of one.
pub fn try_id() -> Option<Id> {
    NonZeroU64::new(context::task_id()).map(Id)
}
