//! A closure as a task, in the pool's queue.

use super::state::Job;
use crate::record::{self, Poll};
use crate::task::Runnable;

/// A blocking task's permit.
pub(crate) struct BlockingTask {
    pub(crate) task: Runnable,
    /// Is it run even if the runtime shuts down before its turn?
    pub(crate) mandatory: bool,
}

impl BlockingTask {
    /// Cancels the task before anything else knows it; see `Runnable::refuse`.
    pub(crate) fn refuse(self) {
        self.task.refuse();
    }
}

impl Job for BlockingTask {
    fn is_mandatory(&self) -> bool {
        self.mandatory
    }
    fn run(self) {
        record::time_passes(); // the thread may have waited
        self.task.run_as(Poll::Blocking);
    }
    fn cancel(self) {
        self.task.cancel();
    }
}
