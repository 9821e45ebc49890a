//! `ThreadParker`: a token that one thread waits for and another sets.
//!
//! I1: a token is taken by exactly one park, which then does not wait. Tokens do not add up.

use super::shim::sync::{Condvar, Mutex};
use std::time::Duration;

/// See the module's page.
#[derive(Debug, Default)]
pub struct ThreadParker {
    token: Mutex<bool>,
    condvar: Condvar,
}

impl ThreadParker {
    /// Waits for the token and takes it.
    pub fn park(&self) {
        let mut token = self.token.lock();
        while !*token {
            token = self.condvar.wait(token);
        }
        *token = false;
    }

    /// Waits no longer than `timeout`, and may end early without a token.
    pub fn park_timeout(&self, timeout: Duration) {
        let mut token = self.token.lock();
        if !*token {
            token = self.condvar.wait_timeout(token, timeout).0;
        }
        *token = false;
    }

    /// Takes the token if there is one.
    pub fn take_token(&self) {
        *self.token.lock() = false;
    }

    /// Sets the token, and ends the park under way.
    pub fn unpark(&self) {
        let was = std::mem::replace(&mut *self.token.lock(), true);
        if !was {
            self.condvar.notify_one();
        }
    }
}
