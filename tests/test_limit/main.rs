//! Tests that take too long: they fail and print what their tasks wait for. Each case is a test that runs, and fails, in its own process.
#![cfg(target_os = "linux")]

#[path = "../support/mod.rs"]
mod support;

use selvedge::sync::{Mutex, oneshot};
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;
use support::{is_inner, once_more, this_test};

/// Runs a case that must fail; returns what it prints.
#[track_caller]
fn fails(case: &str, limit: Option<&str>) -> String {
    let output = run(case, limit);
    let text = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(101), "{case}: {text}");
    text
}

#[track_caller]
fn passes(case: &str, limit: Option<&str>) {
    let output = run(case, limit);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{case}: {text}");
}

fn run(case: &str, limit: Option<&str>) -> Output {
    let mut command = once_more(&format!("cases::{case}"));
    match limit {
        Some(limit) => command.env("SELVEDGE_TEST_TIMEOUT", limit),
        None => command.env_remove("SELVEDGE_TEST_TIMEOUT"),
    };
    command.output().unwrap()
}

#[track_caller]
fn assert_tells(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text}");
    }
}

/// The cases fail or hang, so they do nothing unless a test below has started them.
mod cases {
    use super::*;

    macro_rules! only_inside {
        () => {
            if !is_inner(this_test!()) {
                return;
            }
        };
    }

    #[selvedge::test]
    async fn waits_for_what_never_comes() {
        only_inside!();
        let (_keeps, never) = oneshot::channel::<()>();
        let task = selvedge::task::Builder::new()
            .name("the one that waits")
            .spawn(async move { drop(never.await) })
            .unwrap();
        task.await.unwrap();
    }

    #[selvedge::test(flavor = "multi_thread", worker_threads = 2)]
    async fn deadlocks() {
        only_inside!();
        let (a, b) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
        let (to, from) = (oneshot::channel(), oneshot::channel());
        let both = |first: Arc<Mutex<()>>,
                    second: Arc<Mutex<()>>,
                    tell: oneshot::Sender<()>,
                    told: oneshot::Receiver<()>| {
            selvedge::spawn(async move {
                let _first = first.lock().await;
                tell.send(()).unwrap();
                told.await.unwrap();
                drop(second.lock().await);
            })
        };
        let one = both(a.clone(), b.clone(), to.0, from.1);
        let other = both(b, a, from.0, to.1);
        one.await.unwrap();
        other.await.unwrap();
    }

    #[selvedge::test(timeout = "500ms")]
    async fn has_a_limit_of_its_own() {
        only_inside!();
        selvedge::time::sleep(Duration::from_secs(3600)).await;
    }

    #[selvedge::test(timeout = 0)]
    async fn has_no_limit() {
        only_inside!();
        selvedge::time::sleep(Duration::from_millis(300)).await;
    }

    #[selvedge::test]
    async fn blocks_its_thread() {
        only_inside!();
        let task = selvedge::spawn(std::future::pending::<()>());
        std::thread::sleep(Duration::from_secs(3600));
        drop(task);
    }

    #[selvedge::test(flavor = "multi_thread", worker_threads = 1)]
    async fn blocks_a_worker() {
        only_inside!();
        let blocked = selvedge::spawn(async { std::thread::sleep(Duration::from_secs(3600)) });
        blocked.await.unwrap();
    }

    #[selvedge::test]
    async fn is_quick() -> Result<(), u8> {
        let one: Result<u8, u8> = Ok(1);
        one.map(drop)
    }

    #[selvedge::test(start_paused = true)]
    async fn sleeps_by_a_paused_clock() {
        only_inside!();
        selvedge::time::sleep(Duration::from_secs(3600)).await;
    }
}

#[test]
fn a_test_that_waits_for_ever_tells_for_what() {
    let text = fails("waits_for_what_never_comes", Some("1000ms"));
    assert_tells(
        &text,
        &[
            "longer than 1s",
            "SELVEDGE_TEST_TIMEOUT",
            "\"the one that waits\"",
            "waits for value of oneshot",
            "waits for end of task",
            "tests/test_limit/main.rs",
            "1 failed",
        ],
    );
}

#[test]
fn a_deadlock_is_told_by_name() {
    let text = fails("deadlocks", Some("1.0"));
    assert_tells(&text, &["longer than 1s", "deadlock", "held by", "cure: "]);
}

#[test]
fn the_attribute_has_the_last_word() {
    let text = fails("has_a_limit_of_its_own", Some("1m"));
    assert_tells(
        &text,
        &["longer than 500ms", "attribute", "waits for sleep"],
    );
    fails("has_a_limit_of_its_own", None);
    passes("has_no_limit", Some("1ms"));
}

#[test]
fn a_test_whose_thread_is_blocked_ends_the_process() {
    ends_the_process("blocks_its_thread");
}

#[test]
fn a_test_whose_runtime_does_not_end_ends_the_process() {
    ends_the_process("blocks_a_worker");
}

#[track_caller]
fn ends_the_process(case: &str) {
    let text = fails(case, Some("1000ms"));
    assert_tells(&text, &["longer than 1s", "running", "the process ends"]);
}

#[test]
fn a_test_that_is_quick_passes() {
    for limit in [Some("60"), Some("0"), None] {
        passes("is_quick", limit);
        passes("sleeps_by_a_paused_clock", limit);
    }
}

#[test]
fn what_is_no_time_is_told() {
    let text = fails("is_quick", Some("soon"));
    assert_tells(&text, &["SELVEDGE_TEST_TIMEOUT=\"soon\"", "`500ms`"]);
}
