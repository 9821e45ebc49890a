//! Which runtime a thread is in: nested guards, and the answers once the thread-local is destroyed.

use super::{both, core};
use crate::base::rng::{self, Rng, RngSeed, thread_rng_n};
use crate::coop;
use crate::handle::{Handle, current, with_current, worker_index};
use crate::task;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};

fn current_id() -> Option<u64> {
    with_current(|handle| handle.id().as_u64())
}

#[test]
fn a_runtime_has_a_number_of_its_own_and_says_whether_it_has_ended() {
    let runtimes = both(|_| ());
    let handles = runtimes.each_ref().map(|core| core.handle().clone());
    assert_ne!(handles[0].id(), handles[1].id());
    assert!(!handles.iter().any(Handle::is_shutdown));
    drop(runtimes);
    assert!(handles.iter().all(Handle::is_shutdown));
}

#[test]
fn guards_that_are_dropped_out_of_order_are_told() {
    let [first, second] = both(|_| ());
    let id = |core: &crate::runtime::Core| Some(core.handle().id().as_u64());
    // On a thread of its own, as the thread's current runtime is wrong afterwards.
    std::thread::scope(|scope| {
        let told = scope.spawn(|| {
            let outer = first.enter();
            let inner = second.enter();
            assert_eq!(current_id(), id(&second));
            let panic = catch_unwind(AssertUnwindSafe(|| drop(outer))).unwrap_err();
            drop(inner);
            panic.downcast::<&str>().unwrap().to_string()
        });
        let told = told.join().unwrap();
        assert!(told.contains("dropped out of order"), "{told}");
    });
    drop(first.enter());
    assert_eq!(current_id(), None);
}

#[test]
fn guards_that_unwind_out_of_order_leave_the_inner_runtime_until_its_guard_goes() {
    /// Notes the current runtime when it is dropped.
    struct Look<'a>(&'a RefCell<Vec<Option<u64>>>);
    impl Drop for Look<'_> {
        fn drop(&mut self) {
            self.0.borrow_mut().push(current_id());
        }
    }
    let [first, second] = both(|_| ());
    let seen = RefCell::new(Vec::new());
    std::thread::scope(|scope| {
        let ended = scope.spawn(move || {
            let seen = &seen;
            let result = catch_unwind(AssertUnwindSafe(|| {
                let _last = Look(seen);
                let inner;
                let _look = Look(seen);
                let _outer = first.enter();
                inner = second.enter();
                assert!(inner_is(&inner), "one panic, and no second one");
            }));
            assert!(result.is_err());
            let ids = [second.handle().id(), first.handle().id()];
            assert_eq!(*seen.borrow(), ids.map(|id| Some(id.as_u64())));
        });
        ended.join().unwrap();
    });
    fn inner_is(_: &crate::runtime::EnterGuard<'_>) -> bool {
        false
    }
}

#[test]
fn a_thread_is_a_schedulers_only_inside() {
    for core in both(|_| ()) {
        assert_eq!(worker_index(), None);
        core.block_on(async {
            assert!(worker_index().is_none_or(|worker| worker == 0));
            // A current-thread runtime's tasks run on this thread.
            let task = Handle::current().spawn(async { worker_index().is_some() });
            assert!(task.await.unwrap());
        });
        assert_eq!((worker_index(), current_id()), (None, None));
    }
}

#[test]
fn a_thread_gets_its_own_choices_back() {
    let core = core(None, |_| ());
    let draws = |between: &dyn Fn()| -> Vec<u32> {
        rng::replace_thread_rng(Rng::new(&RngSeed::from_bytes(b"the thread's")));
        let draw = |_| {
            between();
            thread_rng_n(1_000_000)
        };
        (0..8).map(draw).collect()
    };
    let alone = draws(&|| ());
    assert_eq!(draws(&|| core.block_on(async {})), alone);
    assert_eq!(
        draws(&|| _ = core.block_on(async { thread_rng_n(2) })),
        alone
    );
}

#[test]
fn a_thread_without_a_runtime_draws_from_a_seed_that_stays() {
    let draws = || [(); 64].map(|()| thread_rng_n(u32::MAX));
    let thread = std::thread::spawn(move || {
        let first = draws();
        let rng = rng::replace_thread_rng(Rng::UNSEEDED);
        assert!(!rng.is_unseeded());
        let other = draws();
        rng::replace_thread_rng(rng);
        let next = draws();
        rng::replace_thread_rng(rng);
        assert_eq!(draws(), next);
        rng::forget_runtime();
        assert!(rng::replace_thread_rng(Rng::UNSEEDED).is_unseeded());
        [first, other, next]
    });
    let [first, other, next] = thread.join().unwrap();
    assert!(first.iter().any(|drawn| *drawn != first[0]));
    assert!(first != other && first != next);
}

/// In a destructor that runs after that of the thread's runtime.
#[test]
fn an_ending_thread_has_no_runtime_and_says_why() {
    struct AtTheEnd(Option<Box<dyn FnOnce()>>);
    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            self.0.take().unwrap()();
        }
    }
    std::thread_local! {
        static END: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
    }
    let error = Handle::try_current().unwrap_err();
    assert!(error.is_missing_context() && !error.is_thread_local_destroyed());
    let (tell, told) = channel();
    let core = core(None, |_| ());
    let handle = core.handle().clone();
    std::thread::spawn(move || {
        // Made first, dropped last.
        END.with_borrow_mut(|end| {
            let inner = handle.clone();
            *end = Some(AtTheEnd(Some(Box::new(move || {
                let error = Handle::try_current().unwrap_err();
                assert!(current::set_current(inner).is_err_and(|e| e == error));
                tell.send(error).unwrap();
            }))));
        });
        drop(handle.enter());
    });
    let error = told.recv().unwrap();
    assert!(error.is_thread_local_destroyed() && !error.is_missing_context());
}

/// As in a forked child, whose thread is on no runtime: what the thread had is leaked.
#[test]
fn a_thread_can_forget_its_runtime() {
    let core = core(None, |_| ());
    let shared = Arc::downgrade(&core.handle().shared);
    let task = core.handle().spawn(async move {
        let held = shared.strong_count();
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(unit) = coop::poll_proceed(&mut cx) {
            unit.made_progress();
        }
        assert!(current_id().is_some() && worker_index().is_some());
        assert!(task::try_id().is_some());
        // SAFETY: it writes to this thread's own variables.
        unsafe { current::forget_runtime() };
        assert!(coop::has_budget_remaining());
        assert!(Handle::try_current().unwrap_err().is_missing_context());
        assert_eq!((task::try_id(), worker_index()), (None, None));
        assert_eq!(shared.strong_count(), held, "leaked, not dropped");
    });
    core.block_on(task).unwrap();
}
