//! What a recording has of the spans that a program enters and leaves.

use selvedge::runtime::{Builder, RecordOptions, Recorder, Runtime};
use selvedge::task::yield_now;
use selvedge_spans::RecorderLayer;
use selvedge_trace::{Analysis, EventKind, Recording};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use tracing::{Instrument, info_span};
use tracing_subscriber::prelude::*;

/// The recorder is the process's: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

struct Recorded {
    runtime: Runtime,
    recorder: Recorder,
    _subscriber: tracing::subscriber::DefaultGuard,
    _alone: MutexGuard<'static, ()>,
}

/// The layer on this thread, and nothing recorded yet.
fn set_up() -> Recorded {
    let alone = ALONE.lock().unwrap_or_else(|failed| failed.into_inner());
    let runtime = Builder::new_current_thread().build().unwrap();
    let recorder = runtime.handle().recorder();
    let subscriber = tracing_subscriber::registry().with(RecorderLayer::new(recorder));
    Recorded {
        recorder,
        runtime,
        _subscriber: tracing::subscriber::set_default(subscriber),
        _alone: alone,
    }
}

impl Recorded {
    fn start(&self) {
        self.recorder.start(&RecordOptions::new()).unwrap();
    }

    fn stop(&self) -> Recording {
        let bytes = self.recorder.snapshot().unwrap();
        self.recorder.stop();
        Recording::read(&bytes).unwrap()
    }
}

/// Begins and ends by their names, in their order.
fn changes(recording: &Recording) -> Vec<(char, &str)> {
    let events = recording.events.iter();
    events
        .filter_map(|event| match event.kind {
            EventKind::SpanBegin { name } => Some(('+', recording.name(name))),
            EventKind::SpanEnd { name } => Some(('-', recording.name(name))),
            _ => None,
        })
        .collect()
}

#[test]
fn spans_of_async_code_are_on_their_tasks_in_each_poll() {
    async fn turns(count: usize) {
        for _ in 0..count {
            async { yield_now().await }
                .instrument(info_span!("turn"))
                .await;
        }
    }
    let recorded = set_up();
    recorded.start();
    let ids = recorded.runtime.block_on(async {
        let first = selvedge::spawn(turns(3).instrument(info_span!("first")));
        let second = selvedge::spawn(turns(1).instrument(info_span!("second")));
        let ids = [first.id(), second.id()].map(|id| id.to_string().parse::<u64>().unwrap());
        first.await.unwrap();
        second.await.unwrap();
        ids
    });
    let recording = recorded.stop();
    let analysis = Analysis::of(&recording);
    let mut polls: BTreeMap<(&str, u64), usize> = BTreeMap::new();
    for span in &analysis.spans {
        *polls
            .entry((recording.name(span.name), span.task))
            .or_default() += 1;
        let is_within = |poll: &&selvedge_trace::Poll| {
            poll.task == span.task
                && poll.time.begin <= span.time.begin
                && span.time.end <= poll.time.end
        };
        assert!(
            analysis.polls.iter().any(|poll| is_within(&poll)),
            "{span:?}"
        );
    }
    // A poll more than turns that are given up; a future that is dropped is entered once more.
    let of = |name, task| polls.get(&(name, task)).copied().unwrap_or(0);
    assert_eq!((of("first", ids[0]), of("second", ids[1])), (4 + 1, 2 + 1));
    assert_eq!((of("first", ids[1]), of("second", ids[0])), (0, 0));
    assert_eq!((of("turn", ids[0]), of("turn", ids[1])), (3 * 3, 3));
}

#[test]
fn spans_may_be_left_in_any_order() {
    let recorded = set_up();
    recorded.start();
    let (outer, inner) = (info_span!("outer"), info_span!("inner"));
    let (in_outer, in_inner) = (outer.enter(), inner.enter());
    drop(in_outer);
    drop(in_inner);
    let recording = recorded.stop();
    let expected = [
        ('+', "outer"),
        ('+', "inner"),
        ('-', "outer"),
        ('-', "inner"),
    ];
    assert_eq!(changes(&recording), expected);
}

#[test]
fn a_span_that_is_entered_twice_ends_twice() {
    let recorded = set_up();
    recorded.start();
    let span = info_span!("again");
    span.in_scope(|| span.in_scope(|| {}));
    let recording = recorded.stop();
    let expected = [
        ('+', "again"),
        ('+', "again"),
        ('-', "again"),
        ('-', "again"),
    ];
    assert_eq!(changes(&recording), expected);
}

#[test]
fn nothing_ends_that_has_not_begun_in_the_recording() {
    let recorded = set_up();
    let (before, within, other) = (
        info_span!("before"),
        info_span!("within"),
        info_span!("other"),
    );
    let in_before = before.enter();
    recorded.start();
    drop(in_before);
    let in_within = within.enter();
    let first = recorded.stop();
    assert_eq!(changes(&first), [('+', "within")]);
    // A look while nothing is recorded, then another recording.
    other.in_scope(|| {});
    recorded.start();
    drop(in_within);
    other.in_scope(|| {});
    let second = recorded.stop();
    assert_eq!(changes(&second), [('+', "other"), ('-', "other")]);
}

#[test]
fn a_thread_that_ends_leaves_its_spans() {
    let recorded = set_up();
    recorded.start();
    let dispatch = tracing::dispatcher::get_default(Clone::clone);
    let thread = std::thread::spawn(move || {
        tracing::dispatcher::with_default(&dispatch, || {
            std::mem::forget(info_span!("for ever").entered());
        });
    });
    thread.join().unwrap();
    let recording = recorded.stop();
    assert_eq!(changes(&recording), [('+', "for ever"), ('-', "for ever")]);
}
