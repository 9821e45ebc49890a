//! The edges between tasks and threads in a recording: spawns, wakes, polls, waits, steals.

use crate::{analysed, current, multi, recorded};
use selvedge::io::{AsyncReadExt, AsyncWriteExt};
use selvedge::net::{TcpListener, TcpStream};
use selvedge::sync::{mpsc, oneshot};
use selvedge_trace::{Analysis, EventKind, PollKind, TaskTrack, WaitKind, Waker};
use std::time::Duration;

/// The task that was spawned at that line of this file.
fn at_line(analysis: &Analysis, line: u32) -> &TaskTrack {
    let place = format!("edges.rs:{line}:");
    let mut found = analysis.tasks.values().filter(|t| t.place.contains(&place));
    let task = found
        .next()
        .unwrap_or_else(|| panic!("nothing from {place}"));
    assert!(found.next().is_none());
    task
}

#[test]
fn a_task_has_its_place_its_parent_its_polls_and_its_end() {
    for builder in [multi(), current()] {
        let mut lines = (0, 0);
        let analysis = analysed(builder, || async {
            lines.0 = line!() + 1;
            let outer = selvedge::spawn(async {
                let line = line!() + 1;
                let inner = selvedge::spawn(selvedge::task::yield_now());
                inner.await.unwrap();
                line
            });
            lines.1 = outer.await.unwrap();
        });
        let (outer, inner) = (at_line(&analysis, lines.0), at_line(&analysis, lines.1));
        assert_eq!(inner.parent, outer.id);
        assert_eq!(inner.polls, 2);
        assert!(outer.polls >= 1 && outer.ended > inner.ended);
        assert!(inner.spawned >= outer.spawned && inner.spawned.is_some());
        assert!(!inner.panicked && !inner.cancelled);
    }
}

#[test]
fn the_future_of_a_block_on_is_there_as_a_task() {
    for builder in [multi(), current()] {
        let analysis = analysed(builder, || async {
            let (tx, rx) = oneshot::channel();
            selvedge::spawn(async move { tx.send(()).unwrap() });
            rx.await.unwrap();
        });
        let block_on = analysis
            .tasks
            .values()
            .find(|t| t.kind == PollKind::BlockOn);
        let block_on = block_on.unwrap();
        assert!(
            block_on.place.contains("tests/recorder/main.rs"),
            "{}",
            block_on.place
        );
        assert!(block_on.ended.is_some());
        // It was polled again only because the sender's task woke it.
        let sender = analysis
            .tasks
            .values()
            .find(|t| t.kind == PollKind::Task)
            .unwrap();
        let wakes = analysis.wakes.iter().filter(|w| w.task == block_on.id);
        let by_sender = wakes.filter(|w| w.by == Waker::Task(sender.id)).count();
        assert_eq!(by_sender as u64, block_on.polls - 1);
    }
}

#[test]
fn a_wake_tells_who_it_was() {
    // Enough rounds for one wake to come while the other side sleeps, even on a loaded machine.
    const ROUNDS: u8 = 10;
    for builder in [multi(), current()] {
        let mut fd = 0;
        let analysis = analysed(builder, || async {
            // Wakes by a timer, by a descriptor, by a task, by a thread.
            selvedge::spawn(selvedge::time::sleep(Duration::from_millis(2)))
                .await
                .unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap())
                .await
                .unwrap();
            let (mut server, _) = listener.accept().await.unwrap();
            fd = std::os::fd::AsRawFd::as_raw_fd(&server);
            let reader = selvedge::spawn(async move {
                for _ in 0..ROUNDS {
                    server.read_u8().await.unwrap();
                }
            });
            for n in 0..ROUNDS {
                selvedge::time::sleep(Duration::from_millis(2)).await;
                client.write_u8(n).await.unwrap();
            }
            reader.await.unwrap();
            let (tx, mut rx) = mpsc::channel::<u8>(1);
            let waits = selvedge::spawn(async move { while rx.recv().await.is_some() {} });
            std::thread::spawn(move || {
                for n in 0..ROUNDS {
                    std::thread::sleep(Duration::from_millis(2));
                    tx.blocking_send(n).unwrap();
                }
            });
            waits.await.unwrap();
        });
        let by: Vec<Waker> = analysis.wakes.iter().map(|wake| wake.by).collect();
        assert!(by.contains(&Waker::Timer), "{by:?}");
        assert!(by.contains(&Waker::Io(fd.into())), "{fd} in {by:?}");
        assert!(by.iter().any(|by| matches!(by, Waker::Thread(_))), "{by:?}");
        assert!(by.iter().any(|by| matches!(by, Waker::Task(_))), "{by:?}");
    }
}

#[test]
fn what_a_task_waits_for_at_the_end_is_told() {
    let analysis = analysed(current(), || async {
        let (_tx, mut rx) = mpsc::channel::<()>(1);
        let (full, _rx) = mpsc::channel::<()>(1);
        full.send(()).await.unwrap();
        let (_kept, value) = oneshot::channel::<()>();
        let notify = std::sync::Arc::new(selvedge::sync::Notify::new());
        let never = selvedge::spawn(std::future::pending::<()>());
        selvedge::spawn(async move { rx.recv().await });
        selvedge::spawn(async move { full.send(()).await });
        selvedge::spawn(value);
        selvedge::spawn(async move { notify.notified().await });
        selvedge::spawn(never);
        selvedge::spawn(selvedge::time::sleep(Duration::from_secs(1000)));
        selvedge::spawn(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let _ = listener.accept().await;
        });
        selvedge::time::sleep(Duration::from_millis(5)).await;
        let bytes = selvedge::runtime::Handle::current().recorder().snapshot();
        let recording = selvedge_trace::Recording::read(&bytes.unwrap()).unwrap();
        let now = Analysis::of(&recording);
        let tasks = now.tasks.values().filter(|t| t.kind == PollKind::Task);
        let waits: Vec<Option<WaitKind>> = tasks
            .map(|t| t.waits.first().map(|wait| wait.kind))
            .collect();
        let expected = [
            None,
            Some(WaitKind::Receive),
            Some(WaitKind::Send),
            Some(WaitKind::Oneshot),
            Some(WaitKind::Notify),
            Some(WaitKind::Join),
            Some(WaitKind::Sleep),
            Some(WaitKind::Readable),
        ];
        assert_eq!(waits, expected);
    });
    // The recording shows the tasks that the shutdown cancels as cancelled.
    let cancelled = analysis.tasks.values().filter(|t| t.cancelled).count();
    assert_eq!(cancelled, 8);
}

#[test]
fn closures_of_the_pool_and_in_place_have_their_time() {
    let recording = recorded(multi(), || async {
        selvedge::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(3)))
            .await
            .unwrap();
        let in_place = selvedge::spawn(async {
            selvedge::task::block_in_place(|| std::thread::sleep(Duration::from_millis(3)));
        });
        in_place.await.unwrap();
    });
    let analysis = Analysis::of(&recording);
    let blocking = analysis
        .tasks
        .values()
        .find(|t| t.kind == PollKind::Blocking)
        .unwrap();
    assert!(blocking.busy >= 3_000_000, "{blocking:?}");
    let of_kind = |wanted: fn(&EventKind) -> bool| {
        recording
            .events
            .iter()
            .filter(|e| wanted(&e.kind))
            .map(|e| e.nanos)
            .collect::<Vec<_>>()
    };
    let begin = of_kind(|k| matches!(k, EventKind::InPlaceBegin { .. }));
    let end = of_kind(|k| matches!(k, EventKind::InPlaceEnd { .. }));
    assert_eq!((begin.len(), end.len()), (1, 1));
    assert!(end[0] - begin[0] >= 3_000_000);
}

/// The thread begins to poll in the middle of the closure, and has a larger ring from then on.
#[test]
fn a_closure_that_blocks_on_a_future_ends_on_its_thread() {
    let recording = recorded(multi(), || async {
        let handle = selvedge::runtime::Handle::current();
        let waits = move || handle.block_on(selvedge::time::sleep(Duration::from_millis(2)));
        selvedge::task::spawn_blocking(waits).await.unwrap();
    });
    let analysis = Analysis::of(&recording);
    let mut tasks = analysis.tasks.values();
    let closure = tasks.find(|t| t.kind == PollKind::Blocking).unwrap();
    assert!(closure.ended.is_some(), "{closure:?}");
    let mut threads: Vec<u32> = analysis.threads.values().map(|t| t.system_id).collect();
    threads.sort_unstable();
    let all = threads.len();
    threads.dedup();
    assert_eq!(threads.len(), all, "{:?}", analysis.threads);
}

#[test]
fn names_marks_and_spans_are_there() {
    let recording = recorded(current(), || async {
        let task = selvedge::task::Builder::new()
            .name("reader of lines")
            .spawn(async {});
        task.unwrap().await.unwrap();
        let recorder = selvedge::runtime::Handle::current().recorder();
        recorder.mark("queue length", 17);
        let span = recorder.span("parse");
        std::thread::sleep(Duration::from_millis(2));
        drop(span);
    });
    let analysis = Analysis::of(&recording);
    let names: Vec<&str> = analysis
        .tasks
        .values()
        .filter_map(|t| t.name.as_deref())
        .collect();
    assert_eq!(names, ["reader of lines"]);
    let mark = recording.events.iter().find_map(|event| match event.kind {
        EventKind::Mark { name, value } => Some((recording.names[&name].as_str(), value)),
        _ => None,
    });
    assert_eq!(mark, Some(("queue length", 17)));
    let span = analysis.spans[0];
    assert_eq!(recording.name(span.name), "parse");
    assert!(span.time.nanos() >= 2_000_000);
}

/// Each wait is recorded once, however often it is polled; polls that end the task record none.
#[test]
fn a_task_that_waits_for_several_things_has_all_of_them() {
    analysed(current(), || async {
        let (_tx, mut rx) = mpsc::channel::<()>(1);
        let waits = selvedge::spawn(async move {
            selvedge::select! {
                _ = rx.recv() => {}
                () = selvedge::time::sleep(Duration::from_secs(1000)) => {}
            }
        });
        selvedge::time::sleep(Duration::from_millis(2)).await;
        let bytes = selvedge::runtime::Handle::current().recorder().snapshot();
        let now = Analysis::of(&selvedge_trace::Recording::read(&bytes.unwrap()).unwrap());
        let task = now
            .tasks
            .values()
            .find(|t| t.kind == PollKind::Task)
            .unwrap();
        let mut kinds: Vec<String> = task.waits.iter().map(|w| w.kind.to_string()).collect();
        kinds.sort();
        assert_eq!(kinds, ["channel message", "sleep"]);
        waits.abort();
    });
}

/// The sleep is recorded in the poll that arms it and in later polls.
#[test]
fn a_sleep_is_told_in_each_poll() {
    analysed(current(), || async {
        let polls_twice = |mut sleep: std::pin::Pin<Box<selvedge::time::Sleep>>| async move {
            let first = std::future::poll_fn(|cx| {
                use std::future::Future;
                std::task::Poll::Ready(sleep.as_mut().poll(cx).is_pending())
            });
            assert!(first.await);
            selvedge::task::yield_now().await;
            sleep.await;
        };
        let long = || Box::pin(selvedge::time::sleep(Duration::from_secs(1000)));
        let tasks = [
            selvedge::spawn(async move { long().await }),
            selvedge::spawn(polls_twice(long())),
        ];
        // The other tasks of this runtime are polled meanwhile.
        for _ in 0..20 {
            selvedge::task::yield_now().await;
        }
        let bytes = selvedge::runtime::Handle::current().recorder().snapshot();
        let now = Analysis::of(&selvedge_trace::Recording::read(&bytes.unwrap()).unwrap());
        let sleepers = now.tasks.values().filter(|t| t.kind == PollKind::Task);
        let waits: Vec<_> = sleepers
            .map(|t| t.waits.iter().map(|w| (w.kind, w.what)).collect::<Vec<_>>())
            .collect();
        // Each wait has its deadline, in milliseconds of the runtime's clock.
        for waits in &waits {
            assert!(
                matches!(waits[..], [(WaitKind::Sleep, 999_000..2_000_000)]),
                "{waits:?}"
            );
        }
        assert_eq!(waits.len(), 2);
        tasks.iter().for_each(|task| task.abort());
    });
}

/// A poll records some of its waits; more of them do no harm.
#[test]
fn a_poll_that_waits_for_many_things_tells_of_some() {
    analysed(current(), || async {
        let channels: Vec<_> = (0..8).map(|_| oneshot::channel::<()>()).collect();
        let (kept, waits): (Vec<_>, Vec<_>) = channels.into_iter().unzip();
        let task = selvedge::spawn(futures_util::future::join_all(waits));
        // The other tasks of this runtime are polled meanwhile.
        for _ in 0..20 {
            selvedge::task::yield_now().await;
        }
        let bytes = selvedge::runtime::Handle::current().recorder().snapshot();
        let now = Analysis::of(&selvedge_trace::Recording::read(&bytes.unwrap()).unwrap());
        let mut tasks = now.tasks.values().filter(|t| t.kind == PollKind::Task);
        let told = tasks.next().unwrap().waits.clone();
        assert!((2..=8).contains(&told.len()), "{told:?}");
        assert!(told.iter().all(|wait| wait.kind == WaitKind::Oneshot));
        drop((kept, task));
    });
}

/// A stuck worker is recorded by its number. Its task blocks until another task has run, which only the watch can hand on.
#[test]
fn a_worker_that_gets_stuck_is_told_of() {
    let mut runtime = 0;
    let recording = recorded(multi(), || async {
        runtime = selvedge::runtime::Handle::current()
            .id()
            .to_string()
            .parse()
            .unwrap();
        let blocks = selvedge::spawn(async {
            let (done, ran) = std::sync::mpsc::channel();
            selvedge::spawn(async move { done.send(()).unwrap() });
            ran.recv().unwrap();
            // The watch checks the worker again and again.
            std::thread::sleep(std::time::Duration::from_millis(20));
        });
        blocks.await.unwrap();
    });
    let analysis = Analysis::of(&recording);
    let polls = analysis.polls.iter();
    let poll = polls
        .filter(|poll| poll.kind == PollKind::Task)
        .max_by_key(|poll| poll.time.nanos())
        .unwrap();
    let (of, worker) = analysis.threads[&poll.thread].worker.unwrap();
    assert_eq!(of, runtime);
    let in_poll = recording.events.iter().filter(|event| {
        event.kind == EventKind::Stuck { runtime, worker }
            && (poll.time.begin..poll.time.end).contains(&event.nanos)
    });
    assert_eq!(in_poll.count(), 1);
}

/// A thread that holds the driver records each sleep with its end, and what was ready between the two. Turns of the driver
/// without a sleep are not recorded.
#[test]
fn sleeps_on_the_driver_are_told_and_looks_are_not() {
    let sleeps = |recording: &selvedge_trace::Recording| -> Vec<EventKind> {
        let kinds = recording.events.iter().map(|event| event.kind);
        kinds
            .filter(|kind| matches!(kind, EventKind::Park { .. } | EventKind::Unpark { .. }))
            .collect()
    };
    let looks = recorded(current(), || async {
        for _ in 0..1_000 {
            selvedge::task::yield_now().await;
        }
    });
    assert_eq!(sleeps(&looks), []);
    let recording = recorded(current(), || async {
        for _ in 0..3 {
            selvedge::time::sleep(Duration::from_millis(2)).await;
        }
    });
    let told = sleeps(&recording);
    assert!(told.len() >= 6, "{told:?}");
    for pair in told.chunks(2) {
        let one = [
            EventKind::Park { with_driver: true },
            EventKind::Unpark { was_called: false },
        ];
        assert_eq!(pair, one);
    }
}

/// Tasks of a blocked worker are stolen; the event has the victim and the number of tasks.
#[test]
fn what_is_stolen_is_told() {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    static RUN: AtomicUsize = AtomicUsize::new(0);
    const TASKS: usize = 100;
    let recording = recorded(multi(), || async {
        let blocks = selvedge::spawn(async {
            for _ in 0..TASKS {
                selvedge::spawn(async { RUN.fetch_add(1, Relaxed) });
            }
            // The other worker runs all of them, also the task in this worker's slot, which the watch hands out.
            while RUN.load(Relaxed) < TASKS {
                std::thread::yield_now();
            }
            selvedge::runtime::worker_index().unwrap()
        });
        let victim = blocks.await.unwrap() as u64;
        let recorder = selvedge::runtime::Handle::current().recorder();
        recorder.mark("victim", victim);
    });
    let marked = recording.events.iter().find_map(|event| match event.kind {
        EventKind::Mark { value, .. } => Some(value),
        _ => None,
    });
    let stolen = recording
        .events
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::Stolen { tasks, victim } if Some(victim) == marked => Some(tasks),
            _ => None,
        });
    let stolen: u64 = stolen.sum();
    assert!((1..=TASKS as u64).contains(&stolen), "{stolen}");
}

#[test]
fn threads_say_which_worker_they_are() {
    for (builder, workers) in [(current(), vec![0]), (multi(), vec![0, 1])] {
        let recording = recorded(builder, selvedge::task::yield_now);
        let told = recording
            .events
            .iter()
            .filter_map(|event| match event.kind {
                EventKind::Worker { index, .. } => Some(index),
                _ => None,
            });
        let mut told: Vec<u64> = told.collect();
        told.sort_unstable();
        told.dedup();
        assert_eq!(told, workers);
    }
}
