//! A histogram of latencies for the terminal: one line for each range, plain characters, as wide as the terminal.

use std::fmt;
use std::time::Duration;

/// Draws sorted latencies. The ranges go by 1, 2, 5, 10: each bound is about twice the bound before, as latencies
/// spread over several powers of ten.
#[derive(Debug)]
pub struct Histogram<'a> {
    pub sorted: &'a [Duration],
    /// Columns.
    pub width: usize,
}

const BAR: &str = "#";
/// Columns before the bar: two bounds and the dash between them.
const LABEL: usize = 22;
/// Columns after the bar: the count.
const COUNT: usize = 10;

impl fmt::Display for Histogram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranges = ranges(self.sorted);
        let most = ranges.iter().map(|range| range.2).max().unwrap_or(0);
        let room = self.width.saturating_sub(LABEL + COUNT).max(8);
        for (from, below, count) in ranges {
            // Rounded up, so that a small count is visible.
            let length = (count * room).div_ceil(most.max(1));
            let label = format!("{:>8} - {}", text(from), text(below));
            writeln!(
                f,
                "{label:<LABEL$}{:<room$}{count:>COUNT$}",
                BAR.repeat(length)
            )?;
        }
        Ok(())
    }
}

/// The ranges from the first to the last that is not empty: bounds in microseconds, and the number of latencies within.
fn ranges(sorted: &[Duration]) -> Vec<(u64, u64, usize)> {
    let mut ranges = Vec::new();
    let (mut from, mut at) = (0, 0);
    for below in bounds() {
        if at == sorted.len() {
            break;
        }
        let end = sorted.partition_point(|latency| latency.as_micros() < u128::from(below));
        if end > at || !ranges.is_empty() {
            ranges.push((from, below, end - at));
        }
        (from, at) = (below, end);
    }
    ranges
}

/// 1, 2, 5, 10 and so on, in microseconds; the last bound is longer than any latency.
fn bounds() -> impl Iterator<Item = u64> {
    let powers = (0..12).map(|power| 10_u64.pow(power));
    powers.flat_map(|power| [power, 2 * power, 5 * power])
}

fn text(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} us"),
        1_000..1_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{} s", micros / 1_000_000),
    }
}
