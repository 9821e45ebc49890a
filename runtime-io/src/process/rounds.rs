//! Children whose end gives no event: they are checked every few milliseconds.
//!
//! The last resort of `exit`, where the system gives neither a pidfd nor the pipe that SIGCHLD needs: a child that was
//! started must be awaited even if no descriptor is left. A driver of any runtime that is about to wait begins a round
//! when it is time, and waits no longer than until the next. A round wakes all its waiters; each checks its child, tries
//! again to get a watch, and else waits for the next round.
//!
//! I1: a waiter adds the rounds to the turns of all reactors (`Place::new`) before it enters, and unparks its driver then:
//!     the wait under way, which does not know of the rounds, ends, and the next turn asks them.
//! I2: wakers run outside of the lock.

use crate::reactor::{Reactor, Source, Turn, add_to_all, shutdown_error};
use runtime_core::base::clock;
use runtime_core::base::contain;
use runtime_core::base::lock_audit;
use runtime_core::base::process_mutex::{ProcessMutex, Rank};
use runtime_core::base::waits::{self, WaitKind};
use runtime_core::driver::Unpark;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// From one round to the next.
const PERIOD: Duration = Duration::from_millis(10);

static ROUNDS: ProcessMutex<Rounds> = ProcessMutex::new(
    Rank::Leaf,
    Rounds {
        waiting: BTreeMap::new(),
        next_key: 0,
        count: 0,
        next_at: None,
    },
);
/// How many wait, so that the lock is not taken for none.
static WAITING: AtomicUsize = AtomicUsize::new(0);

struct Rounds {
    /// In the order in which they came.
    waiting: BTreeMap<u64, Waker>,
    next_key: u64,
    /// How many rounds there have been.
    count: u64,
    next_at: Option<Instant>,
}

/// A place in the rounds.
pub(super) struct Place {
    reactor: Arc<Reactor>,
    key: u64,
    /// How many rounds this place knows of.
    seen: u64,
}

impl Place {
    /// A place that `reactor` serves, or any other reactor.
    ///
    /// # Errors
    /// If `reactor` has shut down.
    pub(super) fn new(reactor: Arc<Reactor>) -> io::Result<Place> {
        if reactor.is_shutdown() {
            return Err(shutdown_error());
        }
        add_to_all::<Turns>();
        let mut rounds = ROUNDS.lock();
        let key = rounds.next_key;
        rounds.next_key += 1;
        Ok(Place {
            reactor,
            key,
            seen: rounds.count,
        })
    }

    pub(super) fn reactor(&self) -> &Arc<Reactor> {
        &self.reactor
    }

    /// Moves it to another reactor.
    pub(super) fn move_to(&mut self, reactor: Arc<Reactor>) {
        self.reactor = reactor;
    }

    /// Ready if there was a round since the last call.
    pub(super) fn poll_round(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let waker = cx.waker().clone();
        let old = {
            let mut rounds = ROUNDS.lock();
            if rounds.count != self.seen {
                self.seen = rounds.count;
                Err(waker)
            } else {
                let old = rounds.waiting.insert(self.key, waker);
                note(&rounds);
                Ok(old)
            }
        };
        lock_audit::user_code();
        match old {
            Err(_) => Poll::Ready(Ok(())),
            // A driver that shuts down marks that first, and then makes a round: either we see the mark, or it wakes us.
            Ok(_) if self.reactor.is_shutdown() => Poll::Ready(Err(shutdown_error())),
            Ok(_) => {
                self.reactor.unpark();
                waits::note(WaitKind::Child, 0);
                Poll::Pending
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let gone = {
            let mut rounds = ROUNDS.lock();
            let gone = rounds.waiting.remove(&self.key);
            note(&rounds);
            gone
        };
        lock_audit::user_code();
        drop(gone);
    }
}

/// What the rounds do in the turns of all reactors; added with the first place.
#[derive(Default)]
struct Turns;

impl Source for Turns {
    fn before_wait(&self, _: &Turn<'_>, timeout: Option<Duration>) -> Option<Duration> {
        match is_somebody_waiting() {
            true => before_wait(timeout),
            false => timeout,
        }
    }

    /// Wakes all waiters, so that those that this driver served find another.
    fn shut_down(&self) {
        // `poll_round` checks for the shutdown after it has entered.
        if is_somebody_waiting() {
            begin(None);
        }
    }
}

/// Does it seem that somebody waits for a round?
fn is_somebody_waiting() -> bool {
    // Ordering: Relaxed; a hint: a waiter that enters unparks the driver afterwards (I1).
    WAITING.load(Ordering::Relaxed) != 0
}

/// A driver is about to wait; gives how long it may.
#[cold]
fn before_wait(timeout: Option<Duration>) -> Option<Duration> {
    let now = clock::now();
    let left = {
        let rounds = ROUNDS.lock();
        match rounds.next_at {
            _ if rounds.waiting.is_empty() => return timeout,
            Some(next_at) => next_at.saturating_duration_since(now),
            None => Duration::ZERO,
        }
    };
    if left.is_zero() {
        begin(Some(now + PERIOD));
        // The round may have woken tasks of this very runtime.
        return Some(Duration::ZERO);
    }
    Some(timeout.map_or(left, |timeout| timeout.min(left)))
}

fn begin(next_at: Option<Instant>) {
    let woken = {
        let mut rounds = ROUNDS.lock();
        rounds.count += 1;
        rounds.next_at = next_at.or(rounds.next_at);
        let woken = std::mem::take(&mut rounds.waiting);
        note(&rounds);
        woken
    };
    lock_audit::user_code();
    for waker in woken.into_values() {
        contain::contain(|| waker.wake());
    }
}

fn note(rounds: &Rounds) {
    // Ordering: Relaxed; a hint.
    WAITING.store(rounds.waiting.len(), Ordering::Relaxed);
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").finish_non_exhaustive()
    }
}
