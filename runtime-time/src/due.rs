//! Ticks: the wheels' unit of time, counted from the clock's base. A millisecond, unless the runtime's builder says otherwise.

use std::time::Duration;

const NANOS_PER_SECOND: u32 = 1_000_000_000;
const NANOS_PER_MILLI: u32 = 1_000_000;

/// How long the ticks of a clock are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticks {
    /// Divides a second.
    nanos: u32,
    per_second: u32,
}

/// A deadline as the wheels know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due {
    /// The tick at which it fires.
    pub(crate) tick: u64,
    /// How far the deadline is past the beginning of the previous tick, in nanoseconds: from 1 to a whole tick. Orders
    /// the timers of one tick.
    pub(crate) within: u32,
}

impl Ticks {
    /// The longest ticks that divide a second and are not longer than `resolution`, but at least a nanosecond. Below a
    /// millisecond they are at most a quarter of `resolution`, as the system needs time to wake a thread.
    pub(crate) fn new(mut resolution: Duration) -> Ticks {
        if resolution < Duration::from_millis(1) {
            resolution /= 4;
        }
        // A second has 2^9 * 5^9 nanoseconds.
        let powers = |base: u32| (0..=9).map(move |power| base.pow(power));
        let divisors = powers(2).flat_map(|two| powers(5).map(move |five| two * five));
        let fits = |nanos: &u32| u128::from(*nanos) <= resolution.as_nanos();
        let nanos = divisors.filter(fits).max().unwrap_or(1);
        Ticks {
            nanos,
            per_second: NANOS_PER_SECOND / nanos,
        }
    }

    /// Are they shorter than a millisecond, which is tokio's tick?
    pub(crate) fn are_fine(self) -> bool {
        self.nanos < NANOS_PER_MILLI
    }

    /// Divides into ticks and a rest. A millisecond, the usual tick, is divided by as a constant: several times as fast.
    #[inline(always)]
    fn divide(self, nanos: u32) -> (u32, u32) {
        match self.nanos {
            NANOS_PER_MILLI => (nanos / NANOS_PER_MILLI, nanos % NANOS_PER_MILLI),
            tick => (nanos / tick, nanos % tick),
        }
    }

    /// The tick that is reached `since` after the base.
    #[inline]
    pub(crate) fn reached(self, since: Duration) -> u64 {
        let (ticks, _) = self.divide(since.subsec_nanos());
        self.whole(since).saturating_add(u64::from(ticks))
    }

    /// The ticks of the whole seconds.
    #[inline(always)]
    fn whole(self, since: Duration) -> u64 {
        since.as_secs().saturating_mul(self.per_second.into())
    }

    /// The first tick not before that time since the base: a timer never fires early.
    #[inline]
    pub(crate) fn due_after(self, since: Duration) -> Due {
        let (ticks, within) = self.divide(since.subsec_nanos());
        let begun = u64::from(ticks) + u64::from(within != 0);
        Due {
            // The largest value means "no timer".
            tick: self.whole(since).saturating_add(begun).min(u64::MAX - 1),
            within: if within == 0 { self.nanos } else { within },
        }
    }

    /// The time from the base to the beginning of a tick.
    pub(crate) fn time_of(self, tick: u64) -> Duration {
        let per_second = u64::from(self.per_second);
        let (seconds, ticks) = (tick / per_second, tick % per_second);
        // Less than a second.
        Duration::new(seconds, ticks as u32 * self.nanos)
    }

    /// The same in milliseconds, rounded up.
    #[inline(always)]
    pub(crate) fn millis_of(self, tick: u64) -> u64 {
        match self.nanos {
            NANOS_PER_MILLI => tick,
            _ => self.in_millis(tick),
        }
    }

    #[cold]
    fn in_millis(self, tick: u64) -> u64 {
        let nanos = self.time_of(tick).as_nanos();
        u64::try_from(nanos.div_ceil(NANOS_PER_MILLI.into())).unwrap_or(u64::MAX)
    }
}

impl Due {
    /// Due when `tick` begins, with ticks of a millisecond.
    #[cfg(test)]
    pub(crate) fn at(tick: u64) -> Due {
        Due {
            tick,
            within: NANOS_PER_MILLI,
        }
    }
}
