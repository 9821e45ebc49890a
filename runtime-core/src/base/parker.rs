//! `ThreadParker`: a token that one thread waits for and another sets.
//!
//! I1: a token is taken by exactly one park, which then does not wait. Tokens do not add up.
//! I2: a thread that waits has said so under the lock; where none has, setting the token is no system call.

use super::shim::sync::atomic::{AtomicBool, Ordering};
use super::shim::sync::{Condvar, Mutex};
use std::time::Duration;

/// See the module's page.
#[derive(Debug, Default)]
pub struct ThreadParker {
    token: Mutex<Token>,
    condvar: Condvar,
    /// As the token, for a look without the lock.
    hint: AtomicBool,
}

#[derive(Debug, Default)]
struct Token {
    is_set: bool,
    is_awaited: bool,
}

impl ThreadParker {
    /// Waits for the token and takes it.
    pub fn park(&self) {
        let mut token = self.token.lock();
        while !token.is_set {
            token.is_awaited = true;
            token = self.condvar.wait(token);
        }
        self.take(&mut token);
    }

    /// Waits no longer than `timeout`, and may end early without a token.
    pub fn park_timeout(&self, timeout: Duration) {
        let mut token = self.token.lock();
        if !token.is_set {
            token.is_awaited = true;
            token = self.condvar.wait_timeout(token, timeout).0;
        }
        self.take(&mut token);
    }

    /// Takes the token if there is one.
    pub fn take_token(&self) {
        self.take(&mut self.token.lock());
    }

    fn take(&self, token: &mut Token) {
        *token = Token::default();
        // Ordering: Relaxed; a hint, written under the lock.
        self.hint.store(false, Ordering::Relaxed);
    }

    /// Is there a token? A hint: what follows from it is seen by the park that takes it.
    pub(crate) fn is_set(&self) -> bool {
        // Ordering: Relaxed; a hint.
        self.hint.load(Ordering::Relaxed)
    }

    /// Sets the token, and ends the park under way.
    pub fn unpark(&self) {
        let is_owed = {
            let mut token = self.token.lock();
            // Ordering: Relaxed; a hint, written under the lock.
            self.hint.store(true, Ordering::Relaxed);
            !std::mem::replace(&mut token.is_set, true) && token.is_awaited
        };
        if is_owed {
            self.condvar.notify_one();
        }
    }
}
