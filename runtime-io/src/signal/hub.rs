//! A runtime's part in signals: its self-pipe, and its streams that wait.
//!
//! ```text
//! handler: arrivals += 1, write to all pipes ─▶ reactor ─▶ Hub::look ─▶ wake whose signal has arrived
//! ```
//! The process counts arrivals (`handler`), a hub only wakes: so a stream can go from one hub to another without missing
//! an arrival. A reactor has at most one hub; the hub is dropped with the last of its streams.
//!
//! I1: a stream stores its waker before it looks at the arrivals, and an arrival is counted before the pipe is written to.
//!     So the stream sees the arrival, or the hub finds the stream (`latch` says which pipes are written to).
//! I2: the hub's own waker does not keep the hub alive.
//! I3: wakers run outside of the lock. A waker that panics does not cost the others their wake-up.

use super::handler;
use super::self_pipe::SelfPipe;
use crate::io::ReadBuf;
use crate::reactor::{Interest, PollEvented, Reactor, Source, shutdown_error};
use libc::c_int;
use runtime_core::base::contain;
use runtime_core::base::lock_audit;
use runtime_core::base::shim::sync::Mutex;
use runtime_core::coop;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};

pub(crate) struct Hub {
    pipe: PollEvented<SelfPipe>,
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
    /// How many arrivals the stream knows of.
    seen: usize,
    waker: Waker,
}

/// Where a reactor keeps its hub. The hub's pipe is a registration like any other, so turns need no more.
#[derive(Default)]
struct HubSlot(Mutex<Weak<Hub>>);

impl Source for HubSlot {}

impl Hub {
    /// The reactor's hub, made if there is none.
    pub(super) fn of(reactor: &Arc<Reactor>) -> io::Result<Arc<Hub>> {
        let slot = reactor.source::<HubSlot>()?;
        let known = slot.0.lock().upgrade();
        if let Some(hub) = known {
            return hub.unless_over();
        }
        // Made without the lock: a registration that fails is dropped like any other, which may drop wakers.
        let pipe = PollEvented::new_on(reactor.clone(), SelfPipe::new()?, Interest::READABLE)?;
        let new = Arc::new(Hub {
            pipe,
            streams: Mutex::default(),
        });
        let first = {
            let mut known = slot.0.lock();
            let first = known.upgrade();
            if first.is_none() {
                *known = Arc::downgrade(&new);
            }
            first
        };
        if let Some(hub) = first {
            return hub.unless_over();
        }
        new.look();
        Ok(new)
    }

    fn unless_over(self: Arc<Self>) -> io::Result<Arc<Hub>> {
        let is_over = self.streams.lock().is_over;
        match is_over {
            true => Err(shutdown_error()),
            false => Ok(self),
        }
    }

    /// The reactor of the runtime this thread is in, if it is another than this hub's.
    pub(super) fn elsewhere(&self) -> Option<Arc<Reactor>> {
        self.pipe.registration().elsewhere()
    }

    pub(super) fn join(&self) -> u64 {
        let mut streams = self.streams.lock();
        streams.next_key += 1;
        streams.next_key
    }

    pub(super) fn leave(&self, key: u64) {
        let gone = self.streams.lock().waiting.remove(&key);
        lock_audit::user_code();
        drop(gone);
    }

    /// Has `cx` woken once the signal's arrivals differ from `seen`. True if the runtime has shut down.
    pub(super) fn wait(&self, key: u64, signal: c_int, seen: usize, cx: &Context<'_>) -> bool {
        let new = Waiting {
            signal,
            seen,
            waker: cx.waker().clone(),
        };
        let (old, is_over) = {
            let mut streams = self.streams.lock();
            (streams.waiting.insert(key, new), streams.is_over)
        };
        lock_audit::user_code();
        drop(old);
        is_over
    }

    /// Empties the pipe, leaves the hub's waker for the next write, and wakes the streams whose signal has arrived.
    fn look(self: &Arc<Self>) {
        let waker = Waker::from(Arc::new(HubWaker(Arc::downgrade(self))));
        let mut cx = Context::from_waker(&waker);
        let is_over = loop {
            let mut bytes = [0; 64];
            let mut buffer = ReadBuf::new(&mut bytes);
            match coop::internally(|| self.pipe.poll_read(&mut cx, &mut buffer)) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => break true,
                Poll::Pending => break false,
            }
        };
        let mut woken = Vec::new();
        {
            let mut streams = self.streams.lock();
            streams.is_over |= is_over;
            let is_over = streams.is_over;
            let is_due = |w: &Waiting| is_over || handler::arrivals(w.signal) != w.seen;
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

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").finish_non_exhaustive()
    }
}
