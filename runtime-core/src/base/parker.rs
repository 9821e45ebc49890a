//! `Post`: one thread waits there for a value that other threads send. `ThreadParker`: a post to which only a token is sent.
//!
//! I1: a value is taken once, by a wait that then does not sleep. A value that is sent before the last one was taken replaces it: tokens do not
//!     add up.
//! I2: a thread that sleeps has said so under the lock (`is_awaited`). While no thread sleeps, sending makes no system call.

use super::clock;
use super::shim::sync::atomic::{AtomicBool, Ordering};
use super::shim::sync::{Condvar, Mutex};
use std::time::Duration;

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Post<T> {
    letter: Mutex<Letter<T>>,
    sent: Condvar,
    /// Is there a value? For a check without the lock.
    hint: AtomicBool,
}

#[derive(Debug)]
struct Letter<T> {
    sent: Option<T>,
    is_awaited: bool,
}

impl<T> Default for Post<T> {
    fn default() -> Post<T> {
        Post {
            letter: Mutex::new(Letter {
                sent: None,
                is_awaited: false,
            }),
            sent: Condvar::new(),
            hint: AtomicBool::new(false),
        }
    }
}

impl<T> Post<T> {
    /// Sends, and ends the wait under way.
    pub(crate) fn send(&self, what: T) {
        let is_awaited = {
            let mut letter = self.letter.lock();
            letter.sent = Some(what);
            // Ordering: Relaxed; a hint, written under the lock.
            self.hint.store(true, Ordering::Relaxed);
            std::mem::take(&mut letter.is_awaited)
        };
        if is_awaited {
            self.sent.notify_one();
        }
    }

    /// Is there a value? A hint: what was done before the value was sent is seen only by the thread that takes the value.
    pub(crate) fn has_any(&self) -> bool {
        // Ordering: Relaxed; a hint.
        self.hint.load(Ordering::Relaxed)
    }

    /// Takes the value, if there is one.
    pub(crate) fn take(&self) -> Option<T> {
        self.take_from(&mut self.letter.lock())
    }

    /// Waits for a value and takes it.
    pub(crate) fn wait(&self) -> T {
        let mut letter = self.letter.lock();
        loop {
            if let Some(sent) = self.take_from(&mut letter) {
                return sent;
            }
            letter.is_awaited = true;
            letter = self.sent.wait(letter);
        }
    }

    /// As [`wait`](Self::wait), no longer than `timeout`.
    pub(crate) fn wait_timeout(&self, timeout: Duration) -> Option<T> {
        let Some(end) = clock::now().checked_add(timeout) else {
            return Some(self.wait());
        };
        let mut letter = self.letter.lock();
        let mut timed_out = false;
        while letter.sent.is_none() && !timed_out {
            let left = end.saturating_duration_since(clock::now());
            letter.is_awaited = true;
            (letter, timed_out) = self.sent.wait_timeout(letter, left);
        }
        self.take_from(&mut letter)
    }

    fn take_from(&self, letter: &mut Letter<T>) -> Option<T> {
        letter.is_awaited = false;
        // Ordering: Relaxed; a hint, written under the lock.
        self.hint.store(false, Ordering::Relaxed);
        letter.sent.take()
    }

    /// From here on, waits with a time-out end by it.
    #[cfg(all(test, runtime_loom))]
    pub(crate) fn time_is_up(&self) {
        self.sent.time_is_up();
    }
}

/// See the module's page.
#[derive(Debug, Default)]
pub struct ThreadParker(Post<()>);

impl ThreadParker {
    /// Waits for the token and takes it.
    pub fn park(&self) {
        self.0.wait();
    }

    /// Waits no longer than `timeout`.
    pub fn park_timeout(&self, timeout: Duration) {
        self.0.wait_timeout(timeout);
    }

    /// Takes the token if there is one.
    pub fn take_token(&self) {
        self.0.take();
    }

    /// Is there a token? A hint.
    pub(crate) fn is_set(&self) -> bool {
        self.0.has_any()
    }

    /// Sets the token, and ends the park under way.
    pub fn unpark(&self) {
        self.0.send(());
    }
}
