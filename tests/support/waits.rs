//! Futures polled by hand. Each poll has a waker of its own, so that a test sees which poll was woken, and whether
//! a waker is kept for longer than it is needed.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::task::{Context, Poll, Wake, Waker};

/// A count; as a waker, of its wake-ups.
#[derive(Default)]
pub struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.add();
    }
}

impl Count {
    pub fn add(&self) {
        // Ordering: SeqCst; a test's count, and the last thing that a test should have to think about.
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub fn get(&self) -> usize {
        // Ordering: SeqCst; as above.
        self.0.load(Ordering::SeqCst)
    }
}

/// Polls something with a new waker each time, and knows whether the last poll was woken.
#[derive(Default)]
pub struct Poller {
    wakes: Arc<Count>,
    /// Of polls before. Who is ready may keep the waker of a poll before until it goes; who waits has the new one.
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

    /// Was it polled, and did the last poll say that it must wait?
    pub fn is_waiting(&self) -> bool {
        self.is_waiting
    }

    pub fn is_woken(&self) -> bool {
        self.wakes.get() > 0
    }

    /// What was polled is gone: its waker must be gone too.
    pub fn assert_forgotten(&mut self) {
        self.assert_spent_are_gone();
        assert_eq!(Arc::strong_count(&self.wakes), 1, "a waker was kept");
    }
}

/// A future with its poller. Dropped, it gives up the wait; no waker of it may be left then.
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

    /// Drops the future; whether it was woken can still be asked.
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

/// The payload of panics that a test wants, thousands of them perhaps.
pub const PANIC: &str = "on purpose";

/// Such panics say nothing any more, in this process.
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
