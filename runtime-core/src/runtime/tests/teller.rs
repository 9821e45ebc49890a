//! Tests of what is reported, when it is reported again, and how reporting ends.

use super::*;
use crate::driver::Drivers;
use crate::record::tests::events::written_by;
use crate::runtime::{Config, Core};
use std::sync::Mutex;

/// The kinds with which the hook was called.
type Told = Arc<Mutex<Vec<FindingKind>>>;

fn looks() -> (Looks, Told) {
    let told = Told::default();
    let hears = told.clone();
    let looks = Looks {
        runtime: Weak::new(),
        stop: Arc::default(),
        hook: Some(Arc::new(move |finding: &Finding| {
            hears.lock().unwrap().push(finding.kind());
        })),
        prints: false,
        last: None,
        seen: Vec::new(),
        told: Vec::new(),
    };
    (looks, told)
}

fn findings(kinds: &[FindingKind]) -> Vec<Finding> {
    let finding = |kind: &FindingKind| Finding::with(*kind, &[], "as was seen");
    kinds.iter().map(finding).collect()
}

#[test]
fn what_is_new_is_told_once_and_what_may_be_brief_when_it_was_seen_twice() {
    use FindingKind::{Deadlock, Descriptors, FullPool, Stall};

    let (mut looks, told) = looks();
    for (seen, news) in [
        (&[FullPool, Stall][..], &[Stall][..]),
        (&[FullPool, Stall], &[FullPool]),
        (&[FullPool, Stall, Deadlock], &[Deadlock]),
        // It was gone in between, so it is new, and has to last again.
        (&[Deadlock, Descriptors], &[]),
        (&[FullPool, Stall, Deadlock], &[Stall]),
        (&[Descriptors, FullPool], &[FullPool]),
        (&[Descriptors], &[Descriptors]),
        (&[], &[]),
        (&[Deadlock], &[Deadlock]),
    ] {
        looks.tell(&findings(seen));
        assert_eq!(std::mem::take(&mut *told.lock().unwrap()), news, "{seen:?}");
    }
}

/// The mark has the number of the finding's first task, or 0 for none. `MARK` is the event's number in the format.
#[test]
fn a_finding_is_a_mark_of_the_recording() {
    const MARK: u64 = 15;
    let written = written_by(|| looks().0.tell(&findings(&[FindingKind::Stall])));
    let [[MARK, 0, _, 0]] = written[..] else {
        panic!("{written:?}");
    };
}

#[test]
fn nobody_tells_what_nobody_asks_for() {
    let core = Core::start(Config::new(None, "test"), Drivers::default()).unwrap();
    assert!(begin(core.handle(), None).unwrap().is_none());
}

/// While the runtime goes on, its teller's thread ends and drops the program's hook.
#[test]
fn a_teller_that_is_dropped_tells_no_more() {
    for workers in [None, Some(2)] {
        let core = Core::start(Config::new(workers, "test"), Drivers::default()).unwrap();
        let hook: FindingHook = Arc::new(|_| ());
        let teller = begin(core.handle(), Some(hook.clone())).unwrap().unwrap();
        // The watch holds a reference, where there is a watch.
        let parker = Arc::strong_count(&teller.0.parker);
        assert_eq!(parker, 1 + usize::from(workers.is_some()));
        drop(teller);
        while Arc::strong_count(&hook) > 1 {
            std::thread::yield_now();
        }
    }
}
