//! Strange ends of a `JoinSet`.

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
        tokio::task::yield_now().await;
        let mut joined = 0;
        poll_fn(|cx| {
            while set.poll_join_next(cx).is_ready() && joined < 1000 {
                joined += 1;
            }
            Poll::Ready(())
        })
        .await;
        assert!(joined <= 128, "{joined} in one poll");
    });
}
