//! The user's spans: which task each is on, and which end belongs to which span.

use selvedge_trace::{Analysis, Event, EventKind, Outcome, PollKind, Recording, SpanTotal};

const OUTER: u64 = 100;
const INNER: u64 = 101;

fn recording(kinds: &[EventKind]) -> Recording {
    let events = kinds.iter().zip(1..).map(|(kind, nanos)| Event {
        nanos: nanos * 10,
        thread: 1,
        kind: *kind,
    });
    Recording {
        events: events.collect(),
        names: [(OUTER, "outer".into()), (INNER, "inner".into())].into(),
        ..Recording::default()
    }
}

fn poll(task: u64, inside: &[EventKind]) -> Vec<EventKind> {
    let begin = EventKind::PollBegin {
        task,
        place: 0,
        poll: PollKind::Task,
    };
    let end = EventKind::PollEnd {
        task,
        outcome: Outcome::Pending,
        wait: None,
    };
    [&[begin], inside, &[end]].concat()
}

fn begin(name: u64) -> EventKind {
    EventKind::SpanBegin { name }
}

fn end(name: u64) -> EventKind {
    EventKind::SpanEnd { name }
}

/// Task, name, begin and end of each span.
fn spans(kinds: &[EventKind]) -> Vec<(u64, u64, u64, u64)> {
    let analysis = Analysis::of(&recording(kinds));
    let spans = analysis.spans.iter();
    spans
        .map(|span| (span.task, span.name, span.time.begin, span.time.end))
        .collect()
}

#[test]
fn a_span_is_of_the_task_that_is_polled() {
    let mut kinds = poll(7, &[begin(OUTER), end(OUTER)]);
    kinds.extend([begin(INNER), end(INNER)]);
    assert_eq!(spans(&kinds), [(7, OUTER, 20, 30), (0, INNER, 50, 60)]);
}

#[test]
fn an_end_closes_the_innermost_span_of_its_name() {
    let crossed = [begin(OUTER), begin(INNER), end(OUTER), end(INNER)];
    assert_eq!(spans(&crossed), [(0, OUTER, 10, 30), (0, INNER, 20, 40)]);
    let nested = [begin(OUTER), begin(OUTER), end(OUTER), end(OUTER)];
    assert_eq!(spans(&nested), [(0, OUTER, 10, 40), (0, OUTER, 20, 30)]);
}

#[test]
fn an_end_without_a_begin_closes_nothing() {
    let kinds = [begin(OUTER), end(INNER), end(OUTER)];
    assert_eq!(spans(&kinds), [(0, OUTER, 10, 30)]);
}

#[test]
fn a_span_without_an_end_goes_on_to_the_last_event() {
    let kinds = poll(7, &[begin(OUTER)]);
    assert_eq!(spans(&kinds), [(7, OUTER, 20, 30)]);
}

#[test]
fn times_are_added_up_by_name() {
    let crossed = [begin(OUTER), begin(INNER), end(OUTER), end(INNER)];
    let recording = recording(&[&crossed[..], &[begin(INNER), end(INNER)]].concat());
    let totals = Analysis::of(&recording).span_totals(&recording);
    let total = |name: &str, times, total, longest| SpanTotal {
        name: name.into(),
        times,
        total,
        longest,
    };
    assert_eq!(
        totals,
        [total("inner", 2, 30, 20), total("outer", 1, 20, 20)]
    );
}
