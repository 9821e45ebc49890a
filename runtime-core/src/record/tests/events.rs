//! Tests of what each event writes, when it shares the time of the event before, and what a thread remembers. The process has
//! one recorder: what other threads write meanwhile is in their own rings.

use super::read::{Read, Told, thread_of, told};
use crate::base::clock;
use crate::base::waits::{self, WaitKind};
use crate::record::event::Kind;
use crate::record::{self, Outcome, Poll, Queue, RecordOptions, Recorder};
use std::panic::Location;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// Kinds, as the format has them.
const CLOCK: u64 = 1;
const MARK: u64 = 15;

/// Records `f` on a thread of its own. Returns what that thread wrote, without records of the clock. One test at a time.
fn recorded(options: &RecordOptions, f: impl FnOnce() + Send + 'static) -> (Read, Vec<[u64; 4]>) {
    let _alone = alone();
    recorded_alone(options, f)
}

/// The process has one recorder: one test at a time.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn recorded_alone(
    options: &RecordOptions,
    f: impl FnOnce() + Send + 'static,
) -> (Read, Vec<[u64; 4]>) {
    let recorder = Recorder::new();
    recorder.start(options).unwrap();
    assert!(recorder.is_on());
    let thread = thread::Builder::new().name("recorded".to_owned());
    thread.spawn(f).unwrap().join().unwrap();
    recorder.stop();
    assert!(!recorder.is_on());
    let read = Read::of(&recorder.snapshot().unwrap());
    let threads = read.threads("recorded");
    let records = read.rings.iter().flat_map(|ring| &ring.records).copied();
    let records = records
        .filter(|record| threads.contains(&thread_of(record)))
        .filter(|record| told(record).kind != CLOCK)
        .collect();
    (read, records)
}

/// What `f` writes, for other rooms' tests: kind, detail, `a` and `b` of each event.
pub(crate) fn written_by(f: impl FnOnce() + Send + 'static) -> Vec<[u64; 4]> {
    let (_, records) = recorded(&RecordOptions::new(), f);
    let told = records.iter().map(told);
    told.map(|told| [told.kind, told.detail, told.a, told.b])
        .collect()
}

fn event(kind: u64, detail: u64, a: u64, b: u64) -> Told {
    Told { kind, detail, a, b }
}

/// A name's key, by the published constants of FNV-1a.
fn key_of(name: &str) -> u64 {
    let mut hash: u64 = 14_695_981_039_346_656_037;
    for byte in name.bytes() {
        hash ^= u64::from(byte);
        hash = hash.wrapping_mul(1_099_511_628_211);
    }
    hash
}

fn all_events(place: &'static Location<'static>) {
    record::spawned(7, 3, place, None);
    record::spawned(8, 0, place, Some("the name"));
    record::poll_begin(7, place, Poll::Task);
    record::poll_end(7, Outcome::Ready);
    record::poll_begin(8, place, Poll::Blocking);
    record::poll_end(8, Outcome::Panicked);
    record::poll_begin(9, place, Poll::BlockOn);
    record::poll_end(9, Outcome::Pending);
    record::poll_end(9, Outcome::Cancelled);
    record::woken(9);
    record::queued(7, Queue::Slot);
    record::queued(7, Queue::Local);
    record::queued(8, Queue::Injector);
    record::cancelled(7);
    record::stolen(5, 2);
    record::park(true);
    record::unpark(false);
    record::park(false);
    record::unpark(true);
    record::io(4, 3);
    record::io(5, 0x81);
    record::queued(9, Queue::Injector);
    record::queued(9, Queue::Local);
    record::timers(6);
    record::in_place_begin(7);
    record::in_place_end(8);
    record::runtime_start(1, 4);
    record::runtime_end(2);
    record::worker(1, 3);
    record::stuck(1, 2);
    Recorder::new().mark("queue", 17);
    drop(Recorder::new().span("parse"));
}

#[test]
fn each_event_is_told_with_its_numbers() {
    let place = Location::caller();
    let (read, records) = recorded(&RecordOptions::new(), move || all_events(place));
    let key = std::ptr::from_ref(place) as u64;
    let expected = [
        event(2, 3, 7, key),
        event(2, 0, 8, key),
        event(3, 0, 8, key_of("the name")),
        event(4, 0, 7, key),
        event(5, 1, 7, 0),
        event(4, 1, 8, key),
        event(5, 2, 8, 0),
        event(4, 2, 9, key),
        event(5, 0, 9, 0),
        event(5, 3, 9, 0),
        event(6, 0, 9, 0),
        event(7, 0, 7, 0),
        event(7, 1, 7, 0),
        event(7, 2, 8, 0),
        event(21, 0, 7, 0),
        event(8, 2, 5, 0),
        event(9, 1, 0, 0),
        event(10, 0, 0, 0),
        event(9, 0, 0, 0),
        event(10, 1, 0, 0),
        event(11, 3, 4, 0),
        event(25, 2 | 0x81 << 8, 9, 5),
        event(7, 1, 9, 0),
        event(12, 0, 6, 0),
        event(13, 0, 7, 0),
        event(14, 0, 8, 0),
        event(18, 0, 1, 4),
        event(19, 0, 2, 0),
        event(20, 3, 1, 0),
        event(23, 2, 1, 0),
        event(15, 0, key_of("queue"), 17),
        event(16, 0, key_of("parse"), 0),
        event(17, 0, key_of("parse"), 0),
    ];
    let found: Vec<Told> = records.iter().map(told).collect();
    assert_eq!(found, expected);
    let text = |kind, key| {
        let text = read.strings.iter().find(|t| (t.kind, t.key) == (kind, key));
        let text = text.unwrap();
        (text.text.as_str(), text.place)
    };
    let (line, column) = (place.line().into(), place.column().into());
    assert_eq!(text(1, key), (place.file(), (line, column)));
    for name in ["the name", "queue", "parse"] {
        assert_eq!(text(2, key_of(name)), (name, (0, 0)));
    }
}

/// It is held back until the next event of its thread, of any kind, or the thread's end.
#[test]
fn an_event_of_the_system_is_held_back_for_the_task_that_it_queues() {
    let place = Location::caller();
    type Next = fn(&'static Location<'static>);
    let io = event(11, 3, 4, 0);
    let delivered = event(25, 1 | 3 << 8, 7, 4);
    let nexts: [(Next, &[Told]); 8] = [
        (|_| record::queued(7, Queue::Local), &[delivered]),
        (
            |_| {
                record::queued(7, Queue::Local);
                record::queued(8, Queue::Slot);
            },
            &[delivered, event(7, 0, 8, 0)],
        ),
        (
            |_| {
                record::time_passes();
                record::queued(7, Queue::Local);
            },
            &[io, event(7, 1, 7, 0)],
        ),
        (|_| record::io(5, 1), &[io, event(11, 1, 5, 0)]),
        (|_| record::woken(7), &[io, event(6, 0, 7, 0)]),
        (|_| record::park(true), &[io, event(9, 1, 0, 0)]),
        (
            |_| record::poll_end(7, Outcome::Ready),
            &[io, event(5, 1, 7, 0)],
        ),
        (|_| (), &[io]),
    ];
    for (next, expected) in nexts {
        let (_, records) = recorded(&RecordOptions::new(), move || {
            record::io(4, 3);
            tick();
            next(place);
        });
        let found: Vec<Told> = records.iter().map(told).collect();
        assert_eq!(found, expected);
        let times: Vec<u64> = records.iter().map(|record| record[0]).collect();
        assert!(times.is_sorted());
    }
}

/// A record of the clock that is due comes first.
#[test]
fn what_is_held_back_outlasts_a_record_of_the_clock() {
    let options = RecordOptions::new().ring_bytes(8 * 8_192 * 32);
    let (read, records) = recorded(&options, || {
        (0..1_024).for_each(record::woken);
        record::io(4, 3);
        record::queued(7, Queue::Local);
    });
    let last = records.last().map(told);
    assert_eq!(last, Some(event(25, 1 | 3 << 8, 7, 4)));
    let ring = read.ring_of(read.threads("recorded")[0]);
    let before = ring.records.iter().rev().nth(1).map(told);
    assert_eq!(before.unwrap().kind, CLOCK);
}

/// It has also written what it had held back.
#[test]
fn a_thread_that_joins_again_has_left_before() {
    let mut written = written_by(|| {
        record::io(4, 3);
        record::note_worker();
        record::woken(7);
    });
    written.sort();
    assert_eq!(written, [[6, 0, 7, 0], [11, 3, 4, 0]]);
}

/// Such as an event of an allocator that records, and that the recorder calls.
#[test]
fn an_event_within_another_is_left_out() {
    let written = written_by(|| {
        record::woken(1);
        record::thread::with(|_| record::woken(2));
        record::woken(3);
    });
    let tasks: Vec<u64> = written.iter().map(|[_, _, task, _]| *task).collect();
    assert_eq!(tasks, [1, 3]);
}

/// Destructors of thread-locals may have events when the thread's `Local` is gone.
#[test]
fn an_event_of_a_threads_very_end_is_left_out() {
    struct Last;

    impl Drop for Last {
        fn drop(&mut self) {
            record::woken(2);
        }
    }

    std::thread_local!(static LAST: Last = const { Last });

    let written = written_by(|| {
        LAST.with(|_| ());
        record::woken(1);
    });
    let tasks: Vec<u64> = written.iter().map(|[_, _, task, _]| *task).collect();
    assert_eq!(tasks, [1]);
}

/// It comes with a record of the clock, if the last such record is 50 ms old.
#[cfg(target_os = "linux")]
#[test]
fn how_long_a_thread_waited_is_told_from_time_to_time() {
    let (send, after_the_sleep) = std::sync::mpsc::channel();
    let options = RecordOptions::new().ring_bytes(8 * 8_192 * 32);
    let (read, _) = recorded(&options, move || {
        record::woken(1);
        thread::sleep(std::time::Duration::from_millis(60));
        send.send(clock::ticks()).unwrap();
        (0..2_048).for_each(record::woken);
    });
    let after = after_the_sleep.recv().unwrap();
    let threads = read.threads("recorded");
    let is_its = |record: &&[u64; 4]| threads.contains(&thread_of(record));
    let mut its = read.waits.iter().filter(is_its);
    assert!(its.any(|record| record[0] >= after));
}

/// A later event of the system does not change its time.
#[test]
fn what_is_held_back_keeps_its_time() {
    let (_, records) = recorded(&RecordOptions::new(), || {
        record::io(4, 3);
        tick();
        record::time_passes();
        record::io(5, 3);
        tick();
        record::woken(7);
    });
    let times: Vec<u64> = records.iter().map(|record| record[0]).collect();
    assert!(times[0] < times[1] && times[1] < times[2], "{times:?}");
}

#[test]
fn nothing_is_told_while_nothing_is_recorded() {
    let place = Location::caller();
    let _alone = alone();
    let (before, records) = recorded_alone(&RecordOptions::new(), || record::woken(1));
    assert_eq!(records.len(), 1);
    // That thread has ended; the next one has never been recorded.
    let name = "told of nothing";
    let thread = thread::Builder::new().name(name.to_owned());
    let silent = thread.spawn(move || all_events(place)).unwrap();
    silent.join().unwrap();
    assert!(before.threads(name).is_empty());
    if let Ok(snapshot) = Recorder::new().snapshot() {
        let read = Read::of(&snapshot);
        let threads = read.threads(name);
        let records = read.rings.iter().flat_map(|ring| &ring.records);
        assert_eq!(
            records.filter(|r| threads.contains(&thread_of(r))).count(),
            0
        );
    }
}

/// What a thread does, and whether it shares the time of what it did before.
type Step = (fn(&'static Location<'static>), bool);

/// Waits until the clock shows another time.
fn tick() {
    let before = clock::ticks();
    while clock::ticks() == before {}
}

/// An event that comes at once after another needs no clock read.
#[test]
fn some_events_share_the_time_of_the_one_before() {
    let place = Location::caller();
    let steps: [Step; 27] = [
        (|_| record::park(true), false),
        (|_| record::unpark(false), false),
        (|_| record::io(1, 1), true),
        (|_| record::queued(1, Queue::Local), true),
        (|_| record::io(2, 1), true),
        (|_| record::queued(2, Queue::Local), true),
        (|place| record::poll_begin(1, place, Poll::Task), true),
        (|_| record::queued(3, Queue::Local), false),
        (|_| record::poll_end(1, Outcome::Ready), false),
        (|place| record::poll_begin(2, place, Poll::Task), true),
        (|_| record::poll_end(2, Outcome::Ready), false),
        // A task is queued between two polls: the next poll begins then, too.
        (|_| record::queued(4, Queue::Local), false),
        (|place| record::poll_begin(3, place, Poll::Task), true),
        (|_| record::poll_end(3, Outcome::Ready), false),
        (|_| record::io(3, 1), false),
        (|_| record::queued(5, Queue::Local), true),
        (|_| record::timers(1), false),
        (|_| record::queued(6, Queue::Local), true),
        (|_| record::woken(1), false),
        (|place| record::poll_begin(4, place, Poll::Task), false),
        (|_| record::io(4, 1), false),
        (
            |place| {
                record::time_passes();
                record::poll_begin(5, place, Poll::Task);
            },
            false,
        ),
        (|_| record::poll_end(5, Outcome::Ready), false),
        (
            |place| {
                record::time_passes();
                record::poll_begin(6, place, Poll::Task);
            },
            false,
        ),
        (|_| record::poll_end(6, Outcome::Pending), false),
        (|place| record::poll_begin(6, place, Poll::Task), true),
        (|_| record::poll_end(6, Outcome::Ready), false),
    ];
    let (_, records) = recorded(&RecordOptions::new(), move || {
        for (step, _) in steps {
            tick();
            step(place);
        }
    });
    // One record has an event of the system and the task that it queues.
    let parts = |record: [u64; 4]| match told(&record).kind == Kind::Delivered as u64 {
        true => vec![record; 2],
        false => vec![record],
    };
    let records: Vec<_> = records.into_iter().flat_map(parts).collect();
    let mut before = 0;
    for (record, (_, shares)) in records.iter().zip(steps) {
        assert!(record[0] >= before);
        assert_eq!(record[0] == before, shares, "{:?}", told(record));
        before = record[0];
    }
    assert_eq!(records.len(), steps.len());
}

#[test]
fn the_clock_is_told_at_first_and_then_from_time_to_time() {
    let options = RecordOptions::new().ring_bytes(8 * 8_192 * 32);
    let (read, _) = recorded(&options, || (0..2_050).for_each(record::woken));
    let ring = read.ring_of(read.threads("recorded")[0]);
    let clocks = ring.records.iter().enumerate();
    let clocks: Vec<usize> = clocks
        .filter(|(_, record)| told(record).kind == CLOCK)
        .map(|(at, _)| at)
        .collect();
    // Before each 1,024 events.
    assert_eq!(clocks, [0, 1_025, 2_050]);
}

/// By default a worker keeps 8,192 records and another thread 1,024; a thread that becomes a worker joins again.
#[test]
fn a_thread_that_turns_into_a_worker_has_a_larger_ring() {
    let marks = |records: &[[u64; 4]]| {
        let marks = records.iter().map(told).filter(|told| told.kind == MARK);
        marks.map(|mark| mark.b).collect::<Vec<u64>>()
    };
    let (_, records) = recorded(&RecordOptions::new(), || {
        let recorder = Recorder::new();
        (0..20_000).for_each(|n| recorder.mark("before", n));
    });
    let last = *marks(&records).first().unwrap();
    assert!((20_000 - 1_024..20_000 - 1_000).contains(&last), "{last}");
    let (read, records) = recorded(&RecordOptions::new(), || {
        let recorder = Recorder::new();
        recorder.mark("before", 0);
        // The second time changes nothing.
        for index in 0..2 {
            record::worker(1, index);
            (1..2_000).for_each(|n| recorder.mark("after", n));
        }
    });
    let expected: Vec<u64> = [0].into_iter().chain(1..2_000).chain(1..2_000).collect();
    assert_eq!(marks(&records), expected);
    assert_eq!(read.threads("recorded").len(), 2);
}

/// A place is written once however often it comes, and however many others come in between.
#[test]
fn places_are_written_once() {
    let many = many_places();
    let places = many.clone();
    let options = RecordOptions::new().ring_bytes(8 * 4_096 * 32);
    let (read, records) = recorded(&options, move || {
        for round in 0..3 {
            for place in &places {
                record::poll_begin(round, place, Poll::Task);
            }
        }
    });
    assert_eq!(records.len(), 3 * many.len());
    for place in many {
        let key = std::ptr::from_ref(place) as u64;
        let texts = read.strings.iter();
        let texts = texts.filter(|text| (text.kind, text.key) == (1, key));
        assert_eq!(texts.count(), 1);
    }
}

/// More places than a thread remembers.
fn many_places() -> Vec<&'static Location<'static>> {
    (0..600)
        .map(|_| &*Box::leak(Box::new(*Location::caller())))
        .collect()
}

#[test]
fn the_next_recording_begins_anew_and_the_last_one_is_kept() {
    let (first, records) = recorded(&RecordOptions::new(), || record::woken(1));
    assert_eq!(records.len(), 1);
    let (second, records) = recorded(&RecordOptions::new(), || {
        record::woken(2);
        // The thread changes to a new recording while it runs.
        Recorder::new().start(&RecordOptions::new()).unwrap();
        record::woken(3);
    });
    assert_eq!(records.iter().map(|r| r[2]).collect::<Vec<_>>(), [3]);
    let begun = |read: &Read| read.head[5];
    assert!(begun(&second) >= begun(&first));
}

#[test]
fn recordings_are_numbered_from_1_over_and_over() {
    use crate::record::recorder::number_after;

    let after = [None, Some(1), Some(2), Some(u32::MAX)].map(number_after);
    assert_eq!(after, [1, 2, 3, 1]);
}

/// A thread leaves its ring behind, and later threads go on in it. Other tests' threads may take some of the rings.
#[test]
fn threads_that_end_leave_their_rings() {
    const THREADS: usize = 64;

    let (read, _) = recorded(&RecordOptions::new(), || {
        for n in 0..THREADS as u64 {
            let thread = thread::Builder::new().name("leaves".to_owned());
            let thread = thread.spawn(move || record::woken(n)).unwrap();
            thread.join().unwrap();
        }
    });
    let threads = read.threads("leaves");
    assert_eq!(threads.len(), THREADS);
    let of_one = |record: &[u64; 4]| threads.contains(&thread_of(record));
    let rings = read.rings.iter();
    let rings = rings.filter(|ring| ring.records.iter().any(of_one));
    assert!(rings.count() < THREADS);
}

#[test]
fn a_ring_is_as_large_as_it_is_told_and_no_smaller_than_64_records() {
    let _alone = alone();
    let size = |options: &RecordOptions| {
        Recorder::new().start(options).unwrap();
        super::ring_bytes()
    };
    assert_eq!(size(&RecordOptions::new()), 262_144);
    let told = [(0, 2048), (2047, 2048), (2048, 2048), (2080, 2080)];
    for (bytes, expected) in told {
        assert_eq!(size(&RecordOptions::new().ring_bytes(bytes)), expected);
    }
    Recorder::new().stop();
}

/// None of a poll's waits is written if the poll is ready.
#[test]
fn what_is_ready_waits_for_nothing() {
    let polls = || {
        let _notes = waits::Poll::begin();
        waits::note(WaitKind::Join, 1);
        waits::note(WaitKind::Sleep, 2);
        record::poll_end(7, Outcome::Ready);
        record::poll_end(7, Outcome::Pending);
    };
    let (_, records) = recorded(&RecordOptions::new(), polls);
    let (join, sleep) = (WaitKind::Join as u64, WaitKind::Sleep as u64);
    let expected = [
        event(5, 1, 7, 0),
        event(22, sleep, 2, 0),
        event(5, join << 8, 7, 1),
    ];
    let records: Vec<Told> = records.iter().map(told).collect();
    assert_eq!(records, expected);
}

/// The header page has the count of events that found no ring.
#[test]
fn events_that_find_no_ring_are_counted() {
    const MISSED: usize = 7;

    let _alone = alone();
    let recorder = Recorder::new();
    recorder.start(&RecordOptions::new()).unwrap();
    super::super::session().unwrap().fill();
    let missed = || {
        let bytes = recorder.snapshot().unwrap();
        u64::from_le_bytes(bytes[8 * MISSED..][..8].try_into().unwrap())
    };
    let before = missed();
    thread::spawn(move || recorder.mark("n", 1)).join().unwrap();
    assert!(missed() > before);
    recorder.stop();
}
