//! The seat on one thread: what a sleep asks of the driver and the timers, in which order, and what it records.

use super::super::parker::Parker;
use super::*;
use crate::driver::Unpark;
use crate::record::tests::events::written_by;
use std::sync::Arc;

/// What was called, in order.
type Log = Arc<Mutex<Vec<String>>>;

struct Driver(Log);

impl IoDriver for Driver {
    fn park(&mut self, timeout: Option<Duration>) {
        self.0.lock().push(format!("park {timeout:?}"));
    }
    fn turn(&mut self) {
        self.0.lock().push("turn".into());
    }
    fn shutdown(&mut self) {}
}

/// The next timer is due in `left`; each `fire` fires so many timers.
struct Wheels {
    log: Log,
    left: Option<Duration>,
    fires: usize,
    seat: Arc<Seat>,
}

impl Timers for Wheels {
    fn before_park(&self, slot: usize, with_driver: bool) -> Option<Duration> {
        self.log.lock().push(format!("before {slot} {with_driver}"));
        self.left
    }
    fn after_park(&self, slot: usize, with_driver: bool) {
        self.log.lock().push(format!("after {slot} {with_driver}"));
    }
    fn fire(&self, slot: usize, with_driver: bool) -> usize {
        self.log.lock().push(format!("fire {slot} {with_driver}"));
        record::timers(self.fires);
        // Wakers run now, and may take their time: other workers must find the driver.
        assert_eq!(self.seat.is_taken(), !with_driver);
        self.fires
    }
    fn fire_overdue(&self) -> usize {
        0
    }
    fn is_overdue(&self) -> bool {
        false
    }
    fn now(&self) -> u64 {
        0
    }
    fn is_auto_advancing(&self) -> bool {
        false
    }
    fn advance_to_next(&self) -> bool {
        false
    }
    fn inhibit_auto_advance(&self) {}
    fn allow_auto_advance(&self) {}
    fn shutdown(&self) {}
}

struct Nobody;

impl Unpark for Nobody {
    fn unpark(&self) {}
}

struct Scene {
    seat: Arc<Seat>,
    parker: Parker,
    wheels: Wheels,
}

fn scene(left: Option<Duration>, fires: usize) -> Scene {
    let log = Log::default();
    let seat = Arc::new(Seat::new());
    seat.give_back(Box::new(Driver(log.clone())));
    Scene {
        seat: seat.clone(),
        parker: Parker::new(),
        wheels: Wheels {
            log,
            left,
            fires,
            seat,
        },
    }
}

impl Scene {
    fn sleep(&self, limit: Option<Duration>) -> bool {
        self.seat.sleep(&self.parker, Some(&self.wheels), 7, limit)
    }

    fn said(&self) -> Vec<String> {
        std::mem::take(&mut *self.wheels.log.lock())
    }
}

const SHORT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(3600);

#[test]
fn a_sleep_on_the_driver_lasts_until_the_sooner_of_timer_and_limit() {
    for (left, limit, sooner) in [
        (None, None, None),
        (Some(SHORT), None, Some(SHORT)),
        (None, Some(LONG), Some(LONG)),
        (Some(SHORT), Some(LONG), Some(SHORT)),
        (Some(LONG), Some(SHORT), Some(SHORT)),
    ] {
        let scene = scene(left, 0);
        assert!(!scene.sleep(limit));
        let park = format!("park {sooner:?}");
        let expected = ["before 7 true", &park, "after 7 true", "fire 7 true"];
        assert_eq!(scene.said(), expected);
        assert!(!scene.seat.is_taken());
    }
}

#[test]
fn a_token_keeps_the_driver_from_blocking_and_is_told() {
    let scene = scene(Some(LONG), 0);
    scene.parker.unpark(&Nobody);
    assert!(scene.sleep(None));
    assert_eq!(scene.said()[1], "turn");
    // The token is used up.
    assert!(!scene.sleep(None));
    assert_eq!(scene.said()[1], format!("park {:?}", Some(LONG)));
}

#[test]
fn who_fires_timers_has_been_called() {
    let scene = scene(None, 1);
    assert!(scene.sleep(None));
    let driver = scene.seat.take();
    assert!(driver.is_some() && scene.seat.is_taken());
    assert!(scene.seat.take().is_none());
    scene.said();
    assert!(scene.sleep(Some(SHORT)));
    assert_eq!(
        scene.said(),
        ["before 7 false", "after 7 false", "fire 7 false"]
    );
}

#[test]
fn without_the_driver_a_sleep_ends_at_the_sooner_time_or_with_a_token() {
    for (left, limit) in [
        (Some(SHORT), None),
        (None, Some(SHORT)),
        (Some(SHORT), Some(LONG)),
        (Some(LONG), Some(SHORT)),
    ] {
        let scene = scene(left, 0);
        let driver = scene.seat.take();
        assert!(driver.is_some());
        assert!(!scene.sleep(limit));
        assert_eq!(
            scene.said(),
            ["before 7 false", "after 7 false", "fire 7 false"]
        );
    }
    let scene = scene(Some(LONG), 0);
    let driver = scene.seat.take();
    assert!(driver.is_some());
    scene.parker.unpark(&Nobody);
    assert!(scene.sleep(None));
}

/// The recording has the sleep's end before what the timers do then. Kinds of events are given by their numbers in the format.
#[test]
fn a_sleep_without_the_driver_is_recorded() {
    const PARK: u64 = 9;
    const UNPARK: u64 = 10;
    const TIMERS: u64 = 12;
    let told = written_by(|| {
        let scene = scene(Some(SHORT), 1);
        drop(scene.seat.take());
        assert!(scene.sleep(None));
        scene.parker.unpark(&Nobody);
        assert!(scene.sleep(None));
    });
    let expected = [
        [PARK, 0, 0, 0],
        [UNPARK, 0, 0, 0],
        [TIMERS, 0, 1, 0],
        [PARK, 0, 0, 0],
        [UNPARK, 1, 0, 0],
        [TIMERS, 0, 1, 0],
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_seat_is_empty_until_the_driver_comes_and_after_it_is_cleared() {
    let seat = Seat::new();
    assert!(seat.is_taken() && seat.take().is_none() && seat.clear().is_none());
    seat.give_back(Box::new(Driver(Log::default())));
    assert!(!seat.is_taken());
    assert!(seat.clear().is_some());
    // The hint is not updated; the lock decides.
    assert!(seat.take().is_none());
    assert!(!seat.is_taken());
}
