//! A countdown, for something that is done every so many steps. A remainder instead would take longer than the rest of a step.

/// Steps that are left.
#[derive(Debug)]
pub(crate) struct Countdown(u32);

impl Countdown {
    pub(crate) fn new(interval: u32) -> Countdown {
        Countdown(interval)
    }

    /// Counts a step. True for the last of an interval, after which the next one begins. An interval of 0 is refused by the builder.
    #[inline]
    pub(crate) fn is_over(&mut self, interval: u32) -> bool {
        self.0 -= 1;
        let is_over = self.0 == 0;
        if is_over {
            self.0 = interval;
        }
        is_over
    }

    /// The interval has changed: the current one ends no later than a new one would.
    pub(crate) fn shorten(&mut self, interval: u32) {
        self.0 = self.0.min(interval);
    }
}

#[cfg(all(test, not(runtime_loom)))]
mod tests {
    use super::Countdown;

    #[test]
    fn every_so_many_steps_and_sooner_where_the_interval_is_shortened() {
        for interval in [1, 2, 5] {
            let mut left = Countdown::new(interval);
            for step in 1..=20 {
                assert_eq!(left.is_over(interval), step % interval == 0, "{step}");
            }
        }
        let mut left = Countdown::new(10);
        assert!(!left.is_over(10));
        left.shorten(20); // 9 steps are left
        left.shorten(3);
        let over = [(); 7].map(|()| left.is_over(3));
        assert_eq!(over, [false, false, true, false, false, true, false]);
    }
}
