//! Makes the tables, and finds the figures that are above tokio's.

use super::measure::Costs;
use std::collections::BTreeSet;
use std::fmt::Write as _;

pub struct Row {
    pub name: String,
    pub ours: Costs,
    pub theirs: Costs,
}

/// How much above tokio's a figure may be.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// Per cent of tokio's figure.
    pub percent: f64,
    /// Plus this for each operation.
    pub slack: f64,
}

impl Tolerance {
    fn allows(self, ours: f64, theirs: f64) -> bool {
        ours <= theirs * (1.0 + self.percent / 100.0) + self.slack
    }
}

type Figure = (&'static str, fn(&Costs) -> f64);

/// The figures that `--check` compares.
const CHECKED: [Figure; 3] = [
    ("system calls", Costs::all_calls),
    ("futex", |costs| costs.call("futex")),
    ("voluntary switches", |costs| costs.voluntary),
];

/// A line for each figure that is above tokio's by more than the tolerance.
pub fn above(rows: &[Row], tolerance: Tolerance) -> Vec<String> {
    let mut lines = Vec::new();
    for row in rows {
        for (what, figure) in CHECKED {
            let (ours, theirs) = (figure(&row.ours), figure(&row.theirs));
            if !tolerance.allows(ours, theirs) {
                let name = &row.name;
                lines.push(format!("{name}: {what} {ours:.2}, tokio {theirs:.2}"));
            }
        }
    }
    lines
}

pub fn page(rows: &[Row], machine: &str, rounds: usize) -> String {
    let mut out = String::from("# System calls beside tokio 1.54.1\n\n");
    let _ = writeln!(out, "Written by `cargo xtask syscalls`. {machine}\n");
    let _ = writeln!(
        out,
        "What one operation costs: selvedge / tokio. The workloads are those of `benches/src/bin/count.rs`. The clients of\n\
         servers are another process and not counted. System calls are counted by strace, which slows each down and so changes\n\
         who sleeps when; context switches by getrusage in runs without it. Each figure is the median of {rounds} rounds; a round is\n\
         the difference of two runs with few and many operations, so that set-up cancels out.\n"
    );
    out.push_str(&tables(rows));
    out
}

/// The totals, then the calls by name.
pub fn tables(rows: &[Row]) -> String {
    let mut out = String::new();
    let with_instructions = rows.iter().any(|row| row.ours.instructions.is_some());
    out.push_str("| operation | system calls | futex | voluntary switches | involuntary |");
    out.push_str(if with_instructions {
        " instructions |\n"
    } else {
        "\n"
    });
    out.push_str("|---|---:|---:|---:|---:|");
    out.push_str(if with_instructions { "---:|\n" } else { "\n" });
    for Row { name, ours, theirs } in rows {
        let _ = write!(out, "| {name} |");
        let figures = CHECKED.iter().map(|(_, figure)| *figure);
        let involuntary: fn(&Costs) -> f64 = |costs| costs.involuntary;
        for figure in figures.chain([involuntary]) {
            let _ = write!(out, " {} |", pair(figure(ours), figure(theirs)));
        }
        if let (Some(ours), Some(theirs)) = (ours.instructions, theirs.instructions) {
            let _ = write!(out, " {ours:.0} / {theirs:.0} |");
        } else if with_instructions {
            out.push_str(" |");
        }
        out.push('\n');
    }
    out.push_str("\n| operation | system calls by name |\n|---|---|\n");
    for row in rows {
        let _ = writeln!(out, "| {} | {} |", row.name, by_name(row));
    }
    out
}

/// The calls that either runtime makes at least once in 50 operations, the most frequent first.
fn by_name(row: &Row) -> String {
    let names: BTreeSet<_> = row
        .ours
        .calls
        .keys()
        .chain(row.theirs.calls.keys())
        .collect();
    let mut calls: Vec<_> = names
        .into_iter()
        .map(|name| (name, row.ours.call(name), row.theirs.call(name)))
        .filter(|(_, ours, theirs)| ours.max(*theirs) >= 0.02)
        .collect();
    calls.sort_by(|a, b| b.1.max(b.2).total_cmp(&a.1.max(a.2)));
    let texts = calls
        .iter()
        .map(|(name, ours, theirs)| format!("{name} {}", pair(*ours, *theirs)));
    texts.collect::<Vec<_>>().join(", ")
}

/// Both costs as text. Differences in set-up leave costs of almost zero, positive or negative; they are shown as zero.
fn pair(ours: f64, theirs: f64) -> String {
    let rounded = |cost: f64| if cost.abs() < 0.005 { 0.0 } else { cost };
    format!("{:.2} / {:.2}", rounded(ours), rounded(theirs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(calls: &[(&str, f64)], voluntary: f64) -> Costs {
        Costs {
            calls: calls.iter().map(|(n, c)| (n.to_string(), *c)).collect(),
            voluntary,
            ..Costs::default()
        }
    }

    fn row(ours: Costs, theirs: Costs) -> Row {
        Row {
            name: "x".to_owned(),
            ours,
            theirs,
        }
    }

    #[test]
    fn what_is_above_by_more_than_the_tolerance_is_told() {
        let tolerance = Tolerance {
            percent: 10.0,
            slack: 0.05,
        };
        let theirs = || costs(&[("futex", 1.0), ("read", 9.0)], 0.0);
        let within = row(costs(&[("futex", 1.14), ("read", 9.8)], 0.05), theirs());
        assert_eq!(above(&[within], tolerance), Vec::<String>::new());
        let beyond = row(costs(&[("futex", 1.16), ("read", 1.0)], 0.06), theirs());
        assert_eq!(
            above(&[beyond], tolerance),
            [
                "x: futex 1.16, tokio 1.00",
                "x: voluntary switches 0.06, tokio 0.00"
            ]
        );
    }

    #[test]
    fn calls_are_named_with_the_most_frequent_first_and_rare_ones_left_out() {
        let row = row(
            costs(&[("read", 1.0), ("brk", 0.001)], 0.0),
            costs(&[("recvfrom", 2.0)], 0.0),
        );
        assert_eq!(by_name(&row), "recvfrom 0.00 / 2.00, read 1.00 / 0.00");
    }

    #[test]
    fn the_page_names_each_workload_in_both_tables() {
        let rows = [row(
            costs(&[("read", 1.0)], 0.5),
            costs(&[("read", 1.0)], 0.25),
        )];
        let text = page(&rows, "2026-01-01; a machine.", 3);
        assert!(text.contains("| x | 1.00 / 1.00 | 0.00 / 0.00 | 0.50 / 0.25 | 0.00 / 0.00 |\n"));
        assert!(text.contains("| x | read 1.00 / 1.00 |\n"));
        assert!(text.contains("2026-01-01; a machine."));
    }
}
