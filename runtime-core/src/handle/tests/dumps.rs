//! A dump's request by itself.

use crate::handle::dumps::{Dumps, Request, Uninstall};
use crate::task::Id;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Nobody polls such a task again: its end takes it off the list, and the end of the last one wakes the dump.
#[test]
fn a_task_that_ends_is_not_waited_for() {
    let dumps = Dumps::default();
    let request = Arc::new(Request::default());
    let [first, last, other] = [(); 3].map(|()| Id::next());
    let woken = Arc::new(Woken::default());
    {
        let mut state = request.state.lock();
        state.wanted.extend([first, last].map(Id::as_u64));
        state.waiter = Some(Waker::from(woken.clone()));
    }
    // Not installed yet.
    dumps.ended(first);
    *dumps.request.lock() = Some(request.clone());
    dumps.is_on.store(true, Ordering::SeqCst);
    let left = || {
        (
            request.state.lock().wanted.len(),
            woken.0.load(Ordering::SeqCst),
        )
    };
    let installed = Uninstall(&dumps);
    dumps.ended(other);
    assert_eq!(left(), (2, 0));
    dumps.ended(first);
    assert_eq!(left(), (1, 0));
    dumps.ended(last);
    assert_eq!(left(), (0, 1));
    assert!(request.state.lock().traced.is_empty());
    drop(installed);
    assert!(dumps.request.lock().is_none());
    assert!(!dumps.is_on.load(Ordering::SeqCst));
}
