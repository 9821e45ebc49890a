//! The sleepers' bits and the count of searchers, one thread at a time: many workers, the limit, the last searcher.

use super::*;

fn searching(idle: &Idle) -> usize {
    idle.searching.load(Ordering::Relaxed)
}

#[test]
fn each_of_many_sleepers_is_claimed_once_by_its_own_number() {
    for workers in [1, 2, 63, 64, 65, 127, 128, 129, 200] {
        let idle = Idle::new(workers);
        assert_eq!(idle.worker_to_notify(), None);
        for worker in 0..workers {
            assert!(!idle.all_asleep(), "{worker} of {workers}");
            idle.announce(worker, false);
        }
        assert!(idle.all_asleep());
        let mut claimed: Vec<usize> = std::iter::from_fn(|| idle.claim_any()).collect();
        assert_eq!(searching(&idle), workers);
        claimed.sort_unstable();
        assert!(claimed.into_iter().eq(0..workers), "{workers}");
        assert!((0..workers).all(|worker| idle.retract(worker)));
    }
}

#[test]
fn one_that_looks_out_is_claimed_first_if_it_sleeps() {
    let idle = Idle::new(70);
    for worker in [0, 3, 69] {
        idle.announce(worker, false);
    }
    let first = idle.claim_first(69);
    assert_eq!(idle.claim_any(), Some(69));
    // The first is claimed already: the next may be any sleeper.
    assert_eq!(idle.claim_any(), Some(0));
    assert!(idle.retract(69));
    idle.announce(69, true);
    drop(first);
    assert_eq!(idle.claim_any(), Some(3));
}

#[test]
fn words_beyond_the_workers_are_not_kept() {
    for (workers, words) in [(1, 1), (63, 1), (64, 1), (65, 2), (128, 2), (129, 3)] {
        assert_eq!(Idle::new(workers).sleeping.len(), words, "{workers}");
    }
}

#[test]
fn one_that_wakes_by_itself_is_not_counted_as_searching() {
    let idle = Idle::new(3);
    idle.announce(1, false);
    assert!(!idle.retract(1));
    assert_eq!((searching(&idle), idle.claim_any()), (0, None));
    idle.announce(2, false);
    assert_eq!(idle.claim_any(), Some(2));
    assert!(idle.retract(2));
    assert_eq!(searching(&idle), 1);
}

#[test]
fn a_push_wakes_nobody_while_somebody_searches() {
    let idle = Idle::new(4);
    idle.announce(0, false);
    idle.announce(3, false);
    assert!(idle.try_search());
    assert_eq!((idle.worker_to_notify(), searching(&idle)), (None, 1));
    // No matter who searches.
    assert_eq!((idle.claim_any(), searching(&idle)), (Some(0), 2));
    assert!(!idle.finish_search());
    assert!(idle.finish_search());
    assert_eq!((idle.worker_to_notify(), searching(&idle)), (Some(3), 1));
    assert_eq!(idle.worker_to_notify(), None);
}

#[test]
fn at_most_half_of_the_workers_search() {
    for (workers, most) in [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (8, 4)] {
        let idle = Idle::new(workers);
        for _ in 0..most {
            assert!(idle.try_search(), "{workers}");
        }
        assert!(!idle.try_search(), "{workers}");
        assert_eq!(searching(&idle), most);
        // A searcher that goes to sleep without work makes room as well.
        idle.announce(0, true);
        assert_eq!(searching(&idle), most - 1);
        assert!(idle.try_search());
        for left in (0..most).rev() {
            assert_eq!(idle.finish_search(), left == 0);
        }
    }
}

#[test]
fn one_that_searches_and_is_claimed_as_well_counts_once() {
    let idle = Idle::new(4);
    idle.announce(1, false);
    assert!(idle.is_asleep(1) && !idle.is_asleep(0));
    assert!(idle.try_search());
    assert_eq!((idle.claim_any(), searching(&idle)), (Some(1), 2));
    assert!(!idle.is_asleep(1));
    assert!(idle.retract(1));
    idle.count_once();
    assert_eq!(searching(&idle), 1);
    assert!(idle.finish_search());
}
