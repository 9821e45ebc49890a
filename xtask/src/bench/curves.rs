//! Reads the tables that `benches/src/bin/curves.rs` prints.

/// The cost of an operation by the number of workers: the number, nanoseconds on selvedge, nanoseconds on tokio.
#[derive(Debug, PartialEq)]
pub(super) struct Workers<'a> {
    pub(super) name: &'a str,
    pub(super) points: Vec<(usize, f64, f64)>,
}

/// What the clients of a server measured: answers per second, and microseconds per answer.
#[derive(Debug, PartialEq)]
pub(super) struct Load<'a> {
    pub(super) runtime: &'a str,
    pub(super) rate: f64,
    pub(super) median: f64,
    pub(super) tail: f64,
}

fn cells(line: &str) -> Vec<&str> {
    line.trim()
        .trim_matches('|')
        .split('|')
        .map(str::trim)
        .collect()
}

pub(super) fn workers(text: &str) -> Vec<Workers<'_>> {
    let mut all: Vec<Workers<'_>> = Vec::new();
    for line in text.lines() {
        let [count, name, ours, theirs] = cells(line)[..] else {
            continue;
        };
        let (Ok(count), Ok(ours), Ok(theirs)) = (count.parse(), ours.parse(), theirs.parse())
        else {
            continue;
        };
        let point = (count, ours, theirs);
        match all.iter_mut().find(|curve| curve.name == name) {
            Some(curve) => curve.points.push(point),
            None => all.push(Workers {
                name,
                points: vec![point],
            }),
        }
    }
    all
}

pub(super) fn load(text: &str) -> Vec<Load<'_>> {
    let row = |line| {
        let [_, runtime, rate, median, tail] = cells(line)[..] else {
            return None;
        };
        Some(Load {
            runtime,
            rate: rate.parse().ok()?,
            median: median.parse().ok()?,
            tail: tail.parse().ok()?,
        })
    };
    text.lines().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_told_apart_and_headings_are_skipped() {
        let text = "| workers | workload | selvedge ns | tokio ns |\n|---|---|---:|---:|\n| 1 | a | 10 | 20 |\n| 2 | a | 11 | 21 |\n\
                    | 1 | b | 5 | 6 |\n| connections | runtime | requests a second | p50 us | p99 us |\n|---|---|---:|---:|---:|\n\
                    | 4 | tokio | 1000 | 30.5 | 90.0 |\n";
        let curves = workers(text);
        assert_eq!(curves.len(), 2);
        assert_eq!(curves[0].points, [(1, 10.0, 20.0), (2, 11.0, 21.0)]);
        let expected = Load {
            runtime: "tokio",
            rate: 1000.0,
            median: 30.5,
            tail: 90.0,
        };
        assert_eq!(load(text), [expected]);
    }
}
