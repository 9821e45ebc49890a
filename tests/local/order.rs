//! The order in which a set's tasks end when the set is dropped, and the drop of a `run_until`'s future.

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Waker};

use crate::support::current;
use tokio::task::{LocalSet, yield_now};

type Log = Rc<RefCell<Vec<usize>>>;

/// Notes its number when it is dropped.
struct Noted(usize, Log);

impl Drop for Noted {
    fn drop(&mut self) {
        self.1.borrow_mut().push(self.0);
    }
}

/// Some tasks wait, some have been woken, and some have never run: they end in the order in which they were spawned.
#[test]
fn a_dropped_set_ends_its_tasks_oldest_first() {
    let log = Log::default();
    let set = LocalSet::new();
    let (wake, woken) = tokio::sync::watch::channel(0);
    for n in 0..50 {
        let (noted, mut woken) = (Noted(n, log.clone()), woken.clone());
        set.spawn_local(async move {
            let _noted = noted;
            if n % 3 == 0 {
                let _ = woken.changed().await;
            }
            pending::<()>().await;
        });
    }
    set.block_on(&current(), async {
        for _ in 0..4 {
            yield_now().await;
        }
    });
    wake.send(1).unwrap();
    for n in 50..80 {
        let noted = Noted(n, log.clone());
        set.spawn_local(async move {
            let _noted = noted;
            pending::<()>().await;
        });
    }
    assert!(log.borrow().is_empty());
    drop(set);
    assert_eq!(*log.borrow(), (0..80).collect::<Vec<_>>());
}

/// A task that aborts another task in its drop does not make that task end out of its turn.
#[test]
fn tasks_that_wake_and_abort_each_other_as_they_end_keep_their_order() {
    struct Abort(tokio::task::AbortHandle);
    impl Drop for Abort {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
    let log = Log::default();
    let set = LocalSet::new();
    let mut newest = set.spawn_local(pending::<()>()).abort_handle();
    for n in 0..30 {
        let (noted, abort) = (Noted(n, log.clone()), Abort(newest));
        let task = set.spawn_local(async move {
            let _both = (noted, abort);
            pending::<()>().await;
        });
        newest = task.abort_handle();
    }
    set.block_on(&current(), yield_now());
    drop(set);
    assert_eq!(*log.borrow(), (0..30).collect::<Vec<_>>());
}

#[test]
fn a_future_that_has_run_to_its_end_is_dropped_at_once() {
    let log = Log::default();
    let set = LocalSet::new();
    let noted = Noted(0, log.clone());
    let mut task = set.spawn_local(async { 1 });
    // A `poll_fn` and not an async block, as the block would drop its values at its end anyway.
    let mut run = pin!(set.run_until(poll_fn(move |cx| {
        let _ = &noted;
        pin!(&mut task).poll(cx)
    })));
    let cx = &mut Context::from_waker(Waker::noop());
    while run.as_mut().poll(cx).is_pending() {}
    assert_eq!(*log.borrow(), [0]);
}
