//! The queues: requests in, completions out.
//!
//! I1: the submission queue is written, and the completion queue read, under the lock only; `io_uring_enter` is
//!     called outside of it (the kernel has a lock of its own), as it may do the work of an operation then
//!     and there.
//! I2: an entry that the kernel is yet to take is in the submission queue, or in `backlog` behind it; and while
//!     there is one, somebody is in `flush`, or `is_stalled` is set and the driver is awake or woken.
//! I3: wakers run, and requests are dropped, outside of the lock.
//!
//! No completion is lost: the kernel keeps what does not fit its queue (a ring that would not is refused at
//! `new`), tells so, and hands it over at the next `io_uring_enter`.
//!
//! A kernel short of memory (`EAGAIN`) stalls the ring: the driver tries again at each turn, and every few
//! milliseconds. One that refuses `io_uring_enter` for good (a filter installed since) breaks it: operations
//! end with that error, and what the kernel may still have is never freed.

use super::slots::{Key, OnAbandon, OnComplete, OnLook, Slots};
use super::{Request, shutdown};
use crate::reactor::shutdown_error;
use io_uring::squeue::Entry;
use io_uring::{IoUring, Probe, opcode};
use runtime_core::audit;
use runtime_core::shim::sync::Mutex;
use std::any::Any;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::Waker;

/// Places in the submission queue; the completion queue has twice as many.
const ENTRIES: u32 = 256;
/// Attempts without progress before the driver is left to try again.
const MOST_ATTEMPTS: usize = 8;

/// What a waker panicked with.
pub(crate) type Panic = Box<dyn Any + Send>;

pub(crate) struct Ring {
    inner: Mutex<Inner>,
    /// Changed under the lock.
    is_stalled: AtomicBool,
    /// A bit for each opcode.
    can: u64,
    /// Wakes the driver. The reactor's, so that a ring that is forgotten keeps no descriptor.
    driver: Weak<mio::Waker>,
}

pub(super) struct Inner {
    /// None once the ring is shut down.
    uring: Option<Arc<IoUring>>,
    slots: Slots,
    backlog: VecDeque<Entry>,
    /// The error that broke the ring.
    broken: Option<i32>,
}

impl Ring {
    /// # Errors
    /// The kernel's; `Unsupported` for one that has rings, but too old ones.
    pub(crate) fn new(driver: &Arc<mio::Waker>) -> io::Result<Ring> {
        let uring = IoUring::new(ENTRIES)?;
        let features = uring.params();
        if !(features.is_feature_nodrop() && features.is_feature_rw_cur_pos()) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let mut probe = Probe::new();
        uring.submitter().register_probe(&mut probe)?;
        let can = (0..64)
            .filter(|&opcode| probe.is_supported(opcode))
            .fold(0, |can, opcode| can | 1 << opcode);
        Ok(Ring {
            inner: Mutex::new(Inner {
                uring: Some(Arc::new(uring)),
                slots: Slots::default(),
                backlog: VecDeque::new(),
                broken: None,
            }),
            is_stalled: AtomicBool::new(false),
            can,
            driver: Arc::downgrade(driver),
        })
    }

    /// What becomes readable when operations complete.
    pub(crate) fn fd(&self) -> Option<RawFd> {
        self.inner.lock().uring.as_ref().map(|u| u.as_raw_fd())
    }

    /// Can the kernel do this?
    pub(crate) fn can(&self, opcode: u8) -> bool {
        1u64.checked_shl(opcode.into())
            .is_some_and(|bit| self.can & bit != 0)
    }

    /// Must the driver call `flush` from time to time?
    pub(crate) fn is_stalled(&self) -> bool {
        // Ordering: Relaxed; a flag that is set is followed by a wake-up of the driver, which orders it.
        self.is_stalled.load(Ordering::Relaxed)
    }

    /// Starts an operation; `waker` is told of its completion, but not from within this call unless the
    /// kernel's queue is full.
    pub(super) fn submit(&self, request: Request, waker: Waker) -> io::Result<Key> {
        let mut inner = self.inner.lock();
        if let Err(error) = inner.check() {
            drop(inner);
            audit::user_code();
            drop((request, waker));
            return Err(error);
        }
        let key = inner.slots.insert(request, waker);
        if let Some(request) = inner.slots.request_mut(key) {
            let entry = request.entry().user_data(key.0);
            if !inner.backlog.is_empty() || !inner.push(&entry) {
                inner.backlog.push_back(entry);
            }
        }
        drop(inner);
        self.flush();
        Ok(key)
    }

    /// How is the operation doing? In flight, `waker` will be woken.
    pub(super) fn look(&self, key: Key, waker: &Waker) -> io::Result<OnLook> {
        let (mut answer, mut new) = (self.try_look(key, waker)?, None);
        if let OnLook::OtherWaker = answer {
            let (old, is_late) = {
                let waker = waker.clone();
                let mut inner = self.inner.lock();
                inner.slots.set_waker(key, waker)
            };
            audit::user_code();
            new = old;
            if is_late {
                answer = self.try_look(key, waker)?;
            }
        }
        drop(new);
        Ok(answer)
    }

    fn try_look(&self, key: Key, waker: &Waker) -> io::Result<OnLook> {
        let mut inner = self.inner.lock();
        inner.check()?;
        Ok(inner.slots.look(key, waker))
    }

    /// Nobody waits for the operation any more. What may be cancelled is.
    pub(super) fn abandon(&self, key: Key) -> OnAbandon {
        let mut inner = self.inner.lock();
        let answer = inner.slots.abandon(key);
        let cancels = match answer {
            OnAbandon::InFlight { may_cancel, .. } => may_cancel && inner.push_cancel(key),
            OnAbandon::Dispose(..) => false,
        };
        drop(inner);
        if cancels {
            self.flush();
        }
        answer
    }

    /// Makes the kernel take what is queued.
    pub(crate) fn flush(&self) {
        let mut attempts = 0;
        loop {
            let uring = {
                let mut inner = self.inner.lock();
                let Some(uring) = inner.uring.clone() else {
                    return;
                };
                if inner.broken.is_some() {
                    return;
                }
                inner.refill();
                if inner.is_all_taken() {
                    // Ordering: Relaxed; under the lock, as is setting it.
                    self.is_stalled.store(false, Ordering::Relaxed);
                    return;
                }
                if attempts == MOST_ATTEMPTS {
                    // Ordering: Relaxed; the wake-up below orders it for the driver.
                    self.is_stalled.store(true, Ordering::Relaxed);
                    break;
                }
                uring
            };
            match uring.submit() {
                Ok(0) => attempts += 1,
                Ok(_) => attempts = 0,
                Err(error) => match error.raw_os_error() {
                    Some(libc::EINTR) => {}
                    Some(libc::EBUSY) => {
                        // The kernel has completions that find no room. A waker's panic is the waker's.
                        drop(self.drain());
                        attempts += 1;
                    }
                    Some(libc::EAGAIN | libc::ENOMEM) => attempts = MOST_ATTEMPTS,
                    code => return self.break_down(code.unwrap_or(libc::EIO)),
                },
            }
        }
        if let Some(driver) = self.driver.upgrade() {
            let _ = driver.wake();
        }
    }

    /// Takes in what has completed, wakes those who wait for it. Gives the first panic of a waker.
    pub(crate) fn drain(&self) -> Option<Panic> {
        let mut panic = None;
        loop {
            let mut completed = Vec::new();
            let overflowed = {
                let mut inner = self.inner.lock();
                let Some(uring) = inner.uring.clone() else {
                    return panic;
                };
                complete(&uring, &mut inner.slots, &mut completed);
                // SAFETY: under the lock, by I1.
                let queue = unsafe { uring.submission_shared() };
                (queue.cq_overflow() && inner.broken.is_none()).then(|| uring.clone())
            };
            audit::user_code();
            for completion in completed {
                match completion {
                    OnComplete::Wake(waker) => {
                        let wake = AssertUnwindSafe(|| waker.map(Waker::wake));
                        if let Err(payload) = catch_unwind(wake) {
                            panic.get_or_insert(payload);
                        }
                    }
                    OnComplete::Dispose(request, result) => drop(request.finish(result)),
                    OnComplete::Unknown => {}
                }
            }
            match overflowed {
                // What did not fit comes over with this; an error shows at the next submission.
                Some(uring) => drop(uring.submit()),
                None => return panic,
            }
        }
    }

    /// The kernel takes nothing any more.
    fn break_down(&self, code: i32) {
        let wakers = {
            let mut inner = self.inner.lock();
            inner.broken = Some(code);
            // Ordering: Relaxed; under the lock, as is setting it.
            self.is_stalled.store(false, Ordering::Relaxed);
            inner.slots.interrupt().0
        };
        wake_all(wakers);
    }

    /// Ends everything. Operations in flight are cancelled or waited for; later ones fail.
    pub(crate) fn shut_down(&self) {
        let (uring, mut slots, backlog, is_broken) = {
            let mut inner = self.inner.lock();
            let Some(uring) = inner.uring.take() else {
                return;
            };
            let slots = std::mem::take(&mut inner.slots);
            let backlog = std::mem::take(&mut inner.backlog);
            (uring, slots, backlog, inner.broken.is_some())
        };
        let (wakers, keys) = slots.interrupt();
        if !is_broken {
            shutdown::end(uring, slots, &backlog, &keys);
        }
        wake_all(wakers);
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.shut_down();
    }
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring").finish_non_exhaustive()
    }
}

impl Inner {
    fn check(&self) -> io::Result<()> {
        match (&self.uring, self.broken) {
            (None, _) => Err(shutdown_error()),
            (_, Some(code)) => Err(io::Error::from_raw_os_error(code)),
            (Some(_), None) => Ok(()),
        }
    }

    fn push(&mut self, entry: &Entry) -> bool {
        self.uring.as_ref().is_some_and(|uring| push(uring, entry))
    }

    fn push_cancel(&mut self, key: Key) -> bool {
        self.push(&cancel(key))
    }

    fn refill(&mut self) {
        while let Some(entry) = self.backlog.pop_front() {
            if !self.push(&entry) {
                self.backlog.push_front(entry);
                return;
            }
        }
    }

    fn is_all_taken(&self) -> bool {
        let Some(uring) = &self.uring else {
            return true;
        };
        // SAFETY: under the lock, by I1.
        self.backlog.is_empty() && unsafe { uring.submission_shared() }.is_empty()
    }
}

/// Queues an entry; false if there is no room. The caller has the queue to itself (I1), and keeps what the entry
/// points to.
pub(super) fn push(uring: &IoUring, entry: &Entry) -> bool {
    // SAFETY: the caller has the queue to itself.
    let mut queue = unsafe { uring.submission_shared() };
    // SAFETY: the request is in its slot until the operation completes (`slots`, I1), and its memory does not
    // move (`request`, I1). Cancellations point nowhere.
    unsafe { queue.push(entry) }.is_ok()
}

/// The entry that cancels an operation.
pub(super) fn cancel(key: Key) -> Entry {
    opcode::AsyncCancel::new(key.0)
        .build()
        .user_data(Key::NOBODY.0)
}

/// Empties the completion queue into the slots. The caller has the queue to itself (I1).
pub(super) fn complete(uring: &IoUring, slots: &mut Slots, completed: &mut Vec<OnComplete>) {
    // SAFETY: the caller has the queue to itself.
    let queue = unsafe { uring.completion_shared() };
    for entry in queue {
        completed.push(slots.complete(Key(entry.user_data()), entry.result()));
    }
}

/// A waker that panics must not cost the others their wake-up; the panic hook has told of it.
fn wake_all(wakers: Vec<Waker>) {
    audit::user_code();
    for waker in wakers {
        let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
    }
}
