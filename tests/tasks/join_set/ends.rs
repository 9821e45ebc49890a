//! `JoinSet`s and members that end in unusual ways.

use std::future::{pending, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use crate::support::{current, on_both, panic_message};

#[test]
fn a_join_set_dropped_by_its_own_task() {
    on_both(|runtime| {
        runtime.block_on(async {
            let slot: Arc<Mutex<Option<tokio::task::JoinSet<()>>>> = Arc::default();
            let own = slot.clone();
            let (done, is_done) = tokio::sync::oneshot::channel();
            let mut set = tokio::task::JoinSet::new();
            let gate = Arc::new(tokio::sync::Notify::new());
            let gate2 = gate.clone();
            set.spawn(async move {
                gate2.notified().await;
                let set = own.lock().unwrap().take();
                drop(set);
                done.send(()).unwrap();
                pending::<()>().await;
            });
            set.spawn(pending());
            *slot.lock().unwrap() = Some(set);
            gate.notify_one();
            is_done.await.unwrap();
        });
    });
}

#[test]
fn joining_all_passes_a_panic_on() {
    on_both(|runtime| {
        let message = panic_message(|| {
            runtime.block_on(async {
                let mut set = tokio::task::JoinSet::new();
                set.spawn(async { 1 });
                set.spawn(async { panic!("of a member") });
                set.join_all().await
            })
        });
        assert_eq!(message, "of a member");
        let message = panic_message(|| {
            runtime.block_on(async {
                let mut set = tokio::task::JoinSet::<()>::new();
                set.spawn(pending()).abort();
                set.join_all().await
            })
        });
        assert!(message.contains("cancelled"), "{message}");
    });
}

#[test]
fn a_join_set_is_collected_and_extended() {
    on_both(|runtime| {
        runtime.block_on(async {
            let mut set: tokio::task::JoinSet<u32> = (0..3).map(|n| async move { n }).collect();
            set.extend((3..5).map(|n| async move { n }));
            assert_eq!(set.len(), 5);
            let mut outputs = set.join_all().await;
            outputs.sort_unstable();
            assert_eq!(outputs, [0, 1, 2, 3, 4]);
        });
    });
}

#[test]
fn joining_members_spends_budget() {
    current().block_on(async {
        let mut set: tokio::task::JoinSet<()> = (0..1000).map(|_| async {}).collect();
        // Until all members have ended: each turn of this task comes after some of theirs.
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        let mut joined = 0;
        poll_fn(|cx| {
            while set.poll_join_next(cx).is_ready() && joined < 1000 {
                joined += 1;
            }
            Poll::Ready(())
        })
        .await;
        assert_eq!(joined, 128, "in one poll");
    });
}

/// A detached member ends later: the member that now has its place has not ended.
#[test]
fn a_detached_member_that_ends_is_not_taken_for_another() {
    current().block_on(async {
        let mut set = tokio::task::JoinSet::new();
        let gate = Arc::new(tokio::sync::Notify::new());
        let waits = |gate: &Arc<tokio::sync::Notify>| gate.clone().notified_owned();
        set.spawn(waits(&gate));
        set.detach_all();
        assert!(set.is_empty());
        set.spawn(pending());
        tokio::task::yield_now().await;
        gate.notify_waiters();
        tokio::task::yield_now().await;
        assert!(set.try_join_next().is_none());
        let next = poll_fn(|cx| Poll::Ready(set.poll_join_next(cx).is_pending()));
        assert!(next.await);
        assert_eq!(set.len(), 1);
    });
}

/// Notes its number when it is dropped.
struct Noted(usize, Arc<Mutex<Vec<usize>>>);

impl Drop for Noted {
    fn drop(&mut self) {
        self.1.lock().unwrap().push(self.0);
    }
}

/// The order holds even after some members were joined, and others have taken their places.
#[test]
fn detached_outputs_are_dropped_oldest_first() {
    current().block_on(async {
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut set = tokio::task::JoinSet::new();
        for n in 0..20 {
            let noted = Noted(n, log.clone());
            set.spawn(async move { noted });
        }
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        for _ in 0..5 {
            drop(set.try_join_next().unwrap().unwrap());
        }
        set.detach_all();
        assert_eq!(*log.lock().unwrap(), (0..20).collect::<Vec<_>>());
    });
}

/// Panics when it is dropped.
struct DropPanics;

impl std::task::Wake for DropPanics {
    fn wake(self: Arc<Self>) {}
}

impl Drop for DropPanics {
    fn drop(&mut self) {
        panic!("of a waker");
    }
}

#[test]
fn a_waker_that_panics_when_it_is_dropped_does_not_come_out_of_the_sets_drop() {
    let runtime = current();
    let _entered = runtime.enter();
    let mut set = tokio::task::JoinSet::new();
    set.spawn(pending::<()>());
    let waker = std::task::Waker::from(Arc::new(DropPanics));
    let mut cx = std::task::Context::from_waker(&waker);
    assert!(set.poll_join_next(&mut cx).is_pending());
    drop(waker);
    drop(set);
}
