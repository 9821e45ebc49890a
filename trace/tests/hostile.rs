//! Bytes that were made to do harm: an error or a recording, never a panic or memory without bound.

use proptest::prelude::*;
use selvedge_trace::{Analysis, EventKind, Queue, Recording};

/// A first page, and chunks whose words are likely to look like something.
fn bytes(words: Vec<u64>) -> Vec<u8> {
    let mut all = vec![0; 512];
    all[0] = u64::from_le_bytes(*b"SELVEDGE");
    all[1] = 1;
    all[6] = 1 << 32;
    all.extend(words);
    all.iter()
        .flat_map(|word: &u64| word.to_le_bytes())
        .collect()
}

fn word() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0u64..40,
        1 => any::<u64>(),
        1 => (0u64..64).prop_map(|shift| 1 << shift),
        // A string's kind and length; a record's kind and thread.
        2 => (0u64..5, 0u64..40).prop_map(|(kind, len)| kind | len << 32),
        2 => (0u64..30, 0u64..3, 0u64..5).prop_map(|(kind, thread, detail)| kind | thread << 8 | detail << 24),
        2 => (1u64..20).prop_map(|n| n * 64),
    ]
}

/// A file of a big-endian machine.
#[test]
fn either_order_of_bytes_is_read() {
    let records = [[5, 20 | 1 << 8, 7, 0], [9, 9 | 1 << 8, 0, 0]];
    let mut words = vec![3, (8 + 8) * 8, 0, 2, 0, 0, 0, 0];
    words.extend(records.concat());
    let text = [*b"the name", *b" of a ma", *b"rk\0\0\0\0\0\0"].map(u64::from_le_bytes);
    words.extend([2, (8 + 6) * 8, 6, 0, 0, 0, 0, 0]);
    words.extend([7, 2 | 18 << 32, 0]);
    words.extend(text);
    let low_first = bytes(words);
    let high_first: Vec<u8> = low_first
        .chunks_exact(8)
        .flat_map(|word| word.iter().rev().copied())
        .collect();
    let (low, high) = (Recording::read(&low_first), Recording::read(&high_first));
    assert_eq!(low.as_ref().unwrap().events.len(), 2);
    assert_eq!(low.as_ref().unwrap().name(7), "the name of a mark");
    assert_eq!(format!("{low:?}"), format!("{high:?}"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn any_bytes_are_read_or_refused(words in prop::collection::vec(word(), 0..120), cut in 0usize..64) {
        let mut bytes = bytes(words);
        bytes.truncate(bytes.len() - cut.min(bytes.len()));
        if let Ok(recording) = Recording::read(&bytes) {
            prop_assert!(recording.events.len() * 8 <= bytes.len());
            let _ = Analysis::of(&recording);
        }
    }

    /// A record of two events is two events at one time.
    #[test]
    fn a_descriptors_event_and_the_task_it_queues_are_told_apart(task in 0u64.., fd in 0i64..1 << 31, readiness in 0u64..1 << 32, queue in 0u64..3) {
        let words = vec![3, (8 + 4) * 8, 0, 1, 0, 0, 0, 0, 50, 25 | 9 << 8 | queue << 24 | readiness << 32, task, fd as u64];
        let recording = Recording::read(&bytes(words)).unwrap();
        let [io, queued] = recording.events[..] else {
            panic!("{:?}", recording.events);
        };
        let queue = [Queue::Slot, Queue::Local, Queue::Injector][queue as usize];
        prop_assert_eq!(io.kind, EventKind::Io { fd, readiness });
        prop_assert_eq!(queued.kind, EventKind::Queued { task, queue });
        prop_assert_eq!((io.thread, queued.thread), (9, 9));
        prop_assert_eq!(io.nanos, queued.nanos);
    }

    /// Records of all kinds in any order: begins without ends, ends without begins, times at the end of time.
    #[test]
    fn any_events_are_analysed(part in (0u64..1100, 0u64..1100), records in prop::collection::vec((0u64..1000, 0u64..27, 0u64..3, 0u64..4, 0u64..6, 0u64..6), 0..200)) {
        let count = records.len() as u64;
        let mut words = vec![3, (8 + 4 * count) * 8, 7, count, 0, 0, 0, 0];
        for (ticks, kind, thread, detail, a, b) in records {
            words.extend([ticks, kind | thread << 8 | detail << 24, a, b]);
        }
        let recording = Recording::read(&bytes(words)).unwrap();
        prop_assert_eq!(recording.lost, 7);
        let analysis = Analysis::of(&recording);
        prop_assert!(analysis.polls.iter().all(|poll| poll.time.end >= poll.time.begin));
        let analysis = Analysis::of_part(&recording, part.0, part.1);
        prop_assert!(analysis.polls.iter().all(|poll| poll.time.end >= poll.time.begin));
        prop_assert!(analysis.wakes.iter().all(|wake| part.0 <= wake.nanos && wake.nanos <= part.1));
    }
}
