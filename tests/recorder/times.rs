//! The times of events: if a thread waits, searches or runs other user code between two events, the later event does not get the
//! time of the earlier.

use crate::{current, multi, recorded};
use selvedge::runtime::{Builder, Handle, Recorder};
use selvedge_trace::{Analysis, EventKind, PollKind, Recording};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

/// Longer than a thread searches for work before it sleeps.
const PAUSE: Duration = Duration::from_millis(5);

/// Each poll begins after its task was spawned.
fn assert_in_order(analysis: &Analysis) {
    for poll in &analysis.polls {
        let task = &analysis.tasks[&poll.task];
        if let Some(spawned) = task.spawned {
            assert!(poll.time.begin >= spawned, "{poll:?} {task:?}");
        }
        assert!(poll.time.begin <= poll.time.end, "{poll:?}");
    }
}

/// Another thread makes the mark: a mark of this thread would be an event between the two that are tested.
fn mark(recorder: &Recorder) {
    thread::scope(|scope| drop(scope.spawn(|| recorder.mark("now", 0))));
}

/// All marks were made between polls of this kind, of which there is one at a time: asserts that no poll contains a mark.
fn assert_between_polls(recording: &Recording, kind: PollKind) {
    let marks = recording.events.iter();
    let marks = marks.filter(|event| matches!(event.kind, EventKind::Mark { .. }));
    let marks: Vec<u64> = marks.map(|mark| mark.nanos).collect();
    assert!(!marks.is_empty());
    let polls = Analysis::of(recording).polls;
    assert!(polls.iter().any(|poll| poll.kind == kind));
    for poll in polls.iter().filter(|poll| poll.kind == kind) {
        for at in &marks {
            let is_inside = poll.time.begin < *at && *at < poll.time.end;
            assert!(!is_inside, "{poll:?} {at}");
        }
    }
}

/// Tasks and closures, one after another, each spawned while the other threads are idle or search for work.
async fn one_by_one() {
    for n in 0..200 {
        selvedge::spawn(async {}).await.unwrap();
        selvedge::task::spawn_blocking(|| ()).await.unwrap();
        if n % 20 == 0 {
            selvedge::time::sleep(PAUSE).await;
        }
    }
    let handle = Handle::current();
    let from_outside = move || {
        for _ in 0..100 {
            let (ended, end) = mpsc::channel();
            handle.spawn(async move { ended.send(()).unwrap() });
            end.recv().unwrap();
        }
    };
    selvedge::task::spawn_blocking(from_outside).await.unwrap();
}

#[test]
fn nothing_is_polled_before_it_is_spawned() {
    for builder in [multi(), current()] {
        let analysis = Analysis::of(&recorded(builder, one_by_one));
        assert!(analysis.polls.len() > 400);
        assert_in_order(&analysis);
    }
}

/// Each later poll of a `block_on` comes after the wake.
#[test]
fn a_block_on_is_polled_after_it_was_woken() {
    for builder in [multi(), current()] {
        let recording = recorded(builder, || async {
            for _ in 0..3 {
                let waits = selvedge::spawn(selvedge::time::sleep(PAUSE));
                waits.await.unwrap();
            }
        });
        let (mut polls, mut is_woken) = (0, true);
        for event in &recording.events {
            match event.kind {
                EventKind::Woken { .. } => is_woken = true,
                EventKind::PollBegin {
                    poll: PollKind::BlockOn,
                    ..
                } => {
                    assert!(is_woken, "poll {polls}");
                    (polls, is_woken) = (polls + 1, false);
                }
                _ => {}
            }
        }
        assert_eq!(polls, 4);
    }
}

/// A hook of the runtime is user code, but no part of a poll.
#[test]
fn a_hook_is_not_part_of_the_next_poll() {
    let installs: [fn(&mut Builder, Hook) -> &mut Builder; 4] = [
        |builder, hook| builder.on_thread_park(hook),
        |builder, hook| builder.on_thread_unpark(hook),
        |builder, hook| builder.on_before_task_poll(move |_| hook()),
        |builder, hook| builder.on_after_task_poll(move |_| hook()),
    ];
    for install in installs {
        for mut builder in [multi(), current()] {
            builder.worker_threads(1);
            let recorder: Arc<OnceLock<Recorder>> = Arc::default();
            let to_mark = recorder.clone();
            let hook = move || {
                if let Some(recorder) = to_mark.get() {
                    thread::sleep(PAUSE);
                    mark(recorder);
                }
            };
            install(&mut builder, Box::new(hook));
            let recording = recorded(builder, || async {
                let handle = Handle::current();
                recorder.set(handle.recorder()).unwrap();
                for _ in 0..5 {
                    let waits = selvedge::time::sleep(Duration::from_millis(1));
                    selvedge::spawn(waits).await.unwrap();
                }
            });
            assert_between_polls(&recording, PollKind::Task);
        }
    }
}

type Hook = Box<dyn Fn() + Send + Sync>;
