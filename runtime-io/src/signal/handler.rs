//! The signal handler, and the latches of this process that it feeds, one for each signal.
//!
//! I1: the handler's action is async-signal-safe: atomics, `clock_gettime`, and what `self_pipe` says. It takes no lock.
//! I2: a signal's action is registered once per process, and stays. It counts the arrival before it wakes any runtime.

use super::latch::Latch;
use super::self_pipe;
use libc::c_int;
use runtime_core::base::process_mutex::{ProcessMutex, Rank};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// Signal numbers of Linux, real-time ones included, end before this.
const SIGNALS: usize = 128;

#[cfg(not(runtime_loom))]
static LATCHES: [Latch; SIGNALS] = [const { Latch::new() }; SIGNALS];
/// No model uses it: loom's atomics exist only within a model.
#[cfg(runtime_loom)]
static LATCHES: std::sync::LazyLock<[Latch; SIGNALS]> =
    std::sync::LazyLock::new(|| std::array::from_fn(|_| Latch::new()));

static IS_INSTALLED: [AtomicBool; SIGNALS] = [const { AtomicBool::new(false) }; SIGNALS];
/// Held while an action is registered, which is rare and never in a handler.
static INSTALLING: ProcessMutex<()> = ProcessMutex::new(Rank::Leaf, ());

/// The arrivals that a listener that begins now need not see.
pub(super) fn arrivals_before(signal: c_int) -> io::Result<usize> {
    Ok(latch_of(signal)?.begin(monotonic_nanos()))
}

/// How often the signal has come.
pub(super) fn arrivals(signal: c_int) -> usize {
    latch_of(signal).map_or(0, Latch::arrivals)
}

/// True if the signal has come since `seen`, which is brought up to date.
pub(super) fn take(signal: c_int, seen: &mut usize) -> bool {
    latch_of(signal).is_ok_and(|latch| latch.take(seen))
}

fn latch_of(signal: c_int) -> io::Result<&'static Latch> {
    let latch = usize::try_from(signal).ok().and_then(|i| LATCHES.get(i));
    latch.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// Makes the process count the signal from now on.
pub(super) fn install(signal: c_int) -> io::Result<()> {
    let latch = latch_of(signal)?;
    let is_installed = &IS_INSTALLED[signal as usize];
    // Ordering: Acquire; pairs with the Release below.
    if is_installed.load(Ordering::Acquire) {
        return Ok(());
    }
    let _installing = INSTALLING.lock();
    // Ordering: Relaxed; written under the lock.
    if is_installed.load(Ordering::Relaxed) {
        return Ok(());
    }
    let arrive = move || note_arrival(latch, self_pipe::wake_all);
    // SAFETY: the action is async-signal-safe (I1).
    unsafe { signal_hook_registry::register(signal, arrive) }?;
    // Ordering: Release; pairs with the Acquire above.
    is_installed.store(true, Ordering::Release);
    Ok(())
}

/// The action of a signal: counts, and then wakes (I2).
pub(super) fn note_arrival(latch: &Latch, wake_all: impl FnOnce()) {
    latch.arrive(monotonic_nanos());
    wake_all();
}

pub(super) fn monotonic_nanos() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a `timespec` of ours; the call is async-signal-safe.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    nanos(time)
}

pub(super) fn nanos(time: libc::timespec) -> u64 {
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
