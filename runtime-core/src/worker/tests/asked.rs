//! A driver and timers that note what they are asked.

use crate::base::shim::sync::Mutex;
use crate::driver::{Drivers, IoDriver, IoParts, TimeParts, Timers, Unpark};
use std::sync::Arc;
use std::time::Duration;

/// What may happen while timers fire.
pub(super) type Called = Box<dyn FnOnce() + Send>;

/// The driver and the timers, which note what they are asked.
#[derive(Default)]
pub(super) struct World {
    pub(super) asked: Mutex<Vec<String>>,
    pub(super) is_paused: bool,
    pub(super) advances: bool,
    /// A timer is past its deadline.
    pub(super) is_overdue: bool,
    /// The earliest deadline.
    pub(super) left: Option<Duration>,
    /// What the next call of `fire` does.
    pub(super) due: Mutex<Option<Called>>,
}

impl World {
    pub(super) fn note(&self, what: String) {
        self.asked.lock().push(what);
    }

    /// The calls since this was called last.
    pub(super) fn asked(&self) -> String {
        std::mem::take(&mut *self.asked.lock()).join(", ")
    }

    pub(super) fn drivers(self: &Arc<Self>, with_time: bool) -> Drivers {
        Drivers {
            io: Some(IoParts {
                counters: Arc::default(),
                driver: Box::new(Driver(self.clone())),
                unpark: self.clone(),
                handle: None,
            }),
            time: with_time.then(|| TimeParts {
                timers: self.clone(),
                handle: Arc::new(()),
                sleep: |_| Box::pin(std::future::pending()),
            }),
        }
    }
}

struct Driver(Arc<World>);

impl IoDriver for Driver {
    fn park(&mut self, timeout: Option<Duration>) {
        self.0.note(format!("park {timeout:?}"));
    }
    fn turn(&mut self) {
        self.0.note("turn".into());
    }
    fn shutdown(&mut self) {
        self.0.note("end".into());
    }
}

impl Unpark for World {
    fn unpark(&self) {}
}

impl Timers for World {
    fn before_park(&self, slot: usize, with_driver: bool) -> Option<Duration> {
        self.note(format!("before {slot} {with_driver}"));
        self.left
    }
    fn after_park(&self, slot: usize, with_driver: bool) {
        self.note(format!("after {slot} {with_driver}"));
    }
    fn fire(&self, slot: usize, with_driver: bool) -> usize {
        self.note(format!("fire {slot} {with_driver}"));
        let due = self.due.lock().take();
        due.map(|called| called()).map_or(0, |()| 1)
    }
    fn fire_overdue(&self) -> usize {
        self.note("overdue".into());
        0
    }
    fn is_overdue(&self) -> bool {
        self.is_overdue
    }
    fn now(&self) -> u64 {
        0
    }
    fn is_auto_advancing(&self) -> bool {
        self.is_paused
    }
    fn advance_to_next(&self) -> bool {
        self.note("advance".into());
        self.advances
    }
    fn inhibit_auto_advance(&self) {}
    fn allow_auto_advance(&self) {}
    fn shutdown(&self) {
        self.note("end timers".into());
    }
}
