//! The queues: requests in, completions out.
//!
//! I1: the submission queue is written, and the completion queue read, under the lock only. `io_uring_enter` is
//!     called outside of the lock (the kernel has one of its own), as it may do an operation's whole work then
//!     and there.
//! I2: an entry that the kernel is yet to take is in the submission queue, or in `backlog` behind it. While there
//!     is one, a thread is in `flush`, or `is_stalled` is set: then the driver tries again before it parks (`retry`),
//!     and parks only for a while. The driver is woken when a stall begins; as long as the stall lasts it keeps its
//!     pauses, and no other thread asks the kernel.
//! I3: wakers run, and requests are dropped, outside of the lock.
//!
//! No completion is lost: the kernel keeps completions that do not fit the queue, says so, and hands them over at the
//! next `io_uring_enter`. (`Kernel::new` refuses older kernels, which may lose them.)
//!
//! A kernel short of memory (`EAGAIN`, `ENOMEM`) stalls the ring: the driver tries again at each turn, and every few
//! milliseconds. So does a kernel that cannot hand over its completions. A kernel that refuses `io_uring_enter` for good
//! (a filter installed since) breaks the ring: operations end with that error, and memory that the kernel may still use
//! is never freed.

use super::kernel::{self, Entry, Kernel};
use super::slots::{Key, OnAbandon, OnComplete, OnLook, Slots};
use super::{Request, shutdown};
use crate::shutdown::shutdown_error;
use runtime_core::base::contain;
use runtime_core::base::lock_audit;
use runtime_core::base::shim::sync::Mutex;
use runtime_core::base::shim::sync::atomic::{AtomicBool, Ordering};
use runtime_core::base::wake_batch::WakeBatch;
use runtime_core::base::waker_slot::{Look, WakerSlot, register};
use runtime_core::driver::Unpark;
use std::any::Any;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::task::{Poll, Waker};

/// Attempts without progress before the driver is left to try again.
const MOST_ATTEMPTS: usize = 8;

/// The payload of a waker's panic.
pub(super) type Panic = Box<dyn Any + Send>;

pub(crate) struct Ring {
    inner: Mutex<Inner>,
    /// Changed under the lock.
    is_stalled: AtomicBool,
    /// A bit for each opcode.
    can: u64,
    /// The reactor's, so that a ring that is forgotten keeps no descriptor.
    driver: Weak<dyn Unpark>,
}

pub(super) struct Inner {
    /// None once the ring is shut down.
    kernel: Option<Arc<Kernel>>,
    slots: Slots,
    backlog: VecDeque<Entry>,
    /// The kernel has completions that it could not hand over.
    has_surplus: bool,
    /// The error that broke the ring.
    broken: Option<i32>,
}

impl Ring {
    /// # Errors
    /// The kernel's.
    pub(super) fn new(driver: Weak<dyn Unpark>) -> io::Result<Ring> {
        Ok(Ring::on(Arc::new(Kernel::new()?), driver))
    }

    pub(super) fn on(kernel: Arc<Kernel>, driver: Weak<dyn Unpark>) -> Ring {
        let can = kernel.opcodes();
        Ring {
            inner: Mutex::new(Inner {
                kernel: Some(kernel),
                slots: Slots::default(),
                backlog: VecDeque::new(),
                has_surplus: false,
                broken: None,
            }),
            is_stalled: AtomicBool::new(false),
            can,
            driver,
        }
    }

    /// The descriptor that becomes readable when operations complete.
    pub(super) fn fd(&self) -> Option<RawFd> {
        self.inner.lock().kernel.as_ref().map(|k| k.as_raw_fd())
    }

    /// Can the kernel do this?
    pub(crate) fn can(&self, opcode: u8) -> bool {
        1u64.checked_shl(opcode.into())
            .is_some_and(|bit| self.can & bit != 0)
    }

    /// Must the driver call `retry` from time to time?
    pub(super) fn is_stalled(&self) -> bool {
        // Ordering: Relaxed; setting the flag is followed by a wake-up of the driver, which orders it.
        self.is_stalled.load(Ordering::Relaxed)
    }

    /// Starts an operation; its completion wakes `waker`, but not from within this call unless the
    /// kernel's queue is full.
    pub(super) fn submit(&self, request: Request, waker: &Waker) -> io::Result<Key> {
        let waker = WakerSlot::holding(waker);
        let mut inner = self.inner.lock();
        if let Err(error) = inner.check() {
            waker.drop_after(inner);
            return Err(error);
        }
        let key = inner.slots.insert(request, waker);
        if let Some(request) = inner.slots.request_mut(key) {
            let entry = kernel::start(key, request);
            inner.enqueue(entry);
        }
        // Under the lock: the thread that ends the stall sees the entry.
        let is_stalled = self.is_stalled();
        drop(inner);
        if !is_stalled {
            self.flush();
        }
        Ok(key)
    }

    /// The request and the result of an operation that has completed; if it is in flight, `waker` will be woken.
    pub(super) fn look(&self, key: Key, waker: &Waker) -> Poll<io::Result<(Request, i32)>> {
        let found = register(&self.inner, waker, |inner| {
            // A broken ring has woken all its wakers, and wakes no later one.
            if let Err(error) = inner.check() {
                return Look::Over(Err(error));
            }
            match inner.slots.look(key) {
                OnLook::Completed(request, result) => Look::Over(Ok((request, result))),
                OnLook::InFlight(slot) => Look::Wait(slot),
            }
        });
        found.map_or(Poll::Pending, Poll::Ready)
    }

    /// Nobody waits for the operation any more: cancels it if it may be cancelled.
    pub(super) fn abandon(&self, key: Key) -> OnAbandon {
        let mut inner = self.inner.lock();
        let answer = inner.slots.abandon(key);
        let cancels = matches!(
            answer,
            OnAbandon::InFlight {
                may_cancel: true,
                ..
            }
        );
        if cancels {
            inner.enqueue(kernel::cancel(key));
        }
        let is_stalled = self.is_stalled();
        drop(inner);
        if cancels && !is_stalled {
            self.flush();
        }
        answer
    }

    /// Makes the kernel take what is queued. Wakes the driver if the kernel takes no more for now.
    pub(super) fn flush(&self) {
        if self.try_flush() {
            self.wake_driver();
        }
    }

    /// The driver's new attempt at a stalled ring. Returns the first panic of a waker.
    pub(super) fn retry(&self) -> Option<Panic> {
        let panic = self.drain();
        self.try_flush();
        panic
    }

    /// True if a stall begins.
    fn try_flush(&self) -> bool {
        let mut attempts = 0;
        loop {
            let kernel = {
                let mut inner = self.inner.lock();
                let Some(kernel) = inner.kernel.clone() else {
                    return false;
                };
                if inner.broken.is_some() {
                    return false;
                }
                inner.refill();
                if inner.is_all_taken(&kernel) {
                    if !inner.has_surplus {
                        // Ordering: Relaxed; under the lock, as is setting it.
                        self.is_stalled.store(false, Ordering::Relaxed);
                    }
                    return false;
                }
                if attempts == MOST_ATTEMPTS {
                    return self.stall(&inner);
                }
                kernel
            };
            match kernel.submit() {
                Ok(0) => attempts += 1,
                Ok(_) => attempts = 0,
                Err(error) => match error.raw_os_error() {
                    Some(libc::EINTR) => {}
                    Some(libc::EBUSY) => {
                        // The kernel has completions without room. A waker's panic must not reach our caller.
                        if let Some(payload) = self.drain() {
                            contain::discard(payload);
                        }
                        attempts += 1;
                    }
                    Some(libc::EAGAIN | libc::ENOMEM) => attempts = MOST_ATTEMPTS,
                    code => self.break_down(code.unwrap_or(libc::EIO)),
                },
            }
        }
    }

    /// Leaves the rest to the driver; true if the driver does not know yet. A broken ring has no rest. Under the lock.
    fn stall(&self, inner: &Inner) -> bool {
        let begins = inner.broken.is_none() && !self.is_stalled();
        if begins {
            // Ordering: Relaxed; the wake-up that follows orders it for the driver.
            self.is_stalled.store(true, Ordering::Relaxed);
        }
        begins
    }

    fn wake_driver(&self) {
        if let Some(driver) = self.driver.upgrade() {
            driver.unpark();
        }
    }

    /// Takes completions in, and wakes their waiters. Returns the first panic of a waker.
    pub(super) fn drain(&self) -> Option<Panic> {
        let mut panic = None;
        loop {
            let mut completed = Vec::new();
            let overflowed = {
                let mut inner = self.inner.lock();
                let Some(kernel) = inner.kernel.clone() else {
                    return panic;
                };
                let overflowed = complete(&kernel, &mut inner.slots, &mut completed);
                inner.has_surplus = overflowed;
                (overflowed && inner.broken.is_none()).then_some(kernel)
            };
            lock_audit::user_code();
            for completion in completed {
                match completion {
                    OnComplete::Wake(waker) => {
                        let wake = AssertUnwindSafe(|| waker.wake_after(()));
                        if let Err(payload) = catch_unwind(wake) {
                            match panic {
                                None => panic = Some(payload),
                                Some(_) => contain::discard(payload),
                            }
                        }
                    }
                    OnComplete::Dispose(request, result) => drop(request.finish(result)),
                    OnComplete::Unknown => {}
                }
            }
            // This brings the completions that did not fit.
            let error = match overflowed.map(|kernel| kernel.submit()) {
                Some(Ok(_)) => continue,
                Some(Err(error)) => error.raw_os_error(),
                None => return panic,
            };
            match error {
                Some(libc::EINTR) => {}
                Some(libc::EAGAIN | libc::ENOMEM | libc::EBUSY) => {
                    let begins = self.stall(&self.inner.lock());
                    if begins {
                        self.wake_driver();
                    }
                    return panic;
                }
                code => self.break_down(code.unwrap_or(libc::EIO)),
            }
        }
    }

    /// The kernel takes no more entries, for good.
    fn break_down(&self, code: i32) {
        let mut wakers = WakeBatch::new();
        let mut inner = self.inner.lock();
        inner.broken = Some(code);
        // Ordering: Relaxed; under the lock, as is setting it.
        self.is_stalled.store(false, Ordering::Relaxed);
        inner.slots.interrupt(&mut wakers);
        wakers.wake_contained_after(inner);
    }

    /// Ends everything. Operations in flight are cancelled or waited for; later ones fail.
    pub(super) fn shut_down(&self) {
        let (kernel, mut slots, backlog, is_broken) = {
            let mut inner = self.inner.lock();
            let Some(kernel) = inner.kernel.take() else {
                return;
            };
            let slots = std::mem::take(&mut inner.slots);
            let backlog = std::mem::take(&mut inner.backlog);
            (kernel, slots, backlog, inner.broken.is_some())
        };
        let mut wakers = WakeBatch::new();
        let keys = slots.interrupt(&mut wakers);
        if !is_broken {
            shutdown::end(kernel, slots, &backlog, &keys);
        }
        wakers.wake_contained_after(());
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
        match (&self.kernel, self.broken) {
            (None, _) => Err(shutdown_error()),
            (_, Some(code)) => Err(io::Error::from_raw_os_error(code)),
            (Some(_), None) => Ok(()),
        }
    }

    /// Entries reach the kernel in the order in which they come here: no cancellation before what it cancels.
    fn enqueue(&mut self, entry: Entry) {
        if !self.backlog.is_empty() || !self.push(&entry) {
            self.backlog.push_back(entry);
        }
    }

    fn push(&mut self, entry: &Entry) -> bool {
        let kernel = self.kernel.as_ref();
        kernel.is_some_and(|kernel| push(kernel, entry))
    }

    fn refill(&mut self) {
        while let Some(entry) = self.backlog.pop_front() {
            if !self.push(&entry) {
                self.backlog.push_front(entry);
                return;
            }
        }
    }

    fn is_all_taken(&self, kernel: &Kernel) -> bool {
        // SAFETY: under the lock, by I1.
        self.backlog.is_empty() && unsafe { kernel.has_taken_all() }
    }
}

/// Queues an entry; false if there is no room. The caller has the queue to itself (I1), and keeps what the entry
/// points to.
pub(super) fn push(kernel: &Kernel, entry: &Entry) -> bool {
    // SAFETY: the caller has the queue to itself. The request is in its slot until the operation completes
    // (`slots`, I1), and its memory does not move (`request`, I1). Cancellations point nowhere.
    unsafe { kernel.push(entry) }
}

/// Empties the completion queue into the slots; true if there are more completions, which come with the next
/// submission. The caller has the queues to itself (I1).
pub(super) fn complete(
    kernel: &Kernel,
    slots: &mut Slots,
    completed: &mut Vec<OnComplete>,
) -> bool {
    // SAFETY: the caller has the queues to itself.
    unsafe { kernel.completions(|key, result| completed.push(slots.complete(key, result))) }
}
