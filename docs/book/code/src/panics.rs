//! Panics in user code that the runtime calls.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::task::Waker;

/// The wakers of tasks that wait for something.
#[derive(Default)]
pub struct Waiters(Mutex<Vec<Waker>>);

impl Waiters {
    pub fn push(&self, waker: Waker) {
        self.0.lock().unwrap().push(waker);
    }

    /// Wakes all waiters while it holds the lock.
    pub fn naive_wake_all(&self) {
        let mut waiters = self.0.lock().unwrap();
        waiters.drain(..).for_each(Waker::wake);
    }

    /// Takes all wakers out, then wakes them one by one. A waker that panics does not stop the next.
    pub fn wake_all(&self) {
        let waiters = std::mem::take(&mut *self.0.lock().unwrap());
        for waker in waiters {
            contain(|| waker.wake());
        }
    }
}

/// Runs user code and catches its panic, so that no other code is affected. The panic hook has reported the panic.
pub fn contain(f: impl FnOnce()) {
    let Err(mut payload) = catch_unwind(AssertUnwindSafe(f)) else {
        return;
    };
    // The payload's drop is user code, too: it may panic, with another payload.
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

    /// A waker that panics is before a waker that counts. How often is the second woken, and is the lock still good?
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
