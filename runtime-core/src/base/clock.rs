//! The time. Nothing else in the workspace reads the system's clock or sleeps by it, so that the clock can be replaced in
//! one place.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The current time.
#[inline]
pub fn now() -> Instant {
    Instant::now()
}

/// A time as people write it: `30`, `1.5`, `30s`, `500ms`, `2m`.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(digits.parse::<f64>().ok()? * unit).ok()
}

/// Blocks this thread for a time. For back-offs only: a thread that waits for something parks.
pub fn block_for(duration: Duration) {
    match cfg!(runtime_loom) {
        true => crate::base::shim::thread::yield_now(), // a model has no clock
        false => std::thread::sleep(duration),
    }
}

/// A number that grows with the time, at one rate on all cores: the cheapest clock there is, for records. It is the processor's
/// counter where the counter never changes its rate, else nanoseconds.
#[inline]
pub(crate) fn ticks() -> u64 {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    if has_steady_counter() {
        // SAFETY: reads a counter; every x86-64 processor has it.
        return unsafe { std::arch::x86_64::_rdtsc() };
    }
    nanos()
}

/// [`ticks`], where they are the processor's counter and that is known already: then no call is needed.
#[inline(always)]
pub(crate) fn ticks_at_once() -> Option<u64> {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    if let Some(true) = STEADY.get() {
        // SAFETY: reads a counter; every x86-64 processor has it.
        return Some(unsafe { std::arch::x86_64::_rdtsc() });
    }
    None
}

/// Nanoseconds since the first call in this process.
#[inline(never)]
pub(crate) fn nanos() -> u64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    FIRST.get_or_init(now).elapsed().as_nanos() as u64
}

/// One moment by both clocks. A look reads one clock and then the other. If the thread loses its processor in between, the two
/// readings are of different moments, and rates computed from them are wrong. So the quickest of several looks counts.
pub(crate) fn ticks_and_nanos() -> (u64, u64) {
    const LOOKS: usize = 5;
    quickest((0..LOOKS).map(|_| {
        let begin = ticks();
        let nanos = nanos();
        (begin, nanos, ticks())
    }))
}

/// The quickest of several looks (ticks before, nanoseconds, ticks after): the middle of its ticks, and its nanoseconds.
pub(super) fn quickest(looks: impl Iterator<Item = (u64, u64, u64)>) -> (u64, u64) {
    let best = looks.min_by_key(|(begin, _, end)| end.saturating_sub(*begin));
    let (begin, nanos, end) = best.unwrap_or_default();
    (begin + end.saturating_sub(begin) / 2, nanos)
}

/// What [`has_steady_counter`] has found.
#[cfg(all(target_arch = "x86_64", not(miri)))]
static STEADY: OnceLock<bool> = OnceLock::new();

/// Does the processor say that its counter has one rate, whatever the core's frequency and sleep?
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline]
fn has_steady_counter() -> bool {
    *STEADY.get_or_init(|| {
        use std::arch::x86_64::__cpuid;

        const LAST: u32 = 0x8000_0000;
        const POWER: u32 = 0x8000_0007;
        #[allow(unused_unsafe)] // safe from Rust 1.94 on
        let leaf = |leaf| {
            // SAFETY: every x86-64 processor has the instruction, and the first leaf asked for.
            unsafe { __cpuid(leaf) }
        };
        leaf(LAST).eax >= POWER && leaf(POWER).edx & 1 << 8 != 0
    })
}

/// Nanoseconds since 1970 by the system's clock, which may be set.
pub(crate) fn unix_nanos() -> u64 {
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as u64)
}
