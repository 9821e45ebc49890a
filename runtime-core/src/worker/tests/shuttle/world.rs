//! What has become of the tasks of one schedule.
//!
//! The books are kept in std's atomics, so that shuttle does not switch threads there.

use crate::base::shim::sync::{Condvar, Mutex};
use crate::task::JoinError;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

/// The books of one schedule.
#[derive(Clone, Default)]
pub(super) struct World(Arc<Books>);

#[derive(Default)]
struct Books {
    made: AtomicUsize,
    dropped: AtomicUsize,
    ended: AtomicUsize,
    /// The first fault that was found. It is kept here, as a panic in a task would only reach the task's join handle.
    fault: OnceLock<&'static str>,
    /// The future that waits until all that was made is dropped.
    waiter: Mutex<Option<Waker>>,
}

impl World {
    /// `future`, as a task whose fate is in the books.
    pub(super) fn track<F: Future>(&self, future: F) -> Tracked<F> {
        Tracked {
            entry: self.enter(),
            is_polled: AtomicBool::new(false),
            future: Box::pin(future),
        }
    }

    /// An entry for a closure: if it is dropped without [`Entry::end`], the closure was cancelled.
    pub(super) fn enter(&self) -> Entry {
        self.0.made.fetch_add(1, Relaxed);
        Entry {
            world: self.clone(),
            has_ended: AtomicBool::new(false),
        }
    }

    /// A task may end by its output, by its own panic, or by a cancellation that was asked for.
    pub(super) fn settle<T>(&self, result: Result<T, JoinError>, may_be_cancelled: bool) {
        let is_cancelled = result.is_err_and(|error| error.is_cancelled());
        if is_cancelled && !may_be_cancelled {
            self.blame("a task was cancelled, which nobody asked for");
        }
    }

    fn blame(&self, fault: &'static str) {
        self.0.fault.get_or_init(|| fault);
    }

    fn is_empty(&self) -> bool {
        self.0.made.load(Relaxed) == self.0.dropped.load(Relaxed)
    }

    /// Waits until all that was made is dropped. For one waiter at a time.
    pub(super) async fn all_ended(&self) {
        poll_fn(|cx| {
            *self.0.waiter.lock() = Some(cx.waker().clone());
            match self.is_empty() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
        // A waker of `block_on` keeps the runtime alive.
        *self.0.waiter.lock() = None;
    }

    pub(super) fn assert_all_ended(&self) {
        assert_eq!(None, self.0.fault.get());
        let (made, dropped) = (self.0.made.load(Relaxed), self.0.dropped.load(Relaxed));
        assert_eq!(made, dropped, "made and dropped");
    }

    /// If nothing was aborted or shut down: everything that was made has come to its own end.
    pub(super) fn assert_none_cancelled(&self) {
        let (made, ended) = (self.0.made.load(Relaxed), self.0.ended.load(Relaxed));
        assert_eq!(made, ended, "made and not cancelled");
    }
}

/// A line in the books: made, perhaps ended, dropped.
pub(super) struct Entry {
    world: World,
    has_ended: AtomicBool,
}

impl Entry {
    /// It came to its own end, by a panic perhaps.
    pub(super) fn end(&self) {
        match self.has_ended.swap(true, Relaxed) {
            true => self.world.blame("something ended twice"),
            false => _ = self.world.0.ended.fetch_add(1, Relaxed),
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.world.0.dropped.fetch_add(1, Relaxed);
        if self.world.is_empty() {
            let waiter = self.world.0.waiter.lock().take();
            if let Some(waiter) = waiter {
                waiter.wake();
            }
        }
    }
}

/// See [`World::track`].
pub(super) struct Tracked<F> {
    future: Pin<Box<F>>,
    is_polled: AtomicBool,
    // Dropped last.
    entry: Entry,
}

impl<F: Future> Future for Tracked<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        /// Ends the poll, on unwinding too, which ends the task as well.
        struct Polled<'a>(&'a AtomicBool, &'a Entry, bool);
        impl Drop for Polled<'_> {
            fn drop(&mut self) {
                self.0.store(false, Relaxed);
                if self.2 {
                    self.1.end();
                }
            }
        }
        let this = &mut *self;
        if this.is_polled.swap(true, Relaxed) {
            this.entry.world.blame("a task was polled twice at once");
        }
        let mut polled = Polled(&this.is_polled, &this.entry, true);
        let poll = this.future.as_mut().poll(cx);
        polled.2 = poll.is_ready();
        drop(polled);
        poll
    }
}

impl<F> Drop for Tracked<F> {
    fn drop(&mut self) {
        if self.is_polled.load(Relaxed) {
            self.entry.world.blame("a task was dropped during its poll");
        }
    }
}

/// A flag, and the waker of the future that waits for it.
#[derive(Clone, Default)]
pub(super) struct Signal(Arc<Mutex<(bool, Option<Waker>)>>);

impl Signal {
    /// Sets the signal when dropped: whatever becomes of its owner.
    pub(super) fn setter(&self) -> Setter {
        Setter(self.clone())
    }

    pub(super) async fn wait(&self) {
        poll_fn(|cx| {
            let mut state = self.0.lock();
            if state.0 {
                return Poll::Ready(());
            }
            state.1 = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// See [`Signal::setter`].
pub(super) struct Setter(Signal);

impl Drop for Setter {
    fn drop(&mut self) {
        let waker = {
            let mut state = self.0.0.lock();
            state.0 = true;
            state.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A thread waits here for another.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(super) fn open(&self) {
        *self.0.0.lock() = true;
        self.0.1.notify_all();
    }

    pub(super) fn wait(&self) {
        let mut is_open = self.0.0.lock();
        while !*is_open {
            is_open = self.0.1.wait(is_open);
        }
    }
}
