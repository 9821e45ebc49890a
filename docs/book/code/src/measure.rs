//! Comparing two programs on a machine whose speed changes.

/// A machine that gets slower while it works: the time of a run depends on when it begins.
pub struct Machine {
    runs: u32,
}

impl Machine {
    pub fn new() -> Self {
        Machine { runs: 0 }
    }

    /// The time of one run of a program that would take `cost` on a fresh machine.
    pub fn run(&mut self, cost: f64) -> f64 {
        self.runs += 1;
        let stall = if self.runs % 7 == 0 { 10.0 * cost } else { 0.0 };
        cost * (1.0 + 0.02 * f64::from(self.runs)) + stall
    }
}

impl Default for Machine {
    fn default() -> Self {
        Machine::new()
    }
}

/// Makes all runs of `a`, then all runs of `b`. Returns the ratio of the mean times.
pub fn naive_ratio(machine: &mut Machine, a: f64, b: f64, rounds: u32) -> f64 {
    let mean = |times: Vec<f64>| times.iter().sum::<f64>() / times.len() as f64;
    let first = mean((0..rounds).map(|_| machine.run(a)).collect());
    let second = mean((0..rounds).map(|_| machine.run(b)).collect());
    first / second
}

/// Runs `a` and `b` in turn and changes the order each round (A B, B A, ..). Returns the ratio of the median times.
pub fn paired_ratio(machine: &mut Machine, a: f64, b: f64, rounds: u32) -> f64 {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        if round % 2 == 0 {
            first.push(machine.run(a));
            second.push(machine.run(b));
        } else {
            second.push(machine.run(b));
            first.push(machine.run(a));
        }
    }
    median(first) / median(second)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::{Machine, naive_ratio, paired_ratio};

    #[test]
    fn one_after_the_other_finds_a_difference_that_is_not_there() {
        let ratio = naive_ratio(&mut Machine::new(), 1.0, 1.0, 20);
        assert!(ratio < 0.9, "{ratio}");
    }

    #[test]
    fn in_turn_there_is_none() {
        let ratio = paired_ratio(&mut Machine::new(), 1.0, 1.0, 20);
        assert!((0.97..1.03).contains(&ratio), "{ratio}");
    }

    #[test]
    fn in_turn_a_difference_is_found() {
        let ratio = paired_ratio(&mut Machine::new(), 1.1, 1.0, 20);
        assert!((1.06..1.14).contains(&ratio), "{ratio}");
    }
}
