//! Panics in other people's code, called by ours.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::task::Waker;

/// Those who wait for something.
#[derive(Default)]
pub struct Waiters(Mutex<Vec<Waker>>);

impl Waiters {
    pub fn push(&self, waker: Waker) {
        self.0.lock().unwrap().push(waker);
    }

    /// Wakes all, under the lock.
    pub fn naive_wake_all(&self) {
        let mut waiters = self.0.lock().unwrap();
        waiters.drain(..).for_each(Waker::wake);
    }

    /// Takes all out, and wakes them one by one, whatever each does.
    pub fn wake_all(&self) {
        let waiters = std::mem::take(&mut *self.0.lock().unwrap());
        for waker in waiters {
            contain(|| waker.wake());
        }
    }
}

/// Runs code whose panic must cost nobody else anything; the panic hook has told of it.
pub fn contain(f: impl FnOnce()) {
    let Err(mut payload) = catch_unwind(AssertUnwindSafe(f)) else {
        return;
    };
    // The payload is user code, too: its drop may panic, with a payload.
    for _ in 0..16 {
        match catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(another) => payload = another,
        }
    }
    std::mem::forget(payload);
}

#[cfg(test)]
mod tests {
    use super::{Waiters, contain};
    use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::task::{Wake, Waker};

    struct Bad;

    impl Wake for Bad {
        fn wake(self: Arc<Self>) {
            panic!("a bad waker");
        }
    }

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    /// A waker that panics, and one behind it. Is that one woken, and can one wait again?
    fn after_a_panic(wake_all: fn(&Waiters)) -> (usize, bool) {
        let (waiters, count) = (Waiters::default(), Arc::new(Count::default()));
        waiters.push(Waker::from(Arc::new(Bad)));
        waiters.push(Waker::from(count.clone()));
        let _ = catch_unwind(AssertUnwindSafe(|| wake_all(&waiters)));
        (count.0.load(Relaxed), waiters.0.lock().is_ok())
    }

    #[test]
    fn a_panic_under_the_lock_costs_the_others_their_wake_and_the_lock() {
        assert_eq!(after_a_panic(Waiters::naive_wake_all), (0, false));
    }

    #[test]
    fn a_contained_panic_costs_nobody_anything() {
        assert_eq!(after_a_panic(Waiters::wake_all), (1, true));
    }

    #[test]
    fn a_payload_may_panic_too() {
        struct Payload(u32);
        impl Drop for Payload {
            fn drop(&mut self) {
                if self.0 > 0 {
                    panic_any(Payload(self.0 - 1));
                }
            }
        }
        contain(|| panic_any(Payload(3)));
    }
}
