//! What has arrived in this process: a count for each signal; and signals that arrive while nobody listens.
//!
//! A loop that calls `ctrl_c` anew each time, or drops one stream and makes another, has moments without a
//! listener. A signal from such a moment is kept, and given to the first listener that comes within
//! [`KEPT`]; what is older was for a program that did not care any more.
//!
//! I1: the handler's part is async-signal-safe: atomics, `clock_gettime`, and what `pair` says.
//! I2: a latch's action is registered once a process and signal, and stays. It counts before it wakes anybody.

use super::pair;
use libc::c_int;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// How long an unheard signal is kept.
const KEPT: Duration = Duration::from_millis(100);
/// Signal numbers of Linux, real-time ones included, end before this.
const SIGNALS: usize = 128;

struct Latch {
    is_installed: AtomicBool,
    listeners: AtomicUsize,
    /// Wraps around; only whether it has changed matters.
    arrivals: AtomicUsize,
    /// When the last signal came that nobody heard, in nanoseconds of the monotonic clock; 0: none.
    unheard_at: AtomicU64,
}

static LATCHES: [Latch; SIGNALS] = [const {
    Latch {
        is_installed: AtomicBool::new(false),
        listeners: AtomicUsize::new(0),
        arrivals: AtomicUsize::new(0),
        unheard_at: AtomicU64::new(0),
    }
}; SIGNALS];

/// Held while an action is registered, which is rare and never in a handler.
static INSTALLING: Mutex<()> = Mutex::new(());

/// Counts a listener; gives the arrivals before it, less one if that came just before it and nobody heard it.
pub(super) fn begin_listening(signal: c_int) -> io::Result<usize> {
    let Some(latch) = latch_of(signal) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    install(signal, latch)?;
    let arrivals = arrivals(signal);
    // Ordering: SeqCst; the handler stores `unheard_at` after it saw no listener, on any thread.
    latch.listeners.fetch_add(1, Ordering::SeqCst);
    // Ordering: SeqCst; as above.
    let at = latch.unheard_at.swap(0, Ordering::SeqCst);
    let is_owed = at != 0 && monotonic_nanos().saturating_sub(at) < KEPT.as_nanos() as u64;
    Ok(arrivals.wrapping_sub(usize::from(is_owed)))
}

/// How often the signal has come.
pub(super) fn arrivals(signal: c_int) -> usize {
    // Ordering: SeqCst; after a listener's bell is in use, before the handler looks for bells: see `pair`.
    latch_of(signal).map_or(0, |latch| latch.arrivals.load(Ordering::SeqCst))
}

/// Undoes one `begin_listening`.
pub(super) fn end_listening(signal: c_int) {
    if let Some(latch) = latch_of(signal) {
        // Ordering: SeqCst; see `begin_listening`.
        latch.listeners.fetch_sub(1, Ordering::SeqCst);
    }
}

fn latch_of(signal: c_int) -> Option<&'static Latch> {
    LATCHES.get(usize::try_from(signal).ok()?)
}

fn install(signal: c_int, latch: &'static Latch) -> io::Result<()> {
    // Ordering: Acquire; pairs with the Release below.
    if latch.is_installed.load(Ordering::Acquire) {
        return Ok(());
    }
    let _installing = INSTALLING
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    // Ordering: Relaxed; written under the lock.
    if latch.is_installed.load(Ordering::Relaxed) {
        return Ok(());
    }
    let arrive = move || {
        // Ordering: SeqCst; see `arrivals`.
        latch.arrivals.fetch_add(1, Ordering::SeqCst);
        // Ordering: SeqCst; see `begin_listening`.
        if latch.listeners.load(Ordering::SeqCst) == 0 {
            // Ordering: SeqCst; as above.
            latch.unheard_at.store(monotonic_nanos(), Ordering::SeqCst);
        } else {
            pair::ring_all();
        }
    };
    // SAFETY: the action is async-signal-safe (I1).
    unsafe { signal_hook_registry::register(signal, arrive) }?;
    // Ordering: Release; pairs with the Acquire above.
    latch.is_installed.store(true, Ordering::Release);
    Ok(())
}

fn monotonic_nanos() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a `timespec` of ours; the call is async-signal-safe.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
