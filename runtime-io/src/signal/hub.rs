//! A runtime's part in signals: its bell, and those of its streams that are waited for.
//!
//! ```text
//! handler: arrivals += 1, ring all bells ─▶ reactor ─▶ Hub::look ─▶ wake whose signal has arrived
//! ```
//! What has arrived is the process's to know (`gap`): a hub only wakes, so a stream can go from one to another and
//! misses nothing. A reactor has at most one; it goes with the last of its streams.
//!
//! I1: a waker is put in before the arrivals are looked at, and the arrivals are counted before the bell is rung.
//!     So one of the two sees the other: an arrival is seen by the stream, or the stream by the hub (see `latch` as to
//!     when the bell is rung).
//! I2: the hub's own waker does not keep it.
//! I3: wakers run outside of the lock. One that panics does not cost the others their wake-up.

use super::gap;
use super::pair::Bell;
use crate::io::ReadBuf;
use crate::reactor::{Interest, PollEvented, Reactor, shutdown_error};
use libc::c_int;
use runtime_core::base::contain;
use runtime_core::base::lock_audit;
use runtime_core::coop;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

pub(crate) struct Hub {
    bell: PollEvented<Bell>,
    streams: Mutex<Streams>,
}

#[derive(Default)]
struct Streams {
    /// By the stream's key, hence in the order in which they were made.
    waiting: BTreeMap<u64, Waiting>,
    next_key: u64,
    /// The runtime has shut down.
    is_over: bool,
}

struct Waiting {
    signal: c_int,
    /// The arrivals that the stream knows of.
    seen: usize,
    waker: Waker,
}

/// Where a reactor keeps its hub.
#[derive(Default)]
pub(crate) struct HubSlot(Mutex<Weak<Hub>>);

impl Hub {
    /// The reactor's hub, made if there is none.
    pub(super) fn of(reactor: &Arc<Reactor>) -> io::Result<Arc<Hub>> {
        let mut known = lock(&reactor.signals.0);
        if let Some(hub) = known.upgrade() {
            return match lock(&hub.streams).is_over {
                true => Err(shutdown_error()),
                false => Ok(hub.clone()),
            };
        }
        let bell = PollEvented::new_on(reactor.clone(), Bell::new()?, Interest::READABLE)?;
        let hub = Arc::new(Hub {
            bell,
            streams: Mutex::default(),
        });
        *known = Arc::downgrade(&hub);
        drop(known);
        hub.look();
        Ok(hub)
    }

    /// The reactor that is to serve the streams of this hub now, if it is another one.
    pub(super) fn elsewhere(&self) -> Option<Arc<Reactor>> {
        self.bell.registration().elsewhere()
    }

    pub(super) fn join(&self) -> u64 {
        let mut streams = lock(&self.streams);
        streams.next_key += 1;
        streams.next_key
    }

    pub(super) fn leave(&self, key: u64) {
        let gone = lock(&self.streams).waiting.remove(&key);
        lock_audit::user_code();
        drop(gone);
    }

    /// Wakes `cx` once there have been other than `seen` arrivals of the signal. True if the runtime has shut down.
    pub(super) fn wait(&self, key: u64, signal: c_int, seen: usize, cx: &Context<'_>) -> bool {
        let new = Waiting {
            signal,
            seen,
            waker: cx.waker().clone(),
        };
        let (old, is_over) = {
            let mut streams = lock(&self.streams);
            (streams.waiting.insert(key, new), streams.is_over)
        };
        lock_audit::user_code();
        drop(old);
        is_over
    }

    /// Empties the bell, leaves the waker for when it is rung, and wakes whose signal has arrived.
    fn look(self: &Arc<Self>) {
        let waker = Waker::from(Arc::new(HubWaker(Arc::downgrade(self))));
        let mut cx = Context::from_waker(&waker);
        let is_over = loop {
            let mut bytes = [0; 64];
            let mut buffer = ReadBuf::new(&mut bytes);
            match coop::internally(|| self.bell.poll_read(&mut cx, &mut buffer)) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => break true,
                Poll::Pending => break false,
            }
        };
        let mut woken = Vec::new();
        {
            let mut streams = lock(&self.streams);
            streams.is_over |= is_over;
            let is_over = streams.is_over;
            let is_due = |w: &Waiting| is_over || gap::arrivals(w.signal) != w.seen;
            let due = streams.waiting.iter().filter(|(_, w)| is_due(w));
            let due: Vec<u64> = due.map(|(key, _)| *key).collect();
            woken.extend(due.iter().filter_map(|key| streams.waiting.remove(key)));
        }
        lock_audit::user_code();
        for waiting in woken {
            contain::contain(|| waiting.waker.wake());
        }
    }
}

/// I2.
struct HubWaker(Weak<Hub>);

impl Wake for HubWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(hub) = self.0.upgrade() {
            hub.look();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").finish_non_exhaustive()
    }
}
