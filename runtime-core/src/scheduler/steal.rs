//! Taking tasks out of queues from which other threads take too.

use crate::base::shim::deque::{Injector, Steal, Worker};
use crate::record;
use crate::task::Runnable;

/// Steals from an empty queue: the first steal of a process sets up what later ones use.
pub(crate) fn prepare() {
    let nobodys: Worker<Runnable> = Worker::new_fifo();
    let _ = until_settled(|| nobodys.stealer().steal());
}

/// The oldest of the tasks in an injector.
pub(crate) fn take_injected(injector: &Injector<Runnable>) -> Option<Runnable> {
    until_settled(|| injector.steal())
}

/// Tries again for as long as another thread interferes.
pub(crate) fn until_settled(mut steal: impl FnMut() -> Steal<Runnable>) -> Option<Runnable> {
    loop {
        match steal() {
            Steal::Success(task) => {
                record::time_passes(); // another thread may have pushed it since this one's last event
                return Some(task);
            }
            Steal::Empty => return None,
            Steal::Retry => {}
        }
    }
}
