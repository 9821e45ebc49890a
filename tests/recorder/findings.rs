//! Planted faults: the recording names them with task, place and cure, and names none where there is none.

use crate::{analysed, multi, recorded};
use selvedge::sync::Notify;
use selvedge_trace::{Analysis, EventKind, Finding, FindingKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn only(analysis: &Analysis, kind: FindingKind) -> &Finding {
    let mut found = analysis.findings.iter().filter(|f| f.kind == kind);
    let finding = found
        .next()
        .unwrap_or_else(|| panic!("no {kind}: {:?}", analysis.findings));
    assert!(found.next().is_none(), "{:?}", analysis.findings);
    assert!(!finding.cure.is_empty());
    finding
}

#[test]
fn a_poll_that_blocks_is_a_stall_with_its_task_and_place() {
    let mut line = 0;
    let analysis = analysed(multi(), || async {
        line = line!() + 1;
        let blocks = selvedge::spawn(async { std::thread::sleep(Duration::from_millis(40)) });
        blocks.await.unwrap();
    });
    let stall = only(&analysis, FindingKind::Stall);
    assert!(
        stall.place.contains(&format!("findings.rs:{line}:")),
        "{stall:?}"
    );
    assert!(stall.cost >= 40_000_000 && stall.times == 1);
    assert_eq!(analysis.tasks[&stall.task].longest_poll, stall.cost);
}

#[test]
fn tasks_that_wait_for_each_other_are_a_cycle() {
    let analysis = analysed(multi(), || async {
        let (tx, rx) = selvedge::sync::oneshot::channel::<selvedge::task::JoinHandle<()>>();
        let first = selvedge::spawn(async move { rx.await.unwrap().await.unwrap() });
        let second = selvedge::spawn(async move { first.await.unwrap() });
        tx.send(second).unwrap();
        selvedge::time::sleep(Duration::from_millis(20)).await;
        let recorder = selvedge::runtime::Handle::current().recorder();
        let bytes = recorder.snapshot().unwrap();
        let now = Analysis::of(&selvedge_trace::Recording::read(&bytes).unwrap());
        let cycle = only(&now, FindingKind::JoinCycle);
        assert!(cycle.what.matches("findings.rs").count() == 2, "{cycle:?}");
    });
    drop(analysis);
}

#[test]
fn a_task_whose_source_never_runs_dry_is_a_hog() {
    let analysis = analysed(multi(), || async {
        let (tx, mut rx) = selvedge::sync::mpsc::unbounded_channel();
        for i in 0..128 * 300 {
            tx.send(i).unwrap();
        }
        drop(tx);
        let hog = selvedge::task::Builder::new()
            .name("drains")
            .spawn(async move { while rx.recv().await.is_some() {} })
            .unwrap();
        // A task that yields by itself is no hog.
        let yields = selvedge::spawn(async {
            for _ in 0..1_000 {
                selvedge::task::yield_now().await;
            }
        });
        hog.await.unwrap();
        yields.await.unwrap();
    });
    let hog = only(&analysis, FindingKind::BudgetHog);
    assert!(hog.what.contains("\"drains\""), "{hog:?}");
    assert!(hog.times >= 290, "{hog:?}");
    assert!(hog.place.contains("findings.rs:"), "{hog:?}");
}

#[test]
fn a_poll_that_wakes_a_crowd_is_a_storm() {
    let analysis = analysed(multi(), || async {
        let notify = Arc::new(Notify::new());
        let waiting = Arc::new(AtomicUsize::new(0));
        let mut waiters = selvedge::task::JoinSet::new();
        for _ in 0..1_000 {
            let (notify, waiting) = (notify.clone(), waiting.clone());
            waiters.spawn(async move {
                let mut notified = std::pin::pin!(notify.notified());
                notified.as_mut().enable();
                waiting.fetch_add(1, Ordering::Relaxed);
                notified.await
            });
        }
        // All must wait before the notification: a later waiter would wait for ever.
        while waiting.load(Ordering::Relaxed) < 1_000 {
            selvedge::time::sleep(Duration::from_millis(1)).await;
        }
        let wakes = selvedge::spawn(async move { notify.notify_waiters() });
        wakes.await.unwrap();
        waiters.join_all().await;
    });
    let storm = only(&analysis, FindingKind::WakeStorm);
    assert!(storm.times >= 500, "{storm:?}");
}

#[test]
fn closures_that_wait_for_a_thread_tell_of_a_full_pool() {
    let mut builder = multi();
    builder.max_blocking_threads(1);
    let analysis = analysed(builder, || async {
        let closures: Vec<_> = (0..3)
            .map(|_| {
                selvedge::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(60)))
            })
            .collect();
        for closure in closures {
            closure.await.unwrap();
        }
    });
    let full = only(&analysis, FindingKind::FullPool);
    assert!(
        full.times >= 2 && full.place.contains("findings.rs"),
        "{full:?}"
    );
}

#[test]
fn tasks_that_are_made_and_never_end_are_a_leak() {
    let analysis = analysed(multi(), || async {
        for _ in 0..1_000 {
            selvedge::spawn(std::future::pending::<()>());
        }
        selvedge::time::sleep(Duration::from_millis(20)).await;
        let recorder = selvedge::runtime::Handle::current().recorder();
        let bytes = recorder.snapshot().unwrap();
        let now = Analysis::of(&selvedge_trace::Recording::read(&bytes).unwrap());
        assert_eq!(only(&now, FindingKind::Leak).times, 1_000);
    });
    // The end of the runtime cancels the tasks, and none is left.
    assert!(
        analysis
            .findings
            .iter()
            .all(|f| f.kind != FindingKind::Leak)
    );
}

#[test]
fn a_task_that_panics_is_named() {
    let analysis = analysed(multi(), || async {
        let panics = selvedge::spawn(async { panic!("on purpose") });
        panics.await.unwrap_err();
    });
    assert!(
        only(&analysis, FindingKind::Panic)
            .place
            .contains("findings.rs")
    );
}

#[test]
fn a_program_that_does_well_has_none() {
    let analysis = analysed(multi(), || async {
        let mut tasks = selvedge::task::JoinSet::new();
        for n in 0..200 {
            tasks.spawn(async move {
                selvedge::time::sleep(Duration::from_millis(n % 7)).await;
                selvedge::task::spawn_blocking(move || n).await.unwrap()
            });
        }
        tasks.join_all().await;
    });
    let told: Vec<FindingKind> = analysis.findings.iter().map(|f| f.kind).collect();
    // A loaded machine may keep a thread from running for long; no other finding is allowed.
    let by_machine = [
        FindingKind::Stall,
        FindingKind::Delay,
        FindingKind::FullPool,
    ];
    assert!(
        told.iter().all(|kind| by_machine.contains(kind)),
        "{:?}",
        analysis.findings
    );
}

/// A finding that is reported while the program runs is also a mark in the recording.
#[test]
fn a_finding_that_is_told_is_marked() {
    let (send, told) = std::sync::mpsc::channel();
    let send = std::sync::Mutex::new(send);
    let mut builder = multi();
    builder.on_finding(move |finding| {
        let _ = send.lock().unwrap().send(finding.tasks()[0].to_string());
    });
    let mut lost = String::new();
    let recording = recorded(builder, || async {
        let task = selvedge::spawn(std::future::pending::<()>());
        lost = task.id().to_string();
        let told = selvedge::task::spawn_blocking(move || told.recv().unwrap());
        assert_eq!(told.await.unwrap(), lost);
    });
    let marked = recording.events.iter().any(|event| match event.kind {
        EventKind::Mark { name, value } => {
            value.to_string() == lost && recording.names[&name] == "finding: lost task"
        }
        _ => false,
    });
    assert!(marked);
}
