//! Waiting for an event, without losing it.

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, Ordering};

/// Something that happens once. A waker is a number here.
#[derive(Default)]
pub struct Event {
    has_happened: AtomicBool,
    waiting: Mutex<Vec<usize>>,
}

impl Event {
    /// The waiters to wake, after the lock is released.
    pub fn notify(&self) -> Vec<usize> {
        // Ordering: Release; pairs with the Acquire in `poll`.
        self.has_happened.store(true, Ordering::Release);
        std::mem::take(&mut *self.waiting.lock().unwrap())
    }

    /// Looks, then leaves the waker. True: it has happened.
    pub fn naive_poll(&self, waker: usize) -> bool {
        // Ordering: Acquire; pairs with the Release in `notify`.
        if self.has_happened.load(Ordering::Acquire) {
            return true;
        }
        self.waiting.lock().unwrap().push(waker);
        false
    }

    /// Looks, leaves the waker, and looks again under the lock.
    pub fn poll(&self, waker: usize) -> bool {
        // Ordering: Acquire; pairs with the Release in `notify`.
        if self.has_happened.load(Ordering::Acquire) {
            return true;
        }
        let mut waiting = self.waiting.lock().unwrap();
        waiting.push(waker);
        // Ordering: Relaxed; if `notify` had the lock before, the lock shows what it stored before.
        self.has_happened.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::Event;
    use loom::sync::Arc;
    use loom::thread;

    fn the_waiter_learns_of_it(poll: fn(&Event, usize) -> bool) {
        crate::model(move || {
            let event = Arc::new(Event::default());
            let notifier = thread::spawn({
                let event = event.clone();
                move || event.notify()
            });
            let ready = poll(&event, 1);
            let woken = notifier.join().unwrap();
            assert!(ready || woken == [1], "waits for ever");
        });
    }

    #[test]
    #[should_panic(expected = "waits for ever")]
    fn look_then_leave_the_waker_loses_the_event() {
        the_waiter_learns_of_it(Event::naive_poll);
    }

    #[test]
    fn leave_the_waker_then_look_does_not() {
        the_waiter_learns_of_it(Event::poll);
    }
}
