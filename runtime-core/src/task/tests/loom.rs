//! Models of the state word: the permit, references, and the hand-over of output and join waker.
//!
//! What the word protects is held in loom's cells, which report any access that the word does not
//! order. Values are recorded while the threads run, so that the order does not come from the joins.

use crate::base::shim::cell::UnsafeCell;
use crate::base::shim::sync::Arc;
use crate::base::shim::sync::atomic::{AtomicUsize, Ordering};
use crate::task::state::{OnPending, OnWake, State};
use ::loom::thread;

struct Task {
    state: State,
    /// What wakers publish before they wake.
    inputs: [AtomicUsize; 2],
    /// The future: what its last poll saw of each input.
    future: UnsafeCell<[usize; 2]>,
}

// SAFETY: the cell is touched by the permit's holder only (I1 of `state`), which is what is modelled.
unsafe impl Sync for Task {}
// SAFETY: as above.
unsafe impl Send for Task {}

impl Task {
    fn new() -> Arc<Task> {
        Arc::new(Task {
            state: State::new(),
            inputs: [AtomicUsize::new(0), AtomicUsize::new(0)],
            future: UnsafeCell::new([0; 2]),
        })
    }

    /// With the permit: polls until no wake came meanwhile.
    fn run(&self) {
        loop {
            let begin = self.state.begin_run();
            // Relaxed: the state word has to order this load after the store.
            let seen = [0, 1].map(|i| self.inputs[i].load(Ordering::Relaxed));
            // SAFETY: this thread holds the permit.
            self.future.with_mut(|f| unsafe { *f = seen });
            match self.state.pending(begin) {
                OnPending::Idle => return,
                OnPending::Again => {}
                OnPending::Cancelled => panic!("nobody cancels"),
            }
        }
    }

    fn publish_and_wake(&self, input: usize) {
        self.inputs[input].store(1, Ordering::Relaxed);
        if self.state.wake() == OnWake::Schedule {
            self.run();
        }
    }
}

#[test]
fn a_wake_during_a_run_is_not_lost() {
    ::loom::model(|| {
        let task = Task::new();
        let waker = {
            let task = task.clone();
            thread::spawn(move || task.publish_and_wake(0))
        };
        task.run();
        waker.join().unwrap();
        // SAFETY: all other threads are done.
        assert_eq!(1, task.future.with(|f| unsafe { (*f)[0] }));
    });
}

#[test]
fn each_of_two_wakes_is_seen_by_a_run() {
    ::loom::model(|| {
        let task = Task::new();
        let wakers = [0, 1].map(|input| {
            let task = task.clone();
            thread::spawn(move || task.publish_and_wake(input))
        });
        task.run();
        for waker in wakers {
            waker.join().unwrap();
        }
        // SAFETY: all other threads are done.
        assert_eq!([1, 1], task.future.with(|f| unsafe { *f }));
    });
}

#[test]
fn a_wake_that_gives_up_its_reference_is_seen_by_a_run() {
    ::loom::model(|| {
        let task = Task::new();
        let waker = {
            let task = task.clone();
            thread::spawn(move || {
                task.inputs[0].store(1, Ordering::Relaxed);
                // It gives up the join handle's reference; the owner's keeps the task alive.
                match task.state.wake_and_unref() {
                    OnWake::Schedule => task.run(),
                    OnWake::Nothing => {}
                    OnWake::Deallocate => panic!("the owner still refers to it"),
                }
            })
        };
        task.run();
        waker.join().unwrap();
        // SAFETY: all other threads are done.
        assert_eq!(1, task.future.with(|f| unsafe { (*f)[0] }));
    });
}

#[test]
fn the_last_reference_sees_every_use() {
    ::loom::model(|| {
        let task = Task::new();
        let other = {
            let task = task.clone();
            thread::spawn(move || unref_after_use(&task))
        };
        unref_after_use(&task);
        other.join().unwrap();
    });

    fn unref_after_use(task: &Task) {
        // SAFETY: a reference is held; nobody writes before the last one is gone.
        task.future.with(|f| unsafe { assert_eq!([0; 2], *f) });
        if task.state.unref() {
            // SAFETY: no other reference is left.
            task.future.with_mut(|f| unsafe { *f = [9; 2] });
        }
    }
}

#[test]
fn a_wake_that_is_the_last_use_sees_every_other() {
    ::loom::model(|| {
        let task = Task::new();
        let other = {
            let task = task.clone();
            thread::spawn(move || {
                // SAFETY: a reference is held; nobody writes before the last one is gone.
                task.future.with(|f| unsafe { assert_eq!([0; 2], *f) });
                if task.state.unref() {
                    // SAFETY: no other reference is left.
                    task.future.with_mut(|f| unsafe { *f = [9; 2] });
                }
            })
        };
        // SAFETY: a reference is held; nobody writes before the last one is gone.
        task.future.with(|f| unsafe { assert_eq!([0; 2], *f) });
        if task.state.wake_and_unref() == OnWake::Deallocate {
            // SAFETY: no other reference is left.
            task.future.with_mut(|f| unsafe { *f = [9; 2] });
        }
        other.join().unwrap();
    });
}

#[test]
fn a_cancel_is_noticed() {
    ::loom::model(|| {
        let task = Task::new();
        let canceller = {
            let task = task.clone();
            thread::spawn(move || {
                assert!(task.state.cancel());
                task.state.wake() == OnWake::Schedule
            })
        };
        let begin = task.state.begin_run();
        let end = task.state.pending(begin);
        let scheduled = canceller.join().unwrap();
        match end {
            // The canceller got the permit, or this run saw the flag.
            OnPending::Idle => assert!(scheduled || begin.is_cancelled()),
            OnPending::Again => panic!("the only wake comes after the flag"),
            OnPending::Cancelled => assert!(!scheduled),
        }
    });
}

/// Output and join waker of a task, as the cell holds them.
struct Joined {
    state: State,
    output: UnsafeCell<Option<u32>>,
    waker: UnsafeCell<Option<u32>>,
}

// SAFETY: access follows I3 and I4 of `state`, which is what is modelled.
unsafe impl Sync for Joined {}
// SAFETY: as above.
unsafe impl Send for Joined {}

impl Joined {
    fn new() -> Arc<Joined> {
        Arc::new(Joined {
            state: State::new(),
            output: UnsafeCell::new(None),
            waker: UnsafeCell::new(None),
        })
    }

    /// True if the join handle was woken.
    fn complete(&self) -> bool {
        // SAFETY: I3, before COMPLETE.
        self.output.with_mut(|o| unsafe { *o = Some(7) });
        let snapshot = self.state.complete();
        if !snapshot.is_join_interested() {
            // SAFETY: I3, nobody is interested.
            assert_eq!(Some(7), self.output.with_mut(|o| unsafe { (*o).take() }));
        }
        if !snapshot.has_join_waker() {
            return false;
        }
        // SAFETY: I4, JOIN_WAKER is set: both sides only read.
        assert_eq!(Some(1), self.waker.with(|w| unsafe { *w }));
        if !self
            .state
            .unset_join_waker_after_complete()
            .is_join_interested()
        {
            // SAFETY: I4, the handle left the waker to us.
            self.waker.with_mut(|w| unsafe { *w = None });
        }
        true
    }

    /// Polls the join handle once.
    fn poll_join(&self) -> Option<u32> {
        if !self.state.load().is_complete() {
            // SAFETY: I4, JOIN_WAKER is clear.
            self.waker.with_mut(|w| unsafe { *w = Some(1) });
            if self.state.set_join_waker().is_ok() {
                return None;
            }
            // SAFETY: I4, it was not set.
            self.waker.with_mut(|w| unsafe { *w = None });
        }
        // SAFETY: I3, complete and we are interested.
        self.output.with_mut(|o| unsafe { (*o).take() })
    }

    fn drop_join(&self) {
        let before = self.state.drop_join_interest();
        if before.is_complete() {
            // SAFETY: I3, the output was left to us.
            self.output.with_mut(|o| unsafe { *o = None });
        }
        if !(before.is_complete() && before.has_join_waker()) {
            // SAFETY: I4, no completer has the waker.
            self.waker.with_mut(|w| unsafe { *w = None });
        }
    }
}

#[test]
fn a_join_gets_the_output_or_a_wake() {
    ::loom::model(|| {
        let task = Joined::new();
        let completer = {
            let task = task.clone();
            thread::spawn(move || task.complete())
        };
        let polled = task.poll_join();
        let woken = completer.join().unwrap();
        match polled {
            Some(output) => assert_eq!(7, output),
            None => assert!(woken),
        }
    });
}

#[test]
fn a_join_handle_may_be_dropped_at_any_time() {
    ::loom::model(|| {
        let task = Joined::new();
        let completer = {
            let task = task.clone();
            thread::spawn(move || {
                task.complete();
            })
        };
        let _ = task.poll_join();
        task.drop_join();
        completer.join().unwrap();
    });
}
