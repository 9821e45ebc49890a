//! `cargo run --release --bin paired [ROUNDS] [FILTER]`: every workload on both runtimes in turn (ABBA), and
//! the ratio of the medians as a table: selvedge's time over tokio's, below 1 where selvedge is faster. The last
//! column holds the quartiles of the ratios of neighbouring rounds, which show how much the ratio scatters.
//!
//! It takes a minute where criterion takes ten. Noise of the machine that lasts longer than a round affects both runtimes alike.
//! A comma in FILTER separates alternatives.

use std::time::Duration;

use selvedge_benches::{on_selvedge, on_tokio};

/// A round of one runtime lasts at least about half of this.
const ROUND: Duration = Duration::from_millis(24);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let rounds: usize = match arguments.next().map(|word| word.parse()) {
        None => 11,
        Some(Ok(rounds)) if rounds > 0 => rounds,
        Some(_) => {
            eprintln!("usage: paired [ROUNDS] [FILTER]");
            std::process::exit(2);
        }
    };
    let filter = arguments.next().unwrap_or_default();
    println!(
        "| workload | selvedge ns/iter | tokio ns/iter | ratio | quartiles | group |\n|---|---:|---:|---:|---:|---|"
    );
    for (ours, theirs) in on_selvedge::suite::all()
        .into_iter()
        .zip(on_tokio::suite::all())
    {
        if !filter.split(',').any(|part| ours.name.contains(part)) {
            continue;
        }
        let mut a = on_selvedge::suite::runtime(ours.flavor);
        let mut b = on_tokio::suite::runtime(theirs.flavor);
        let mut unit = 1;
        while ours.run(&a, unit).max(theirs.run(&b, unit)) < ROUND {
            unit *= 2;
        }
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            // The cost of a wake-up depends on the cores on which the kernel has put the threads: so each round has new threads.
            a = on_selvedge::suite::runtime(ours.flavor);
            b = on_tokio::suite::runtime(theirs.flavor);
            ours.run(&a, unit.div_ceil(16));
            theirs.run(&b, unit.div_ceil(16));
            if round % 2 == 0 {
                left.push(ours.run(&a, unit));
                right.push(theirs.run(&b, unit));
            } else {
                right.push(theirs.run(&b, unit));
                left.push(ours.run(&a, unit));
            }
        }
        let mut ratios: Vec<f64> = left
            .iter()
            .zip(&right)
            .map(|(ours, theirs)| ours.as_secs_f64() / theirs.as_secs_f64())
            .collect();
        ratios.sort_by(f64::total_cmp);
        left.sort();
        right.sort();
        let per_iteration = |times: &[Duration]| times[rounds / 2].as_nanos() as f64 / unit as f64;
        let (left, right) = (per_iteration(&left), per_iteration(&right));
        println!(
            "| {} | {left:.0} | {right:.0} | {:.2} | {:.2}..{:.2} | {} |",
            ours.name,
            left / right,
            ratios[rounds / 4],
            ratios[rounds - 1 - rounds / 4],
            ours.group
        );
    }
}
