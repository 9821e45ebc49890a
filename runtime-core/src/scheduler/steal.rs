//! Taking tasks out of queues that others take from too.

use crate::base::shim::deque::{Injector, Steal, Worker};
use crate::record;
use crate::task::Runnable;

/// Has the first steal done what it does once for the process.
pub(crate) fn prepare() {
    let nobodys: Worker<Runnable> = Worker::new_fifo();
    let _ = until_settled(|| nobodys.stealer().steal());
}

/// The oldest of the tasks in an injector.
pub(crate) fn take_injected(injector: &Injector<Runnable>) -> Option<Runnable> {
    until_settled(|| injector.steal())
}

/// Tries again for as long as somebody is in the way.
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
