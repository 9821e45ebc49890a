//! Tests on runtimes without a reactor: the runtime that a thread is in, what hooks and counters report of each task, and what
//! becomes of a closure.

mod closures;
#[cfg(feature = "taskdump")]
mod dumps;
mod entered;
mod figures;
mod hooks;
mod look_out;

use crate::driver::{Drivers, TimeParts, Timers};
use crate::runtime::{Config, Core};
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::Duration;

fn core(workers: Option<usize>, configure: impl FnOnce(&mut Config)) -> Core {
    let mut config = Config::new(workers, "test");
    configure(&mut config);
    Core::start(config, Drivers::default()).unwrap()
}

/// One runtime of each kind.
fn both(configure: impl Fn(&mut Config)) -> [Core; 2] {
    [None, Some(2)].map(|workers| core(workers, &configure))
}

/// A clock that nobody sleeps by. It counts how often auto-advance was inhibited, less how often it was allowed again.
#[derive(Default)]
struct Clock(AtomicIsize);

impl Clock {
    fn holds(&self) -> isize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Timers for Clock {
    fn before_park(&self, _: usize, _: bool) -> Option<Duration> {
        None
    }
    fn after_park(&self, _: usize, _: bool) {}
    fn fire(&self, _: usize, _: bool) -> usize {
        0
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
    fn inhibit_auto_advance(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
    fn allow_auto_advance(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
    fn shutdown(&self) {}
}

fn with_clock(configure: impl FnOnce(&mut Config)) -> (Core, Arc<Clock>) {
    let clock = Arc::new(Clock::default());
    let mut config = Config::new(None, "test");
    configure(&mut config);
    let drivers = Drivers {
        io: None,
        time: Some(TimeParts {
            timers: clock.clone(),
            handle: Arc::new(()),
            sleep: |_| Box::pin(std::future::pending()),
        }),
    };
    (Core::start(config, drivers).unwrap(), clock)
}
