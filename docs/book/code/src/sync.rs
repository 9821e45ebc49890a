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
    /// Returns the waiters. The caller wakes them after the lock is released.
    pub fn notify(&self) -> Vec<usize> {
        // Ordering: Release; pairs with the Acquire in `poll`.
        self.has_happened.store(true, Ordering::Release);
        std::mem::take(&mut *self.waiting.lock().unwrap())
    }

    /// Looks at the flag, then leaves the waker. True: the event has happened.
    pub fn naive_poll(&self, waker: usize) -> bool {
        // Ordering: Acquire; pairs with the Release in `notify`.
        if self.has_happened.load(Ordering::Acquire) {
            return true;
        }
        self.waiting.lock().unwrap().push(waker);
        false
    }

    /// Looks at the flag, leaves the waker, and looks again under the lock.
    pub fn poll(&self, waker: usize) -> bool {
        // Ordering: Acquire; pairs with the Release in `notify`.
        if self.has_happened.load(Ordering::Acquire) {
            return true;
        }
        let mut waiting = self.waiting.lock().unwrap();
        waiting.push(waker);
        // Ordering: Relaxed; if `notify` took the lock first, the lock publishes its store to the flag.
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
