//! `Instant`: the monotonic clock's reading, which a paused clock holds still.

use crate::clock::was_any_paused;
use crate::slots::with_time;
use runtime_core::base::clock;
use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

/// A moment of the runtime's clock: the system's monotonic clock, unless it is paused.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
/// use selvedge::time::Instant;
/// let start = Instant::now();
/// selvedge::time::sleep(Duration::from_millis(20)).await;
/// assert!(start.elapsed() >= Duration::from_millis(20));
/// # }
/// ```
#[derive(Clone, Copy, Eq, PartialEq, PartialOrd, Ord, Hash)]
pub struct Instant {
    std: std::time::Instant,
}

impl Instant {
    /// Now, by the current runtime's clock.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use std::time::Duration;
    /// use selvedge::time::{Instant, advance};
    /// let before = Instant::now();
    /// advance(Duration::from_secs(60)).await; // the test's clock, not the system's
    /// assert_eq!(Instant::now() - before, Duration::from_secs(60));
    /// # }
    /// ```
    pub fn now() -> Instant {
        let paused = match was_any_paused() {
            true => with_time(|time| time.clock().now()),
            false => None,
        };
        Instant::from_std(paused.unwrap_or_else(clock::now))
    }

    /// The same moment as the standard library's type.
    ///
    /// ```
    /// use selvedge::time::Instant;
    /// let now = Instant::now();
    /// assert_eq!(Instant::from_std(now.into_std()), now);
    /// ```
    pub fn into_std(self) -> std::time::Instant {
        self.std
    }

    /// From the standard library's type.
    ///
    /// ```
    /// use selvedge::time::Instant;
    /// let std = std::time::Instant::now();
    /// assert_eq!(Instant::from_std(std).into_std(), std);
    /// ```
    pub fn from_std(std: std::time::Instant) -> Instant {
        Instant { std }
    }

    /// Some 30 years from now: as good as never, and safe to add to.
    pub(crate) fn far_future() -> Instant {
        Instant::now() + Duration::from_secs(86_400 * 365 * 30)
    }

    /// Time since `earlier`; zero if that is later.
    ///
    /// ```
    /// use std::time::Duration;
    /// use selvedge::time::Instant;
    /// let earlier = Instant::now();
    /// let later = earlier + Duration::from_secs(1);
    /// assert_eq!(later.duration_since(earlier), Duration::from_secs(1));
    /// assert_eq!(earlier.duration_since(later), Duration::ZERO);
    /// ```
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        self.std.saturating_duration_since(earlier.std)
    }

    /// Time since `earlier`; `None` if that is later.
    ///
    /// ```
    /// use std::time::Duration;
    /// use selvedge::time::Instant;
    /// let earlier = Instant::now();
    /// let later = earlier + Duration::from_secs(1);
    /// assert_eq!(later.checked_duration_since(earlier), Some(Duration::from_secs(1)));
    /// assert_eq!(earlier.checked_duration_since(later), None);
    /// ```
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.std.checked_duration_since(earlier.std)
    }

    /// Time since `earlier`; zero if that is later.
    ///
    /// ```
    /// use std::time::Duration;
    /// use selvedge::time::Instant;
    /// let now = Instant::now();
    /// assert_eq!(now.saturating_duration_since(now + Duration::from_secs(1)), Duration::ZERO);
    /// ```
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.std.saturating_duration_since(earlier.std)
    }

    /// Time since this moment.
    ///
    /// ```
    /// use selvedge::time::Instant;
    /// let start = Instant::now();
    /// let work: u64 = (0..1000).sum();
    /// println!("{work}, summed up in {:?}", start.elapsed());
    /// ```
    pub fn elapsed(&self) -> Duration {
        Instant::now().duration_since(*self)
    }

    /// `None` where the clock's range ends.
    ///
    /// ```
    /// use std::time::Duration;
    /// use selvedge::time::Instant;
    /// let now = Instant::now();
    /// assert!(now.checked_add(Duration::from_secs(1)).is_some());
    /// assert!(now.checked_add(Duration::MAX).is_none()); // beyond the clock's range
    /// ```
    pub fn checked_add(&self, duration: Duration) -> Option<Instant> {
        self.std.checked_add(duration).map(Instant::from_std)
    }

    /// `None` where the clock's range ends.
    ///
    /// ```
    /// use std::time::Duration;
    /// use selvedge::time::Instant;
    /// let now = Instant::now();
    /// assert_eq!((now + Duration::from_secs(1)).checked_sub(Duration::from_secs(1)), Some(now));
    /// ```
    pub fn checked_sub(&self, duration: Duration) -> Option<Instant> {
        self.std.checked_sub(duration).map(Instant::from_std)
    }
}

impl From<std::time::Instant> for Instant {
    fn from(std: std::time::Instant) -> Instant {
        Instant { std }
    }
}

impl From<Instant> for std::time::Instant {
    fn from(instant: Instant) -> std::time::Instant {
        instant.std
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;
    fn add(self, other: Duration) -> Instant {
        Instant::from_std(self.std + other)
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, other: Duration) {
        self.std += other;
    }
}

impl Sub for Instant {
    type Output = Duration;
    fn sub(self, other: Instant) -> Duration {
        self.duration_since(other)
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;
    fn sub(self, other: Duration) -> Instant {
        Instant::from_std(self.std - other)
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, other: Duration) {
        self.std -= other;
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.std.fmt(f)
    }
}
