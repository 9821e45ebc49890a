//! What this thread is used for (whether it may block), its numbers, and how long it waited for a processor.

use std::cell::Cell;
// Not part of a protocol: std's atomic under the model checker too.
use crate::base::shim::atomic64::AtomicU64;
use std::sync::atomic::Ordering;

/// How this thread may block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entered {
    /// Not driving a runtime: may block.
    No,
    /// Driving one; `block_in_place` may step out of it.
    Yes {
        /// Can its other tasks go on elsewhere?
        allow_block_in_place: bool,
    },
}

// Without destructors, so that they can be read until a thread's very end.
crate::runtime_thread_local! {
    static ENTERED: Cell<Entered> = Cell::new(Entered::No)
}
crate::runtime_thread_local! {
    static TOKEN: Cell<u64> = Cell::new(0)
}

/// A number that no other thread of this process has had.
pub(crate) fn token() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    TOKEN.with(|token| {
        if token.get() == 0 {
            // Ordering: Relaxed; a counter, only its uniqueness matters.
            token.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        token.get()
    })
}

/// The system's number of this thread, on Linux and Android; else 0.
pub(crate) fn system_id() -> u64 {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: asks for a number.
    return unsafe { libc::gettid() } as u64;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    0
}

/// From the first call on, Linux and Android wake this thread as soon as a sleep of it is over. By default Linux may wait 50 us longer, so
/// that one interrupt serves the timers of several threads.
pub fn sleep_without_slack() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        std::thread_local! {
            static IS_SET: Cell<bool> = const { Cell::new(false) };
        }
        if !IS_SET.replace(true) {
            let nanos: libc::c_ulong = 1;
            // SAFETY: sets a number of this thread.
            unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, nanos) };
        }
    }
}

/// The text of a file in which the system describes a thread of this process.
fn told_of(system_id: u64, file: &str) -> Option<String> {
    std::fs::read_to_string(format!("/proc/self/task/{system_id}/{file}")).ok()
}

/// For how long a thread of this process has waited for a processor so far, in nanoseconds, where the system tells it.
pub(crate) fn processor_waited(system_id: u64) -> Option<u64> {
    let told = told_of(system_id, "schedstat")?;
    told.split(' ').nth(1)?.trim().parse().ok()
}

/// As [`processor_waited`], and how often the thread has lost its processor to another one.
pub(crate) fn processor_waits(system_id: u64) -> Option<(u64, u64)> {
    let waited = processor_waited(system_id)?;
    let lost = told_of(system_id, "status").and_then(|status| {
        let line = |line: &&str| line.starts_with("nonvoluntary_ctxt_switches:");
        let line = status.lines().find(line)?;
        line.rsplit(char::is_whitespace).next()?.parse().ok()
    });
    Some((waited, lost.unwrap_or(0)))
}

/// How this thread may block.
pub fn entered() -> Entered {
    ENTERED.with(Cell::get)
}

/// Does this thread drive asynchronous tasks?
pub fn is_entered() -> bool {
    entered() != Entered::No
}

/// Puts back how the thread may block.
#[derive(Debug)]
#[must_use = "dropping the guard puts back what was"]
pub struct RestoreEntered(Entered);

impl Drop for RestoreEntered {
    fn drop(&mut self) {
        ENTERED.with(|entered| entered.set(self.0));
    }
}

/// Sets how this thread may block, until the guard is dropped.
pub fn replace_entered(entered: Entered) -> RestoreEntered {
    RestoreEntered(ENTERED.with(|cell| cell.replace(entered)))
}

/// Until the guard is dropped, `block_in_place` panics (as in a `LocalSet`, which cannot be handed to another thread).
pub(crate) fn disallow_block_in_place() -> Option<RestoreEntered> {
    match entered() {
        Entered::Yes {
            allow_block_in_place: true,
        } => Some(replace_entered(Entered::Yes {
            allow_block_in_place: false,
        })),
        _ => None,
    }
}

/// # Panics
/// With `message`, on a thread that is driving asynchronous tasks.
#[track_caller]
pub fn assert_blocking_allowed(message: &str) {
    if is_entered() {
        panic!("{message}");
    }
}

/// In a forked child: its thread drives nothing any more.
pub(crate) fn forget_runtime() {
    let _ = ENTERED.try_with(|entered| entered.set(Entered::No));
}
