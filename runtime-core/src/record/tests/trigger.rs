//! Tests of triggers: how they are parsed, what their texts are, and which of several counts.

use super::*;
use crate::record::RecordOptions;

const MS: Duration = Duration::from_millis(1);

#[test]
fn what_the_environment_says_is_read() {
    let all = [
        SnapshotTrigger::LongPoll(50 * MS),
        SnapshotTrigger::LongDelay(2_000 * MS),
        SnapshotTrigger::Stall,
        SnapshotTrigger::Panic,
    ];
    assert_eq!(parse("poll=50ms, ready=2s,stall,,panic"), Ok(all.to_vec()));
    assert_eq!(parse(""), Ok(vec![]));
    for wrong in [
        "poll",
        "poll=",
        "poll=soon",
        "stall=1s",
        "panic=",
        "ready",
        "all",
    ] {
        assert_eq!(parse(&format!("stall,{wrong}")), Err(wrong));
    }
}

#[test]
fn each_says_what_it_is() {
    let told = [
        (
            SnapshotTrigger::LongPoll(50 * MS),
            "a poll longer than 50ms",
        ),
        (
            SnapshotTrigger::LongDelay(MS),
            "a task that was ready for longer than 1ms",
        ),
        (SnapshotTrigger::Stall, "a stall"),
        (SnapshotTrigger::Panic, "a panic"),
    ];
    for (trigger, text) in told {
        assert_eq!(trigger.to_string(), text);
    }
    let options = RecordOptions::new()
        .snapshot_on(SnapshotTrigger::Stall)
        .on_snapshot(|_, _| ());
    let told = format!("{options:?}");
    assert!(
        told.contains("[Stall]") && told.contains("most: 8"),
        "{told}"
    );
}

#[test]
fn the_strictest_of_several_counts_and_none_is_never() {
    let asked = Asked {
        long_poll: AtomicU64::new(0),
        long_delay: AtomicU64::new(0),
        stall: AtomicBool::new(true),
        panic: AtomicBool::new(true),
    };
    let read = || {
        (
            asked.long_poll.load(Ordering::Relaxed),
            asked.long_delay.load(Ordering::Relaxed),
            asked.stall.load(Ordering::Relaxed),
            asked.panic.load(Ordering::Relaxed),
        )
    };
    asked.set(&[]);
    assert_eq!(read(), (u64::MAX, u64::MAX, false, false));
    asked.set(&[
        SnapshotTrigger::LongPoll(3 * MS),
        SnapshotTrigger::LongPoll(MS),
        SnapshotTrigger::LongPoll(2 * MS),
        SnapshotTrigger::Panic,
    ]);
    assert_eq!(read(), (1_000_000, u64::MAX, false, true));
    asked.set(&[
        SnapshotTrigger::LongDelay(Duration::MAX),
        SnapshotTrigger::Stall,
    ]);
    assert_eq!(read(), (u64::MAX, u64::MAX, true, false));
}
