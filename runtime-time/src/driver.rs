//! The contract with the schedulers: what a runtime's wheels do around a park, and at its end.

use crate::sleep::sleep;
use crate::slots::{NEVER, TimeHandle};
use runtime_core::base::thread;
use runtime_core::driver::{BoxSleep, DriverParams, TimeParts, Timers, Unpark};
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

/// Makes the wheels of a runtime.
pub fn create(params: &DriverParams, driver_unpark: Arc<dyn Unpark>) -> TimeParts {
    let handle = Arc::new(TimeHandle::new(params, driver_unpark));
    TimeParts {
        timers: handle.clone(),
        handle: handle as Arc<dyn Any + Send + Sync>,
        sleep: boxed_sleep,
    }
}

fn boxed_sleep(duration: Duration) -> BoxSleep {
    Box::pin(sleep(duration))
}

impl Timers for TimeHandle {
    fn before_park(&self, slot: usize, with_driver: bool) -> Option<Duration> {
        let clock = &self.common.clock;
        let own = self.slots[slot].exact_next();
        let mut next = own;
        if with_driver {
            next = next.min(self.foreign().exact_next());
            next = self.foreign().announce_park(next);
        }
        if next == NEVER {
            return None;
        }
        if clock.ticks().are_fine() {
            thread::sleep_without_slack();
        }
        Some(clock.until(next))
    }

    fn after_park(&self, _slot: usize, with_driver: bool) {
        if with_driver {
            self.foreign().end_park();
        }
    }

    fn fire(&self, slot: usize, with_driver: bool) -> usize {
        let own = &self.slots[slot];
        if own.next() == NEVER && (!with_driver || self.foreign().next() == NEVER) {
            return 0;
        }
        let now = self.common.clock.now_tick();
        let fired = own.fire(now);
        if with_driver {
            fired + self.foreign().fire(now)
        } else {
            fired
        }
    }

    fn fire_overdue(&self) -> usize {
        if self.slots.iter().all(|slot| slot.next() == NEVER) {
            return 0;
        }
        let now = self.common.clock.now_tick();
        self.slots.iter().map(|slot| slot.fire(now)).sum()
    }

    fn is_overdue(&self) -> bool {
        let next = self.next();
        next != NEVER && next <= self.common.clock.now_tick()
    }

    fn lateness(&self) -> Duration {
        let next = self.next();
        if next == NEVER || self.common.clock.is_paused() {
            return Duration::ZERO;
        }
        let clock = &self.common.clock;
        clock.ticks().time_of(clock.now_tick().saturating_sub(next))
    }

    fn now(&self) -> u64 {
        let clock = &self.common.clock;
        clock.ticks().millis_of(clock.now_tick())
    }

    fn is_auto_advancing(&self) -> bool {
        self.common.clock.is_auto_advancing()
    }

    fn advance_to_next(&self) -> bool {
        let next = self
            .slots
            .iter()
            .map(|slot| slot.exact_next())
            .min()
            .unwrap_or(NEVER);
        if next != NEVER {
            self.common.clock.advance_to_tick(next);
        }
        next != NEVER
    }

    fn inhibit_auto_advance(&self) {
        self.common.clock.inhibit();
    }

    fn allow_auto_advance(&self) {
        if self.common.clock.allow() {
            // While a paused clock may not advance, the scheduler sleeps by the system's clock.
            self.common.unpark.unpark();
        }
    }

    fn shutdown(&self) {
        self.end_all();
    }
}
