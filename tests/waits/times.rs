//! How long tasks exist, and how long they were in polls: `TaskInfo::times`.

use crate::settled;
use selvedge::runtime::tasks::{TaskKind, TaskTimes};
use selvedge::runtime::{Builder, Handle};
use selvedge::task::LocalSet;
use std::thread;
use std::time::Duration;

const POLL: Duration = Duration::from_millis(20);

fn timed(mut builder: Builder) -> selvedge::runtime::Runtime {
    builder.enable_all().task_times(true).build().unwrap()
}

/// Blocks in its first poll, then waits for ever.
async fn blocks() {
    thread::sleep(POLL);
    std::future::pending::<()>().await;
}

fn assert_once_polled(times: TaskTimes) {
    assert!(times.busy() >= POLL, "{times}");
    assert_eq!(times.longest_poll(), times.busy());
    assert!(times.age() >= times.busy() + times.since_poll().unwrap());
}

#[test]
fn polls_are_timed_on_each_kind_of_runtime() {
    for builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
        timed(builder).block_on(async {
            let task = selvedge::spawn(blocks());
            let info = settled(task.id()).await;
            assert_once_polled(info.times().unwrap());
            assert!(info.to_string().contains("ms old, "), "{info}");
            let json = Handle::current().tasks().to_json();
            for field in ["age_ns", "busy_ns", "longest_poll_ns", "since_poll_ns"] {
                assert!(json.contains(&format!("\"{field}\":")), "{json}");
            }
        });
    }
}

#[test]
fn of_several_polls_the_longest_is_told() {
    timed(Builder::new_current_thread()).block_on(async {
        let task = selvedge::spawn(async {
            for part in [1, 2, 1] {
                thread::sleep(POLL * part / 2);
                selvedge::task::yield_now().await;
            }
            std::future::pending::<()>().await;
        });
        let times = crate::settled_after(4, task.id()).await.times().unwrap();
        assert!(times.busy() >= POLL * 2, "{times}");
        assert!(times.longest_poll() >= POLL, "{times}");
        assert!(times.busy() >= times.longest_poll() + POLL, "{times}");
    });
}

#[test]
fn the_poll_that_goes_on_counts() {
    let runtime = timed(Builder::new_multi_thread());
    let handle = runtime.handle().clone();
    runtime.block_on(async move {
        let (began, begins) = std::sync::mpsc::channel();
        let (go_on, goes_on) = std::sync::mpsc::channel::<()>();
        let task = selvedge::spawn(async move {
            began.send(()).unwrap();
            goes_on.recv().unwrap();
        });
        begins.recv().unwrap();
        let first = handle.tasks().get(task.id()).unwrap().times().unwrap();
        thread::sleep(Duration::from_millis(5));
        let later = handle.tasks().get(task.id()).unwrap().times().unwrap();
        assert_eq!(later.since_poll(), Some(Duration::ZERO));
        assert!(later.busy() >= first.busy() + Duration::from_millis(5));
        assert_eq!(later.longest_poll(), later.busy());
        go_on.send(()).unwrap();
        task.await.unwrap();
    });
}

#[test]
fn local_tasks_and_the_future_of_block_on_are_timed() {
    timed(Builder::new_current_thread()).block_on(async {
        thread::sleep(POLL);
        let local = LocalSet::new();
        let task = local.spawn_local(blocks());
        local.run_until(selvedge::task::yield_now()).await;
        let tasks = Handle::current().tasks();
        assert_once_polled(tasks.get(task.id()).unwrap().times().unwrap());
        let main = tasks.iter().find(|info| info.kind() == TaskKind::BlockOn);
        let main = main.unwrap().times().unwrap();
        assert!(main.busy() >= POLL * 2, "{main}");
        assert_eq!(main.since_poll(), Some(Duration::ZERO));
    });
}

#[test]
fn one_that_was_not_polled_yet_says_so() {
    timed(Builder::new_current_thread()).block_on(async {
        let task = selvedge::spawn(async {});
        let times = Handle::current().tasks().get(task.id()).unwrap().times();
        let times = times.unwrap();
        assert_eq!((times.busy(), times.since_poll()), (Duration::ZERO, None));
        assert!(times.to_string().ends_with("old, never polled"), "{times}");
    });
}
