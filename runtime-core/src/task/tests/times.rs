//! Tests of a task's times at each moment of its life.

use super::*;

fn nanos(count: u64) -> Duration {
    Duration::from_nanos(count)
}

fn seen(times: &Times, now: u64) -> TaskTimes {
    times.seen_at(now, times.began.get(), times.ended.get())
}

#[test]
fn a_poll_counts_while_it_goes_on_and_after() {
    let times = Times::default();
    times.spawned.set(100);
    let new = seen(&times, 150);
    assert_eq!(
        (new.age(), new.busy(), new.since_poll()),
        (nanos(50), nanos(0), None)
    );
    assert_eq!(new.to_string(), "50.0ns old, never polled");

    times.began.set(200);
    let polled = seen(&times, 260);
    assert_eq!(
        (polled.busy(), polled.longest_poll()),
        (nanos(60), nanos(60))
    );
    assert_eq!(polled.since_poll(), Some(Duration::ZERO));

    times.busy.set(80);
    times.longest.set(80);
    times.began.set(0);
    times.ended.set(280);
    let idle = seen(&times, 300);
    assert_eq!(
        (idle.busy(), idle.since_poll()),
        (nanos(80), Some(nanos(20)))
    );

    times.began.set(400);
    let again = seen(&times, 410);
    assert_eq!((again.busy(), again.longest_poll()), (nanos(90), nanos(80)));
    assert_eq!(
        again.to_string(),
        "310.0ns old, 90.0ns in polls, longest 80.0ns, last 0.0ns ago"
    );
}

#[test]
fn polls_are_added_up_and_the_longest_is_kept() {
    let times = Times::new();
    assert_ne!(times.spawned.get(), 0);
    let mut longest = 0;
    for _ in 0..3 {
        let before = times.busy.get();
        times.poll_begins();
        let began = times.began.get();
        while clock::nanos() <= began + 1_000 {}
        times.poll_ends();
        let took = times.busy.get() - before;
        assert!(took > 1_000);
        longest = longest.max(took);
        assert_eq!(times.longest.get(), longest);
        assert_eq!(times.began.get(), 0);
        assert!(times.ended.get() > began);
    }
    times.restart();
    assert_eq!(seen(&times, times.spawned.get()).busy(), Duration::ZERO);
    assert_eq!(seen(&times, times.spawned.get()).since_poll(), None);
}

/// Times may be switched on during a poll.
#[test]
fn an_end_without_a_begin_is_nothing() {
    let times = Times::default();
    times.poll_ends();
    assert_eq!((times.busy.get(), times.ended.get()), (0, 0));
}
