//! How the runtime's histograms divide durations into buckets.

use runtime_core::runtime::config::HistogramBuckets;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// Scale of the former, simple histogram.
///
/// ```
/// # #![allow(deprecated)]
/// use selvedge::runtime::{Builder, HistogramScale};
/// let runtime = Builder::new_current_thread()
///     .enable_metrics_poll_time_histogram()
///     .metrics_poll_count_histogram_scale(HistogramScale::Log)
///     .build()
///     .unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HistogramScale {
    /// All buckets equally wide.
    Linear,
    /// Each bucket twice as wide as the one before.
    Log,
}

/// How a histogram divides durations: [`linear`](Self::linear) or [`log`](Self::log).
///
/// ```
/// use std::time::Duration;
/// use selvedge::runtime::{HistogramConfiguration, LogHistogram};
/// let even = HistogramConfiguration::linear(Duration::from_micros(100), 20);
/// let growing = HistogramConfiguration::log(LogHistogram::default());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistogramConfiguration(Scale);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Scale {
    Simple(Simple),
    Log(LogHistogram),
}

/// `buckets` of `resolution` nanoseconds each, or doubling from that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Simple {
    pub(super) scale: HistogramScale,
    pub(super) resolution: u64,
    pub(super) buckets: usize,
}

impl Default for Simple {
    fn default() -> Self {
        Simple {
            scale: HistogramScale::Linear,
            resolution: 100_000,
            buckets: 10,
        }
    }
}

impl Default for HistogramConfiguration {
    fn default() -> Self {
        HistogramConfiguration(Scale::Simple(Simple::default()))
    }
}

impl HistogramConfiguration {
    /// `num_buckets` buckets, each `bucket_width` wide; the last takes all that is longer.
    ///
    /// # Panics
    /// If the width or the number is zero.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use selvedge::runtime::HistogramConfiguration;
    /// let ten_of_100_us = HistogramConfiguration::linear(Duration::from_micros(100), 10);
    /// ```
    pub fn linear(bucket_width: Duration, num_buckets: usize) -> Self {
        assert!(
            !bucket_width.is_zero(),
            "bucket_width must be greater than 0"
        );
        assert!(num_buckets > 0, "num_buckets must be greater than 0");
        HistogramConfiguration(Scale::Simple(Simple {
            scale: HistogramScale::Linear,
            resolution: bucket_width.as_nanos().try_into().unwrap_or(u64::MAX),
            buckets: num_buckets,
        }))
    }

    /// Buckets that grow with the value, so the relative error stays bounded.
    ///
    /// ```
    /// use selvedge::runtime::{HistogramConfiguration, LogHistogram};
    /// let growing = HistogramConfiguration::log(LogHistogram::builder().max_error(0.25));
    /// ```
    pub fn log(configuration: impl Into<LogHistogram>) -> Self {
        HistogramConfiguration(Scale::Log(configuration.into()))
    }

    /// The simple histogram's parameters, made simple first if need be.
    pub(super) fn legacy_mut(&mut self) -> &mut Simple {
        if matches!(self.0, Scale::Log(_)) {
            *self = HistogramConfiguration::default();
        }
        match &mut self.0 {
            Scale::Simple(simple) => simple,
            Scale::Log(_) => unreachable!("made simple above"),
        }
    }
}

/// A logarithmic histogram: each power of two is divided into 2^p equal buckets.
///
/// The scheme of H2 histograms (<https://h2histogram.org>): the relative error is at most 2^-p.
///
/// ```
/// use std::time::Duration;
/// use selvedge::runtime::LogHistogram;
/// let histogram = LogHistogram::builder().max_value(Duration::from_secs(1)).build();
/// assert!(histogram.max_value() >= 1_000_000_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogHistogram {
    buckets: usize,
    p: u32,
    offset: usize,
}

impl Default for LogHistogram {
    fn default() -> Self {
        LogHistogramBuilder::default().build()
    }
}

impl LogHistogram {
    /// A builder with the defaults: 100 ns to 60 s, error at most 25 %.
    ///
    /// ```
    /// use selvedge::runtime::LogHistogram;
    /// assert_eq!(LogHistogram::builder().build(), LogHistogram::default());
    /// ```
    pub fn builder() -> LogHistogramBuilder {
        LogHistogramBuilder::default()
    }

    /// Values from this on, in nanoseconds, fall into the last bucket.
    ///
    /// ```
    /// use std::time::Duration;
    /// use selvedge::runtime::LogHistogram;
    /// let histogram = LogHistogram::builder().max_value(Duration::from_secs(1)).build();
    /// assert!(histogram.max_value() >= 1_000_000_000); // nanoseconds
    /// ```
    pub fn max_value(&self) -> u64 {
        self.range(self.buckets - 1).start
    }

    fn from_limits(p: u32, min: u64, max: u64) -> LogHistogram {
        let (low, high) = (index_of(min, p), index_of(max, p));
        // A first bucket for values below that of `min`, if there can be any, and a last for values above.
        let below = low.min(1);
        LogHistogram {
            buckets: below + (high - low + 1) + 1,
            p,
            offset: low - below,
        }
    }

    fn bucket(&self, nanos: u64) -> usize {
        index_of(nanos, self.p)
            .saturating_sub(self.offset)
            .min(self.buckets - 1)
    }

    fn range(&self, bucket: usize) -> Range<u64> {
        let start = if bucket == 0 {
            0
        } else {
            start_of(bucket + self.offset, self.p)
        };
        let end = match bucket + 1 == self.buckets {
            true => u64::MAX,
            false => start_of(bucket + self.offset + 1, self.p),
        };
        start..end
    }
}

/// Bucket of a value, before any are cut off.
fn index_of(value: u64, p: u32) -> usize {
    let exact = 1_u64 << (p + 1);
    if value < exact {
        return value as usize;
    }
    let exponent = 63 - value.leading_zeros();
    let within = (value - (1 << exponent)) >> (exponent - p);
    ((exponent - p + 1) as usize) * (1 << p) + within as usize
}

/// First value of a bucket; the inverse of `index_of`.
fn start_of(index: usize, p: u32) -> u64 {
    let exact = 1_usize << (p + 1);
    if index < exact {
        return index as u64;
    }
    let exponent = (index >> p) as u32 + p - 1;
    if exponent >= 64 {
        return u64::MAX;
    }
    let within = (index & ((1 << p) - 1)) as u64;
    (1 << exponent) + (within << (exponent - p))
}

impl From<LogHistogramBuilder> for LogHistogram {
    fn from(builder: LogHistogramBuilder) -> Self {
        builder.build()
    }
}

/// Builds a [`LogHistogram`].
///
/// ```
/// use std::time::Duration;
/// use selvedge::runtime::LogHistogram;
/// let histogram = LogHistogram::builder()
///     .min_value(Duration::from_micros(1))
///     .max_value(Duration::from_secs(1))
///     .max_error(0.1)
///     .build();
/// assert!(histogram.max_value() >= 1_000_000_000);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LogHistogramBuilder {
    min: Option<Duration>,
    max: Option<Duration>,
    precision: Option<u32>,
}

impl LogHistogramBuilder {
    /// The largest relative error, above 0 and at most 1; rounded down to a power of two.
    ///
    /// # Panics
    /// Outside of that range.
    ///
    /// # Examples
    /// ```
    /// use selvedge::runtime::LogHistogram;
    /// let finer = LogHistogram::builder().max_error(0.05).build();
    /// assert_ne!(finer, LogHistogram::default());
    /// ```
    pub fn max_error(mut self, max_error: f64) -> Self {
        assert!(max_error > 0.0, "max_error must be greater than 0");
        assert!(max_error < 1.0, "max_error must be less than 1");
        let mut p = 2;
        while 2_f64.powf(-f64::from(p)) > max_error && p <= 10 {
            p += 1;
        }
        self.precision = Some(p);
        self
    }

    /// Divides each power of two into 2^p buckets.
    ///
    /// # Panics
    /// If above 10.
    ///
    /// # Examples
    /// ```
    /// use selvedge::runtime::LogHistogram;
    /// // 2^4 buckets for each power of two: an error of at most 1/16.
    /// let finer = LogHistogram::builder().precision_exact(4).build();
    /// assert_ne!(finer, LogHistogram::default());
    /// ```
    pub fn precision_exact(mut self, p: u32) -> Self {
        assert!(p <= 10, "precision must be less than or equal to 10");
        self.precision = Some(p);
        self
    }

    /// Durations below this may share the first bucket.
    ///
    /// # Panics
    /// If zero.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use selvedge::runtime::LogHistogram;
    /// let histogram = LogHistogram::builder().min_value(Duration::from_micros(20)).build();
    /// assert_ne!(histogram, LogHistogram::default());
    /// ```
    pub fn min_value(mut self, duration: Duration) -> Self {
        assert!(!duration.is_zero(), "min_value must be greater than 0");
        self.min = Some(duration);
        self
    }

    /// Durations above this share the last bucket.
    ///
    /// # Panics
    /// If zero.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use selvedge::runtime::LogHistogram;
    /// let histogram = LogHistogram::builder().max_value(Duration::from_secs(1)).build();
    /// assert!(histogram.max_value() < LogHistogram::default().max_value());
    /// ```
    pub fn max_value(mut self, duration: Duration) -> Self {
        assert!(!duration.is_zero(), "max_value must be greater than 0");
        self.max = Some(duration);
        self
    }

    /// The histogram, if it has at most `max_buckets` buckets.
    ///
    /// # Errors
    /// With the number it would have.
    ///
    /// # Examples
    /// ```
    /// use selvedge::runtime::LogHistogram;
    /// assert!(LogHistogram::builder().max_buckets(1000).is_ok());
    /// assert!(LogHistogram::builder().max_buckets(1).is_err());
    /// ```
    pub fn max_buckets(
        &mut self,
        max_buckets: usize,
    ) -> Result<LogHistogram, InvalidHistogramConfiguration> {
        let histogram = self.build();
        if histogram.buckets > max_buckets {
            return Err(InvalidHistogramConfiguration::TooManyBuckets {
                required_bucket_count: histogram.buckets,
            });
        }
        Ok(histogram)
    }

    /// The histogram.
    ///
    /// ```
    /// use selvedge::runtime::LogHistogram;
    /// let histogram = LogHistogram::builder().max_error(0.1).build();
    /// assert!(histogram.max_value() > 0);
    /// ```
    pub fn build(&self) -> LogHistogram {
        let nanos = |d: Duration| d.as_nanos().try_into().unwrap_or(u64::MAX);
        let max = self.max.map_or(60_000_000_000, nanos);
        let min = self.min.map_or(100, nanos).min(max);
        LogHistogram::from_limits(self.precision.unwrap_or(2), min, max)
    }
}

/// Why a histogram could not be made.
///
/// ```
/// use selvedge::runtime::LogHistogram;
/// let error = LogHistogram::builder().max_error(0.01).max_buckets(10).unwrap_err();
/// println!("{error}");
/// ```
#[derive(Debug)]
pub enum InvalidHistogramConfiguration {
    /// It would need more buckets than allowed.
    TooManyBuckets {
        /// The number it would need.
        required_bucket_count: usize,
    },
}

impl fmt::Display for InvalidHistogramConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyBuckets {
                required_bucket_count,
            } => {
                write!(
                    f,
                    "the histogram would need {required_bucket_count} buckets"
                )
            }
        }
    }
}

impl std::error::Error for InvalidHistogramConfiguration {}

/// A configuration in the form that the core asks for.
#[derive(Debug)]
pub(super) struct Buckets(HistogramConfiguration);

impl Buckets {
    pub(super) fn new(configuration: &HistogramConfiguration) -> Self {
        Buckets(configuration.clone())
    }
}

impl Simple {
    /// Width of the first bucket: of a logarithmic scale, a power of two.
    fn unit(&self) -> u64 {
        match self.scale {
            HistogramScale::Linear => self.resolution,
            HistogramScale::Log => self
                .resolution
                .checked_next_power_of_two()
                .unwrap_or(1 << 63),
        }
    }

    fn bucket(&self, nanos: u64) -> usize {
        let units = nanos / self.unit();
        let bucket = match self.scale {
            HistogramScale::Linear => units as usize,
            HistogramScale::Log => (64 - units.leading_zeros()) as usize,
        };
        bucket.min(self.buckets - 1)
    }

    fn range(&self, bucket: usize) -> Range<u64> {
        let edge = |n: usize| match self.scale {
            HistogramScale::Linear => self.unit().saturating_mul(n as u64),
            HistogramScale::Log if n == 0 => 0,
            HistogramScale::Log => self.unit().saturating_mul(1 << (n - 1).min(62)),
        };
        let end = if bucket + 1 == self.buckets {
            u64::MAX
        } else {
            edge(bucket + 1)
        };
        edge(bucket)..end
    }
}

impl HistogramBuckets for Buckets {
    fn len(&self) -> usize {
        match &self.0.0 {
            Scale::Simple(simple) => simple.buckets,
            Scale::Log(log) => log.buckets,
        }
    }

    fn bucket_of(&self, nanos: u64) -> usize {
        match &self.0.0 {
            Scale::Simple(simple) => simple.bucket(nanos),
            Scale::Log(log) => log.bucket(nanos),
        }
    }

    fn range(&self, bucket: usize) -> Range<Duration> {
        assert!(
            bucket < self.len(),
            "the histogram has {} buckets",
            self.len()
        );
        let range = match &self.0.0 {
            Scale::Simple(simple) => simple.range(bucket),
            Scale::Log(log) => log.range(bucket),
        };
        Duration::from_nanos(range.start)..Duration::from_nanos(range.end)
    }
}
