//! Looking out, that is, spinning for a short time before a sleep: a thread that is about to be woken need not sleep at all.
//!
//! Two threads that hand work back and forth sleep and wake each other each time: four system calls, and 20 to 40 us until the processor is
//! awake. A thread that looks out for that long instead continues at once. If no work comes, the time is lost, and on a busy machine it is
//! taken from the very thread that was to send work. So a thread looks out only while that pays ([`LookOut`]): after a look in vain it leaves
//! the next one out, then the next three, up to 255; each success halves the binary logarithm of that number. At most as many threads of a
//! process look out as it has processors, by its affinity and its quota, and none where it has one.
//!
//! Looking out is no part of any protocol: after each look the thread goes on to its sleep, and what has come by then ends that sleep at
//! once, as it would without the look. Models leave it out.

use super::clock;
use std::sync::OnceLock;
// Not part of a model: std's atomic under the model checker too.
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The longest look: about the time in which a processor wakes up.
const LONGEST: Duration = Duration::from_micros(40);
/// Checks between two clock reads.
const LOOKS: u32 = 16;
/// The binary logarithm of how many sleeps begin without a look after one in vain, at most.
const MOST: u32 = 8;
/// The binary logarithm of how many sleeps begin without a look before a thread's first.
const FIRST: u32 = 4;

/// Whether one thread looks out before its next sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LookOut {
    /// Sleeps until the next look.
    left: u32,
    /// The binary logarithm of how many are left out after a look in vain.
    doubt: u32,
}

impl LookOut {
    pub(crate) const fn new() -> LookOut {
        LookOut {
            left: (1 << FIRST) - 1,
            doubt: FIRST,
        }
    }

    /// Before a sleep: a look, if one is due and a processor can be spared.
    pub(crate) fn begin(&mut self) -> Option<Look<'_>> {
        if cfg!(runtime_loom) || !self.is_due() {
            return None;
        }
        let place = Place::take(&LOOKING, processors())?;
        Some(Look {
            of: self,
            _place: place,
        })
    }

    /// As [`begin`](Self::begin), and takes the look: true if `is_there` became true meanwhile.
    pub(crate) fn awaits(&mut self, is_there: impl Fn() -> bool) -> bool {
        self.begin()
            .is_some_and(|look| look.awaits(is_there, || true))
    }

    fn is_due(&mut self) -> bool {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                false
            }
            None => true,
        }
    }

    fn learn(&mut self, came: bool) {
        match came {
            true => self.doubt /= 2,
            false => {
                self.doubt = MOST.min(self.doubt + 1);
                self.left = (1 << self.doubt) - 1;
            }
        }
    }
}

/// A look that begins.
pub(crate) struct Look<'a> {
    of: &'a mut LookOut,
    _place: Place<'static>,
}

impl Look<'_> {
    /// Takes the look: true if `is_there` became true meanwhile. If what came was not `worth` it, the look counts as in vain.
    pub(crate) fn awaits(self, is_there: impl Fn() -> bool, worth: impl FnOnce() -> bool) -> bool {
        #[cfg(all(test, not(runtime_loom)))]
        tests::count();
        let came = looks(is_there, LONGEST);
        self.of.learn(came && worth());
        came
    }
}

fn looks(is_there: impl Fn() -> bool, longest: Duration) -> bool {
    let begin = clock::now();
    loop {
        for _ in 0..LOOKS {
            if is_there() {
                return true;
            }
            std::hint::spin_loop();
        }
        if begin.elapsed() >= longest {
            return false;
        }
    }
}

/// How many threads of this process look out.
static LOOKING: AtomicUsize = AtomicUsize::new(0);

/// The place of one thread that looks out.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    /// `None` where there is one processor, or all places are taken.
    fn take(taken: &'a AtomicUsize, processors: usize) -> Option<Place<'a>> {
        if processors < 2 {
            return None;
        }
        // Ordering: Relaxed; a count that publishes nothing.
        if taken.fetch_add(1, Ordering::Relaxed) >= processors {
            // Ordering: Relaxed; as above.
            taken.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Place(taken))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        // Ordering: Relaxed; as where it is taken.
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many processors this process may use, as it was at the first call.
pub(crate) fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| std::thread::available_parallelism().map_or(1, |n| n.get()))
}

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/spin.rs"]
pub(crate) mod tests;
