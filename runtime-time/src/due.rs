//! Ticks: the wheels' unit of time, a millisecond since the clock's base.

use std::time::Duration;

const NANOS_PER_TICK: u32 = 1_000_000;
const TICKS_PER_SECOND: u64 = 1_000;

/// A deadline as the wheels know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due {
    /// The tick at which it fires.
    pub(crate) tick: u64,
    /// How far it is from the beginning of the tick before, in nanoseconds: from 1 to all of a tick. Orders those
    /// of one tick.
    pub(crate) within: u32,
}

impl Due {
    /// The first tick not before that time since the base: a timer never fires early.
    pub(crate) fn after(since: Duration) -> Due {
        let (whole, rest) = (since.as_secs(), since.subsec_nanos());
        let within = rest % NANOS_PER_TICK;
        // The largest value means "no timer".
        let tick = whole
            .saturating_mul(TICKS_PER_SECOND)
            .saturating_add(u64::from(rest.div_ceil(NANOS_PER_TICK)))
            .min(u64::MAX - 1);
        Due {
            tick,
            within: if within == 0 { NANOS_PER_TICK } else { within },
        }
    }

    /// Due when `tick` begins.
    #[cfg(test)]
    pub(crate) fn at(tick: u64) -> Due {
        Due {
            tick,
            within: NANOS_PER_TICK,
        }
    }
}
