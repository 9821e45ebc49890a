//! What becomes of a closure for the blocking pool, and what it holds up meanwhile.

use super::{core, with_clock};
use crate::coop;
use crate::spawn::{drop_off_worker, spawn_mandatory_blocking, try_spawn_blocking};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};

#[test]
fn the_clock_stands_still_until_the_closure_is_over() {
    let (core, clock) = with_clock(|_| ());
    let (go, goes) = channel::<()>();
    let join = core.handle().spawn_blocking(move || goes.recv().unwrap());
    assert_eq!(clock.holds(), 1);
    go.send(()).unwrap();
    core.block_on(join).unwrap();
    // The closure's thread lets go of the clock just after its result is there.
    drop(core);
    assert_eq!(clock.holds(), 0);
}

#[test]
fn a_closure_that_was_not_taken_holds_nothing_up() {
    let value = Arc::new(());
    let attempt = |value: &Arc<()>| {
        let value = value.clone();
        try_spawn_blocking(move || drop(value))
    };
    // No thread can be made: its stack is larger than the address space.
    let (core, clock) = with_clock(|config| config.thread_stack_size = Some(usize::MAX / 4 * 3));
    let entered = core.enter();
    let error = attempt(&value).unwrap_err();
    assert!(error.to_string().contains("RLIMIT_NPROC"), "{error}");
    assert_eq!((clock.holds(), Arc::strong_count(&value)), (0, 1));
    drop(entered);
    // The runtime has shut down.
    let (core, clock) = with_clock(|_| ());
    let handle = core.handle().clone();
    drop(core);
    let _entered = handle.enter();
    let join = attempt(&value).unwrap();
    assert!(join.is_finished());
    assert_eq!((clock.holds(), Arc::strong_count(&value)), (0, 1));
}

#[test]
fn a_hook_that_refuses_a_closure_by_a_panic_leaves_the_clock_alone() {
    let (core, clock) = with_clock(|config| {
        config.before_spawn = Some(Arc::new(|_| panic!("the hook's")));
    });
    let spawned = catch_unwind(AssertUnwindSafe(|| core.handle().spawn_blocking(|| ())));
    assert!(spawned.is_err());
    assert_eq!(clock.holds(), 0);
}

/// With one thread that is busy when the runtime ends.
#[test]
fn a_shutdown_cancels_a_closure_that_waits_unless_it_is_mandatory() {
    let core = core(None, |config| config.max_blocking_threads = 1);
    let (handle, entered) = (core.handle().clone(), core.enter());
    let (go, goes) = channel::<()>();
    let busy = handle.spawn_blocking(move || goes.recv().unwrap());
    let waits = handle.spawn_blocking(|| ());
    let must = spawn_mandatory_blocking(|| 7).unwrap();
    let must = must.expect("it is taken");
    let room = [0_u8; 50_000];
    let large = spawn_mandatory_blocking(move || room.len()).unwrap();
    let large = large.expect("it is taken");
    drop(entered);
    core.shutdown_background();
    assert!(waits.is_finished());
    assert!(!large.is_finished());
    go.send(()).unwrap();
    let other = super::core(None, |_| ());
    other.block_on(async {
        assert!(waits.await.unwrap_err().is_cancelled());
        busy.await.unwrap();
        assert_eq!(must.await.unwrap(), 7);
        assert_eq!(large.await.unwrap(), 50_000);
    });
    let _entered = handle.enter();
    assert!(spawn_mandatory_blocking(|| 7).unwrap().is_none());
}

/// Tells which thread drops it.
struct Tells(std::sync::mpsc::Sender<std::thread::ThreadId>);

impl Drop for Tells {
    fn drop(&mut self) {
        let _ = self.0.send(std::thread::current().id());
    }
}

#[test]
fn a_value_is_dropped_elsewhere_only_where_tasks_would_have_to_wait() {
    let (tell, told) = channel();
    let here = std::thread::current().id();
    drop_off_worker(Tells(tell.clone()));
    assert_eq!(told.recv().unwrap(), here);
    let core = core(None, |_| ());
    let entered = core.enter();
    drop_off_worker(Tells(tell.clone()));
    assert_eq!(told.recv().unwrap(), here);
    drop(entered);
    core.block_on(async { drop_off_worker(Tells(tell)) });
    assert_ne!(told.recv().unwrap(), here);
}

/// With one thread that is busy when the runtime ends.
#[test]
fn a_value_that_is_to_be_dropped_elsewhere_is_dropped_there_after_the_shutdown_too() {
    let core = core(None, |config| config.max_blocking_threads = 1);
    let (go, goes) = channel::<()>();
    let (tell, told) = channel();
    drop(core.handle().spawn_blocking(move || goes.recv().unwrap()));
    core.block_on(async { drop_off_worker(Tells(tell)) });
    core.shutdown_background();
    go.send(()).unwrap();
    assert_ne!(told.recv().unwrap(), std::thread::current().id());
}

/// How many units there are left to spend, up to twice the budget of a poll.
fn units() -> usize {
    let mut cx = Context::from_waker(Waker::noop());
    let mut spend = || match coop::poll_proceed(&mut cx) {
        Poll::Ready(unit) => {
            unit.made_progress();
            true
        }
        Poll::Pending => false,
    };
    let most = 2 * usize::from(coop::BUDGET);
    (0..most).take_while(|_| spend()).count()
}

/// Not even a closure that is run within a poll, because the system refused the thread that it relied on. The poll keeps its budget.
#[test]
fn a_closure_has_no_budget_and_leaves_the_polls_alone() {
    let first = Arc::new(AtomicBool::new(true));
    let ran = Arc::new(AtomicUsize::new(0));
    let inner = ran.clone();
    let core = core(None, move |config| {
        config.max_blocking_threads = 1;
        // Larger than the address space.
        config.thread_stack_size = Some(usize::MAX / 4 * 3);
        // Called while the thread is being made.
        config.thread_name = Arc::new(move || {
            if first.swap(false, Ordering::SeqCst) {
                let inner = inner.clone();
                let must = spawn_mandatory_blocking(move || {
                    inner.store(units(), Ordering::SeqCst);
                    // It may block: `block_on` wakes what is deferred. The end of the round, which waits for it, would not.
                    crate::task::block_on(crate::task::yield_now(), None, false);
                });
                assert!(must.unwrap().is_some());
            }
            "test".into()
        });
    });
    let task = core.handle().spawn(async {
        assert!(try_spawn_blocking(|| ()).is_err());
        units()
    });
    assert_eq!(core.block_on(task).unwrap(), usize::from(coop::BUDGET));
    assert_eq!(ran.load(Ordering::SeqCst), 2 * usize::from(coop::BUDGET));
}
