//! Futures polled by hand. Each poll has a waker of its own, so that a test sees which poll was woken, and whether
//! a waker is kept for longer than it is needed.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::task::{Context, Poll, Wake, Waker};

/// A counter. Used as a waker, it counts its wake-ups.
#[derive(Default)]
pub struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.add();
    }
}

impl Count {
    pub fn add(&self) {
        // Ordering: SeqCst; a test should not have to think about the ordering of its count.
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub fn get(&self) -> usize {
        // Ordering: SeqCst; as in `add`.
        self.0.load(Ordering::SeqCst)
    }
}

/// Polls something with a new waker each time, and tells whether the waker of the last poll was woken.
#[derive(Default)]
pub struct Poller {
    wakes: Arc<Count>,
    /// The wakers of earlier polls. A pending future must have dropped them; a ready future may keep one until its own drop.
    spent: Vec<Arc<Count>>,
    is_waiting: bool,
}

impl Poller {
    pub fn poll<T>(&mut self, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        self.spent.push(std::mem::take(&mut self.wakes));
        let waker = Waker::from(self.wakes.clone());
        let result = poll(&mut Context::from_waker(&waker));
        drop(waker);
        self.is_waiting = result.is_pending();
        if self.is_waiting {
            self.assert_spent_are_gone();
        }
        result
    }

    fn assert_spent_are_gone(&mut self) {
        for wakes in self.spent.drain(..) {
            assert_eq!(Arc::strong_count(&wakes), 1, "an old waker was kept");
        }
    }

    /// Did the last poll return `Pending`? False before the first poll.
    pub fn is_waiting(&self) -> bool {
        self.is_waiting
    }

    pub fn is_woken(&self) -> bool {
        self.wakes.get() > 0
    }

    /// Checks that no waker is left. To be called after the polled future is dropped.
    pub fn assert_forgotten(&mut self) {
        self.assert_spent_are_gone();
        assert_eq!(Arc::strong_count(&self.wakes), 1, "a waker was kept");
    }
}

/// A future with its poller. The drop drops the future, and checks that none of its wakers is left.
pub struct Wait<'a, T> {
    future: Option<Pin<Box<dyn Future<Output = T> + 'a>>>,
    poller: Poller,
    was_polled: bool,
}

impl<'a, T> Wait<'a, T> {
    pub fn new(future: impl Future<Output = T> + 'a) -> Self {
        Wait {
            future: Some(Box::pin(future)),
            poller: Poller::default(),
            was_polled: false,
        }
    }

    pub fn poll(&mut self) -> Poll<T> {
        self.was_polled = true;
        let future = self.future.as_mut().expect("it was given up").as_mut();
        self.poller.poll(|cx| future.poll(cx))
    }

    pub fn was_polled(&self) -> bool {
        self.was_polled
    }

    pub fn is_waiting(&self) -> bool {
        self.poller.is_waiting()
    }

    pub fn is_woken(&self) -> bool {
        self.poller.is_woken()
    }

    /// Drops the future. `is_woken` can still be called.
    pub fn give_up(&mut self) {
        self.future = None;
    }
}

impl<T> Drop for Wait<'_, T> {
    fn drop(&mut self) {
        self.give_up();
        if !std::thread::panicking() {
            self.poller.assert_forgotten();
        }
    }
}

/// A waker that runs a closure.
pub struct Does<F>(pub F);

impl<F: Fn() + Send + Sync> Wake for Does<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

pub fn waker_that(does: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(Does(does)))
}

/// Polls with a waker that does nothing.
pub fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

pub fn poll_with<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// Does `f` panic?
pub fn panics<R>(f: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(f)).is_err()
}

/// The payload of panics that a test causes on purpose, perhaps thousands of times.
pub const PANIC: &str = "on purpose";

/// From now on, the panic hook of this process is silent about panics with the payload `PANIC`.
pub fn silence() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload().downcast_ref() != Some(&PANIC) {
                hook(info);
            }
        }));
    });
}
