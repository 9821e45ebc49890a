//! The parker on one thread: a token is taken by one park, which then does not wait.

use super::*;
use std::sync::atomic::AtomicUsize;

#[derive(Default)]
struct Driver(AtomicUsize);

impl Unpark for Driver {
    fn unpark(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

const SHORT: Option<Duration> = Some(Duration::from_millis(1));

#[test]
fn a_token_is_taken_by_one_park() {
    let (parker, driver) = (Parker::new(), Driver::default());
    assert!(!parker.park(SHORT));
    parker.unpark(&driver);
    parker.unpark(&driver);
    // Without a time-out: it does not wait.
    assert!(parker.park(None));
    assert!(!parker.park(SHORT));
    assert_eq!(driver.0.load(Ordering::Relaxed), 0);
}

#[test]
fn a_token_keeps_the_next_park_on_the_driver_from_blocking() {
    let (parker, driver) = (Parker::new(), Driver::default());
    parker.unpark(&driver);
    let mut asked = Vec::new();
    assert!(parker.park_driving(|may_block| asked.push(may_block)));
    assert!(!parker.park_driving(|may_block| asked.push(may_block)));
    assert_eq!(asked, [false, true]);
}

#[test]
fn who_is_on_the_driver_is_woken_through_it_once() {
    let (parker, driver) = (Parker::new(), Driver::default());
    assert!(parker.park_driving(|may_block| {
        assert!(may_block);
        parker.unpark(&driver);
        parker.unpark(&driver);
    }));
    assert_eq!(driver.0.load(Ordering::Relaxed), 1);
    assert!(!parker.park(SHORT));
}
