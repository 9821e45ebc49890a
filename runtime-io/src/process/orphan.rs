//! Children that nobody waits for any more: they are reaped when they end, so that none stays a zombie.
//!
//! An orphan is its own waker: the reactor's event of its pidfd wakes it, and it calls `waitpid` there and
//! then. The reactor is that of the runtime it was dropped in, else of the runtime that spawned it. An orphan
//! without a reactor (dropped after the end of its runtime, or left by a runtime that shut down) is *lost*: the
//! next reactor that is about to wait takes it over, and meanwhile it is checked whenever a child is spawned,
//! reaped or orphaned in this process.
//!
//! I1: no thread waits for `state`: a thread that finds it locked leaves a note in `again`, and the holder looks
//!     once more. So a wake from inside a poll, or from the driver meanwhile, neither blocks nor is lost.

use super::exit::ExitWatch;
use crate::reactor::{Reactor, Source, Turn, add_to_all, try_current_reactor};
use runtime_core::base::process_mutex::{ProcessMutex, Rank};
use runtime_core::base::shim::lock::Mutex;
use runtime_core::coop;
use std::process::Child as StdChild;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

struct Orphan {
    /// The poll runs under this lock and takes locks of the reactor: so the lock-depth audit must not count it.
    state: Mutex<Option<Waiting>>,
    again: AtomicBool,
}

struct Waiting {
    child: StdChild,
    watch: ExitWatch,
}

static LOST: ProcessMutex<Vec<StdChild>> = ProcessMutex::new(Rank::Leaf, Vec::new());
/// Length of `LOST`, so that an empty list is not locked.
static LOST_LEN: AtomicUsize = AtomicUsize::new(0);

/// Takes over a child that may still run.
pub(super) fn adopt(mut child: StdChild, watch: Option<ExitWatch>, spawner: &Weak<Reactor>) {
    reap_lost();
    if !matches!(child.try_wait(), Ok(None)) {
        return;
    }
    let pid = child.id();
    let watch = watch
        .map(|mut watch| {
            watch.follow();
            watch
        })
        .or_else(|| ExitWatch::new(pid, try_current_reactor()?).ok())
        .or_else(|| ExitWatch::new(pid, spawner.upgrade()?).ok());
    keep(child, watch);
}

/// What the lost need in the turns of all reactors; added when the first child is lost.
#[derive(Default)]
struct Lost;

impl Source for Lost {
    fn before_wait(&self, turn: &Turn<'_>, timeout: Option<Duration>) -> Option<Duration> {
        // Ordering: Relaxed; a hint: a child that is lost meanwhile waits for the next turn.
        if LOST_LEN.load(Ordering::Relaxed) != 0 {
            watch_lost(turn.reactor);
        }
        timeout
    }
}

/// Makes `reactor`, which is about to wait, watch the lost children that still run.
#[cold]
fn watch_lost(reactor: &Arc<Reactor>) {
    let lost = {
        let mut lost = LOST.lock();
        // Ordering: Relaxed; a hint.
        LOST_LEN.store(0, Ordering::Relaxed);
        std::mem::take(&mut *lost)
    };
    for mut child in lost {
        if let Ok(None) = child.try_wait() {
            let watch = ExitWatch::new(child.id(), reactor.clone()).ok();
            keep(child, watch);
        }
    }
}

fn keep(child: StdChild, watch: Option<ExitWatch>) {
    match watch {
        Some(watch) => Arc::new(Orphan {
            state: Mutex::new(Some(Waiting { child, watch })),
            again: AtomicBool::new(false),
        })
        .look(),
        None => lose(child),
    }
}

/// Reaps the lost children that have ended.
pub(super) fn reap_lost() {
    // Ordering: Relaxed; a hint: a child that is lost meanwhile is checked the next time.
    if LOST_LEN.load(Ordering::Relaxed) == 0 {
        return;
    }
    let mut lost = LOST.lock();
    lost.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    if lost.len() < lost.capacity() / 4 {
        let room = lost.len() * 2;
        lost.shrink_to(room);
    }
    // Ordering: Relaxed; as above.
    LOST_LEN.store(lost.len(), Ordering::Relaxed);
}

fn lose(child: StdChild) {
    let mut lost = LOST.lock();
    lost.push(child);
    // Ordering: Relaxed; see `reap_lost`.
    LOST_LEN.store(lost.len(), Ordering::Relaxed);
    drop(lost);
    add_to_all::<Lost>();
}

impl Orphan {
    /// Reaps the child if it has ended, else leaves the waker for when it does.
    fn look(self: &Arc<Self>) {
        // Ordering: SeqCst; the note is left before the lock is tried, and read after it was released (I1).
        self.again.store(true, Ordering::SeqCst);
        // Ordering: SeqCst; as above.
        while self.again.load(Ordering::SeqCst) {
            let Some(mut state) = self.state.try_lock() else {
                return;
            };
            // Ordering: SeqCst; as above.
            self.again.store(false, Ordering::SeqCst);
            let waker = Waker::from(self.clone());
            let done = match &mut *state {
                Some(waiting) => waiting.poll(&mut Context::from_waker(&waker)),
                None => Poll::Ready(()),
            };
            let over = match done {
                Poll::Ready(()) => state.take(),
                Poll::Pending => None,
            };
            drop(state);
            if let Some(Waiting { mut child, watch }) = over {
                drop(watch);
                if let Ok(None) = child.try_wait() {
                    lose(child);
                }
            }
        }
    }
}

impl Waiting {
    /// Ready when the child is reaped, or its watch is of no use any more.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let hint = coop::internally(|| self.watch.poll_hint(cx));
            match hint {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) => {}
            }
            if !matches!(self.child.try_wait(), Ok(None)) {
                return Poll::Ready(());
            }
            match self.watch.go_on(self.child.id()) {
                Ok(false) => {}
                Ok(true) if matches!(self.child.try_wait(), Ok(None)) => {}
                Ok(true) | Err(_) => return Poll::Ready(()),
            }
        }
    }
}

impl Wake for Orphan {
    fn wake(self: Arc<Self>) {
        self.look();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.look();
    }
}
