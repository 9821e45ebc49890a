//! Tests of when a condition becomes a finding, and for which tasks.

use super::*;
use crate::driver::Drivers;
use crate::runtime::{Config, Core};
use crate::spawn::spawn;
use crate::task::yield_now;
use std::future::pending;

const INSTANT: Duration = Duration::from_nanos(1);

fn core(workers: Option<usize>) -> Core {
    Core::start(Config::new(workers, "test"), Drivers::default()).unwrap()
}

#[test]
fn what_is_told_begins_at_its_limit() {
    for (limit, is_told) in [
        (STALL, is_stall as fn(&_) -> bool),
        (LATE, |late| is_late(*late)),
    ] {
        assert!(is_told(&limit) && !is_told(&(limit - INSTANT)));
    }
    for (queued, idle, threads, cap, expected) in [
        (1, 0, 4, 4, true),
        (9, 0, 5, 4, true),
        (0, 0, 4, 4, false),
        (1, 1, 4, 4, false),
        (1, 0, 3, 4, false),
    ] {
        let is_full = is_full(queued, idle, threads, cap);
        assert_eq!(is_full, expected, "{queued} {idle} {threads} {cap}");
    }
}

#[cfg(unix)]
#[test]
fn descriptors_are_few_when_nine_of_ten_are_open() {
    for (enough, limit) in [(90, 100), (99, 110), (81, 90), (9, 9), (180, 200)] {
        assert!(are_nearly_all(enough, limit) && !are_nearly_all(enough - 1, limit));
    }
    assert!(!are_nearly_all(1 << 32, u64::MAX));
    assert_eq!(open_of(Ok(7), 200), Some(6));
    // No descriptor was left to list them with.
    let error = |code| Err(io::Error::from_raw_os_error(code));
    assert_eq!(open_of(error(libc::EMFILE), 200), Some(200));
    assert_eq!(open_of(error(libc::EACCES), 200), None);
}

#[test]
fn a_thread_is_in_the_system_or_it_is_not() {
    for nowhere in ["", "0"] {
        assert!(thread_is_at(7, nowhere).contains("thread 7 runs"));
    }
    let told = thread_is_at(7, "futex_wait");
    assert!(told.contains("thread 7 waits in the system (futex_wait)"));
}

#[test]
fn a_watch_looks_after_two_workers_and_more() {
    let has_watch = |workers| sole_counters(core(workers).handle()).is_none();
    assert_eq!(
        [None, Some(1), Some(2), Some(3)].map(has_watch),
        [false, false, true, true]
    );
}

/// The clock reads before and after the read of the thread's waits must agree.
#[test]
fn a_stall_is_one_whatever_the_time_that_the_looks_take() {
    const BEGIN: u64 = 1000;
    let limit = STALL.as_nanos() as u64;
    let told = |times: &[u64]| {
        let counters = WorkerCounters::default();
        counters.note_stuck(BEGIN, STALL);
        let times = std::cell::RefCell::new(times.iter().rev().cloned().collect::<Vec<_>>());
        let told = stall(&counters, || BEGIN + times.borrow_mut().pop().unwrap());
        assert!(times.borrow().is_empty());
        told
    };
    let lasts = |nanos| Some((BEGIN, Duration::from_nanos(nanos)));
    assert_eq!(told(&[limit, limit + 1]), lasts(limit));
    assert_eq!(told(&[limit - 2, limit - 1]), None);
    // In between this thread had no processor.
    assert_eq!(told(&[1, limit, limit + 5, limit + 6]), lasts(limit + 5));
    assert_eq!(told(&[1, limit].repeat(LOOKS as usize)), None);
    assert_eq!(stall(&WorkerCounters::default(), || limit), None);
}

/// Returns once this thread has waited for a processor, if only for a moment after a sleep.
#[cfg(target_os = "linux")]
fn wait_for_a_processor(counters: &WorkerCounters) {
    let thread = counters.system_thread.get();
    while crate::base::thread::processor_waited(thread) == Some(0) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The time that the thread waits for a processor does not count.
#[cfg(target_os = "linux")]
#[test]
fn a_thread_without_a_processor_makes_no_stall() {
    let counters = WorkerCounters::default();
    counters.note_thread();
    wait_for_a_processor(&counters);
    let limit = STALL.as_nanos() as u64;
    counters.note_stuck(2, STALL);
    assert!(stall(&counters, || limit + 2).is_some());
    counters.waited_before.set(1); // noted when the thread began
    assert_eq!(stall(&counters, || limit + 2), None);
    assert!(stall(&counters, || limit * 1000).is_some());
}

/// The findings about tasks that are still in the same poll.
fn still(before: &TaskList, apart: Duration) -> Vec<Finding> {
    let handle = Handle::current();
    still_polled(&handle, before, &handle.tasks(), apart)
}

/// Not a task that waits, nor a task that is not in the first list, nor the future of `block_on`.
#[test]
fn only_who_is_in_one_poll_at_both_looks_is_told() {
    let core = core(None);
    let told = core.block_on(async {
        let waits = spawn(pending::<()>());
        yield_now().await;
        let looks = spawn(async {
            let before = Handle::current().tasks();
            let fresh = spawn(pending::<()>());
            let same = still(&before, STALL);
            assert!(still(&before, STALL - INSTANT).is_empty());
            yield_now().await;
            assert!(still(&before, STALL).is_empty());
            fresh.abort();
            same
        });
        let id = looks.id();
        let told = looks.await.unwrap();
        waits.abort();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(
            (told[0].kind(), told[0].tasks()),
            (FindingKind::Stall, &[id][..])
        );
        told
    });
    assert!(
        told[0].evidence().contains("in one poll for 100.0ms"),
        "{}",
        told[0]
    );
}

/// The time that the thread waits for a processor between the lists does not count.
#[cfg(target_os = "linux")]
#[test]
fn a_thread_without_a_processor_is_in_no_long_poll() {
    let core = core(None);
    core.block_on(async {
        let looks = spawn(async {
            let handle = Handle::current();
            let before = handle.tasks();
            assert_eq!(still(&before, STALL).len(), 1);
            let counters = sole_counters(&handle).unwrap();
            wait_for_a_processor(counters);
            counters.waited_before.set(1);
            assert!(still(&before, STALL).is_empty());
            assert_eq!(still(&before, STALL * 1000).len(), 1);
            note_look(&handle);
            assert_ne!(counters.waited_before.get(), 1);
        });
        looks.await.unwrap();
    });
}

/// The watch reports its stalls.
#[test]
fn a_runtime_with_a_watch_is_not_told_of_twice() {
    let core = core(Some(2));
    core.block_on(async {
        let looks = spawn(async { still(&Handle::current().tasks(), STALL) });
        assert!(looks.await.unwrap().is_empty());
    });
}
