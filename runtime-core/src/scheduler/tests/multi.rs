//! A worker's core by itself.

use super::*;

/// The current interval is shortened too: a worker whose polls have become long does not first finish an interval for short polls.
#[test]
fn a_shorter_interval_begins_at_once() {
    let config = Config::new(Some(1), "test");
    let (policy, mut queues) = MultiThread::new(&config, 1);
    let seed = RngSeed::from_bytes(b"any");
    let mut core = WorkerCore::new(&config, &seed, 0, queues.remove(0));
    let polls = 3;
    let poll = INJECTOR_LATENCY / polls;
    policy
        .counters(0)
        .mean_poll_nanos
        .set(poll.as_nanos() as u64);
    core.tune(&config, policy.counters(0));
    let turns = [(); 6].map(|()| core.is_injectors_turn());
    assert_eq!(turns, [false, false, true, false, false, true]);
}
