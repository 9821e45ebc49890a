//! A part of a recording: polls and sleeps that reach into it are there, and counted from its begin on.

use selvedge_trace::{Analysis, Event, EventKind, Outcome, PollKind, Recording, Slice};

fn begin(task: u64) -> EventKind {
    EventKind::PollBegin {
        task,
        place: 0,
        poll: PollKind::Task,
    }
}

fn end(task: u64, outcome: Outcome) -> EventKind {
    EventKind::PollEnd {
        task,
        outcome,
        wait: None,
    }
}

fn analysis(from: u64, to: u64) -> Analysis {
    let spawned = |task| EventKind::Spawned {
        task,
        parent: 0,
        place: 0,
    };
    let on_two = [
        (5, EventKind::Park { with_driver: true }),
        (45, EventKind::Unpark { was_called: false }),
    ];
    let on_one = [
        (1, spawned(7)),
        (2, spawned(8)),
        (10, begin(7)),
        (20, end(7, Outcome::Ready)),
        (21, EventKind::Woken { task: 8 }),
        (25, begin(8)),
        (26, EventKind::SpanBegin { name: 1 }),
        (35, EventKind::SpanEnd { name: 1 }),
        (36, EventKind::Woken { task: 9 }),
        (40, end(8, Outcome::Pending)),
        (50, begin(9)),
        (60, end(9, Outcome::Ready)),
    ];
    let events = on_one.map(|it| (1, it)).into_iter();
    let events = events.chain(on_two.map(|it| (2, it)));
    let mut events: Vec<Event> = events
        .map(|(thread, (nanos, kind))| Event {
            nanos,
            thread,
            kind,
        })
        .collect();
    events.sort_by_key(|event| event.nanos);
    let recording = Recording {
        events,
        ..Recording::default()
    };
    Analysis::of_part(&recording, from, to)
}

fn polls(analysis: &Analysis) -> Vec<(u64, u64, u64)> {
    let polls = analysis.polls.iter();
    polls
        .map(|poll| (poll.task, poll.time.begin, poll.time.end))
        .collect()
}

#[test]
fn what_reaches_into_a_part_is_there_as_a_whole() {
    let part = analysis(30, 55);
    assert_eq!(part.part, Slice { begin: 35, end: 50 });
    assert_eq!(part.events, 5);
    assert_eq!(polls(&part), [(8, 25, 40), (9, 50, 50)]);
    assert_eq!(part.sleeps, [(2, Slice { begin: 5, end: 45 })]);
    assert_eq!(part.spans[0].time, Slice { begin: 26, end: 35 });
    assert_eq!(part.wakes.len(), 1);
    assert_eq!(part.wakes[0].task, 9);
}

#[test]
fn tasks_are_counted_from_the_parts_begin_on() {
    let part = analysis(30, 55);
    // Task 7 had ended. Task 8 was in a poll.
    assert_eq!(part.tasks.keys().copied().collect::<Vec<_>>(), [8, 9]);
    let (task, whole) = (&part.tasks[&8], &analysis(0, u64::MAX).tasks[&8]);
    assert_eq!((task.polls, task.busy, task.wakes), (1, 15, 0));
    assert_eq!((whole.polls, whole.busy, whole.wakes), (1, 15, 1));
    assert_eq!(task.spawned, Some(2));
    // Ready before the part's begin counts.
    assert_eq!(part.tasks[&9].longest_delay, 14);
    assert_eq!(part.threads[&2].parked, 40);
}

#[test]
fn a_part_outside_the_recording_has_what_goes_on() {
    assert_eq!(polls(&analysis(70, 80)), []);
    assert_eq!(polls(&analysis(0, 5)), []);
    let part = analysis(41, 44);
    assert_eq!(
        (part.events, part.polls.len(), part.sleeps.len()),
        (0, 0, 1)
    );
}
