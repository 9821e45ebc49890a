//! The list of tasks: which tasks are in it, their states and names, as text and as JSON.

use crate::support::{multi, soon, within};
use crate::{settled, waiting};
use selvedge::runtime::Handle;
use selvedge::runtime::tasks::{TaskKind, TaskState};
use selvedge::sync::Notify;
use selvedge::time::{Duration, sleep};
use std::future::pending;
use std::sync::{Arc, mpsc};

#[test]
fn places_parents_polls_and_the_future_of_block_on() {
    multi(2).block_on(async {
        let go = Arc::new(Notify::new());
        let start = go.clone();
        let line = line!() + 1;
        let outer = selvedge::spawn(async move {
            let inner = selvedge::spawn(pending::<()>());
            start.notified().await;
            inner.abort();
        });
        let outer_info = settled(outer.id()).await;
        let tasks = Handle::current().tasks();
        let main = tasks.iter().find(|task| task.kind() == TaskKind::BlockOn);
        let main = main.unwrap();
        assert_eq!(main.state(), TaskState::Running { worker: None });
        assert_eq!(outer_info.parent(), Some(main.id()));
        let place = outer_info.spawned_at();
        assert!(place.file().ends_with("list.rs") && place.line() == line);
        assert_eq!(outer_info.polls(), 1);
        let inner = tasks.iter().find(|task| task.parent() == Some(outer.id()));
        assert_eq!(inner.unwrap().kind(), TaskKind::Task);
        go.notify_one();
        soon("the outer task", outer).await.unwrap();
        soon("the inner task to go", async {
            while Handle::current().tasks().len() > 1 {
                selvedge::task::yield_now().await;
            }
        })
        .await;
    });
}

#[test]
fn who_runs_and_who_is_queued() {
    within(20, || {
        let runtime = multi(1);
        let (blocks, is_blocked) = mpsc::channel();
        let (end, ends) = mpsc::channel::<()>();
        let running = runtime.spawn(async move {
            blocks.send(()).unwrap();
            let _ = ends.recv(); // its worker is stuck
        });
        is_blocked.recv().unwrap();
        let queued = runtime.spawn(async {});
        let tasks = runtime.handle().tasks();
        let state = |id| tasks.get(id).unwrap().state();
        assert_eq!(state(running.id()), TaskState::Running { worker: Some(0) });
        assert_eq!(state(queued.id()), TaskState::Queued { since: None });
        let text = tasks.to_string();
        assert!(text.contains("running on worker 0"), "{text}");
        drop(end);
        runtime.block_on(queued).unwrap();
    });
}

#[test]
fn another_runtimes_tasks_are_not_in_it() {
    let (one, two) = (multi(1), multi(1));
    let task = one.spawn(pending::<()>());
    assert!(one.handle().tasks().get(task.id()).is_some());
    assert!(two.handle().tasks().is_empty());
    assert_eq!(one.handle().tasks().runtime(), one.handle().id());
    drop(one);
    assert!(task.is_finished());
}

#[test]
fn json_has_all_of_it() {
    multi(2).block_on(async {
        let (task, handle) = waiting(sleep(Duration::from_secs(100))).await;
        let tasks = Handle::current().tasks();
        let json: serde_json::Value = serde_json::from_str(&tasks.to_json()).unwrap();
        assert_eq!(json["version"], 1);
        assert_eq!(json["runtime"], tasks.runtime().as_u64());
        let id: u64 = task.id().to_string().parse().unwrap();
        let found = json["tasks"].as_array().unwrap().iter();
        let found = found.clone().find(|found| found["id"] == id).unwrap();
        assert_eq!(found["state"], "idle");
        assert_eq!(found["polls"], 1);
        assert_eq!(found["waits"][0]["kind"], "sleep");
        assert!(found["waits"][0]["remaining_ms"].as_u64().unwrap() > 10_000);
        assert!(found["spawned_at"]["line"].as_u64().unwrap() > 0);
        handle.abort();
    });
}

/// A walk releases the list's lock again and again; a task that is in the list all the time is seen exactly once.
#[test]
fn tasks_that_come_and_go_during_a_walk_cost_no_other() {
    let runtime = multi(2);
    let kept: Vec<_> = (0..1000).map(|_| runtime.spawn(pending::<()>())).collect();
    let end = Arc::new(std::sync::atomic::AtomicBool::new(false));
    for _ in 0..4 {
        let end = end.clone();
        runtime.spawn(async move {
            while !end.load(std::sync::atomic::Ordering::Relaxed) {
                let others: Vec<_> = (0..50).map(|_| selvedge::spawn(async {})).collect();
                for other in others {
                    other.await.unwrap();
                }
            }
        });
    }
    for _ in 0..200 {
        let tasks = runtime.handle().tasks();
        let mut ids: Vec<_> = tasks.iter().map(|task| task.id()).collect();
        assert!(kept.iter().all(|task| tasks.get(task.id()).is_some()));
        ids.dedup();
        assert_eq!(ids.len(), tasks.len());
    }
    end.store(true, std::sync::atomic::Ordering::Relaxed);
}
