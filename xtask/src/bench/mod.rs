//! `cargo xtask bench`: runs the paired benches and writes `docs/BENCHMARKS.md`.
//!
//! The benches are a workspace of their own, with the real tokio beside selvedge. Four programs are run: `paired`
//! (the ratios), `footprint` (memory, stalls, idle wake-ups), `curves` (cost by workers, latency by load) and the criterion bench
//! `limits` (the cost of the machine's own operations). Then `apps` measures the applications of `benches/apps`. What they print is kept below
//! the target folder, so that the page can be written again without measuring, and so that a filtered run replaces only the rows that it measured.
//! The table shows every workload, the worst ratio first. `benches/NOTES.md`, which says where the time goes in these rows, is appended.

mod apps;
mod curves;
mod plots;

use crate::{Outcome, env};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

#[derive(clap::Args)]
pub struct Args {
    /// Only workloads whose name contains this; commas separate alternatives.
    filter: Option<String>,
    /// Rounds of each workload.
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// Only the real applications.
    #[arg(long, conflicts_with = "filter")]
    apps: bool,
    /// Rounds of each application, of four seconds and more.
    #[arg(long, default_value_t = 5)]
    apps_rounds: usize,
    /// Do not measure: write the page from what was measured last.
    #[arg(long)]
    report_only: bool,
}

pub fn run(args: &Args) -> Outcome {
    let benches = env::root().join("benches");
    let target = env::target_dir().join("benches");
    fs::create_dir_all(&target)?;
    let (ratios, footprint) = (target.join("paired.txt"), target.join("footprint.txt"));
    let (curves, apps) = (target.join("curves.txt"), target.join("apps.txt"));
    if !args.report_only && args.filter.is_none() {
        fs::write(&apps, apps::measure(&target, args.apps_rounds.max(1))?)?;
    }
    if !args.report_only && !args.apps {
        let cargo = |words: &[&str]| -> Result<String, Box<dyn std::error::Error>> {
            let mut command = env::cargo();
            command.current_dir(&benches).args(words);
            command.env("CARGO_TARGET_DIR", &target);
            command.env("CRITERION_HOME", target.join("criterion"));
            let output = command.stderr(std::process::Stdio::inherit()).output()?;
            if !output.status.success() {
                return Err(format!("cargo {} failed", words.join(" ")).into());
            }
            Ok(String::from_utf8(output.stdout)?)
        };
        let rounds = args.rounds.to_string();
        let mut paired = vec!["run", "--release", "--bin", "paired", "--", &rounds];
        let mut measured = String::new();
        if let Some(filter) = &args.filter {
            paired.push(filter);
            measured = fs::read_to_string(&ratios).unwrap_or_default();
        }
        measured.push_str(&cargo(&paired)?);
        fs::write(&ratios, measured)?;
        if args.filter.is_none() {
            fs::write(
                &footprint,
                cargo(&["run", "--release", "--bin", "footprint"])?,
            )?;
            fs::write(&curves, cargo(&["run", "--release", "--bin", "curves"])?)?;
            cargo(&["bench", "--bench", "limits"])?;
        }
    }
    if args.apps && !ratios.exists() {
        // The page needs the other rows too: it is not written.
        print!("{}", fs::read_to_string(&apps)?);
        return Ok(true);
    }
    let notes = fs::read_to_string(benches.join("NOTES.md"))?;
    let ratios = fs::read_to_string(&ratios)?;
    let footprint = fs::read_to_string(&footprint).unwrap_or_default();
    let curves = fs::read_to_string(&curves).unwrap_or_default();
    let apps = fs::read_to_string(&apps).unwrap_or_default();
    let rows = rows(&ratios);
    if rows.is_empty() {
        return Err("nothing has been measured".into());
    }
    let groups = groups(&rows);
    let docs = env::root().join("docs");
    let (workers, load) = (curves::workers(&curves), curves::load(&curves));
    plots::draw(
        &docs.join("plots"),
        &groups,
        &workers,
        &load,
        memory(&footprint),
    )?;
    let measured = Measured {
        rows: &rows,
        groups: &groups,
        load: &load,
        apps: &apps,
        footprint: &footprint,
        limits: &limits(&target.join("criterion/limits")),
    };
    let page = page(&measured, &notes)?;
    env::write_if_changed(&docs.join("BENCHMARKS.md"), &page)?;
    print!("{page}");
    Ok(true)
}

/// One line of what `paired` prints.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Row<'a> {
    group: &'a str,
    ours: f64,
    theirs: f64,
    ratio: f64,
    quartiles: (f64, f64),
}

/// The rows by name; for a workload that was measured twice, the later row.
fn rows(text: &str) -> BTreeMap<&str, Row<'_>> {
    fn row(line: &str) -> Option<Row<'_>> {
        let mut cells = line.split('|').map(str::trim).skip(2);
        let mut number = || cells.next()?.parse().ok();
        let (ours, theirs, ratio) = (number()?, number()?, number()?);
        let (low, high) = cells.next()?.split_once("..")?;
        Some(Row {
            group: cells.next().filter(|group| !group.is_empty())?,
            ours,
            theirs,
            ratio,
            quartiles: (low.parse().ok()?, high.parse().ok()?),
        })
    }
    text.lines()
        .filter_map(|line| Some((line.split('|').nth(1)?.trim(), row(line)?)))
        .collect()
}

/// Rows of one kind, worst first, and the geometric mean of their ratios.
struct Group<'a> {
    name: &'a str,
    rows: Vec<(&'a str, Row<'a>)>,
    mean: f64,
}

/// The groups, worst first.
fn groups<'a>(rows: &BTreeMap<&'a str, Row<'a>>) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<&str, Vec<(&str, Row<'_>)>> = BTreeMap::new();
    for (name, row) in rows {
        groups.entry(row.group).or_default().push((*name, *row));
    }
    let group = |(name, mut rows): (&'a str, Vec<(&'a str, Row<'a>)>)| {
        rows.sort_by(|a, b| b.1.ratio.total_cmp(&a.1.ratio));
        let mean = mean(rows.iter().map(|row| row.1.ratio));
        Group { name, rows, mean }
    };
    let mut groups: Vec<_> = groups.into_iter().map(group).collect();
    groups.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    groups
}

/// The geometric mean of the ratios.
fn mean(ratios: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = ratios.len() as f64;
    (ratios.map(f64::ln).sum::<f64>() / count).exp()
}

/// Bytes of a task on selvedge and on tokio, from the table of `footprint`.
fn memory(footprint: &str) -> Option<(f64, f64)> {
    let line = footprint.lines().find(|line| line.contains("bytes per"))?;
    let mut cells = line.split('|').map(str::trim).skip(2);
    let mut number = || cells.next()?.parse().ok();
    Some((number()?, number()?))
}

/// Medians of the criterion group `limits`, in nanoseconds.
fn limits(dir: &Path) -> BTreeMap<String, f64> {
    let median = |path: &Path| -> Option<f64> {
        let text = fs::read_to_string(path.join("new/estimates.json")).ok()?;
        serde_json::from_str::<Value>(&text).ok()?["median"]["point_estimate"].as_f64()
    };
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            Some((name, median(&entry.path())?))
        })
        .collect()
}

struct Measured<'a> {
    rows: &'a BTreeMap<&'a str, Row<'a>>,
    groups: &'a [Group<'a>],
    load: &'a [curves::Load<'a>],
    apps: &'a str,
    footprint: &'a str,
    limits: &'a BTreeMap<String, f64>,
}

fn page(measured: &Measured<'_>, notes: &str) -> Result<String, Box<dyn std::error::Error>> {
    let Measured {
        rows,
        groups,
        load,
        apps,
        footprint,
        limits,
    } = measured;
    let mut sorted: Vec<(&str, Row<'_>)> = rows.iter().map(|(name, row)| (*name, *row)).collect();
    sorted.sort_by(|a, b| b.1.ratio.total_cmp(&a.1.ratio));
    let mean = mean(sorted.iter().map(|row| row.1.ratio));
    let slower = sorted.iter().filter(|r| r.1.ratio > 1.05).count();

    let mut out = String::from("# Benchmarks against tokio 1.54.1\n\n");
    writeln!(out, "Written by `cargo xtask bench`. {}\n", env::machine())?;
    writeln!(
        out,
        "Each workload is one source (`benches/src/suite/`), compiled for both runtimes and measured in one process, in\n\
         turn. The ratio is selvedge's median time over tokio's: below 1 selvedge is faster. The quartiles\n\
         are those of the ratios of neighbouring rounds; where they lie on both sides of 1, the row says \"unclear\".\n"
    )?;
    writeln!(
        out,
        "**Geometric mean {mean:.2}** over {} workloads; {slower} above 1.05.\n",
        sorted.len()
    )?;
    out.push_str("| group | workloads | geometric mean | worst |\n|---|---:|---:|---|\n");
    for group in *groups {
        let (name, row) = group.rows[0];
        writeln!(
            out,
            "| {} | {} | {:.2} | {name} {:.2} |",
            group.name,
            group.rows.len(),
            group.mean,
            row.ratio
        )?;
    }
    out.push_str("\n![Each workload's ratio, with quartiles](plots/ratios.svg)\n");
    if !apps.is_empty() {
        writeln!(
            out,
            "\n## Real applications\n\nThe programs of `benches/apps`, on tokio and on the drop-in, their clients in another process: what the server has\n\
             of the processors for a request (PostgreSQL: the client), answers a second, and the slowest of a hundred answers. Ratios are\n\
             medians of neighbouring rounds, with their quartiles.\n\n{}",
            apps.trim_end()
        )?;
    }
    curves_part(&mut out, load)?;
    out.push_str("\n## Every workload, worst first\n\n");
    out.push_str(
        "| workload | selvedge | tokio | ratio | quartiles | |\n|---|---:|---:|---:|---:|---|\n",
    );
    for (name, row) in &sorted {
        let (low, high) = row.quartiles;
        let remark = match () {
            () if low <= 1.0 && high >= 1.0 => "unclear",
            () if row.ratio > 1.0 => "slower",
            () => "",
        };
        let (a, b, ratio) = (duration(row.ours), duration(row.theirs), row.ratio);
        writeln!(
            out,
            "| {name} | {a} | {b} | {ratio:.2} | {low:.2}..{high:.2} | {remark} |"
        )?;
    }
    if !footprint.is_empty() {
        writeln!(
            out,
            "\n## Memory, stalls and rest\n\n{}\n\n![Bytes of a task](plots/memory.svg)",
            footprint.trim_end()
        )?;
    }
    if !limits.is_empty() {
        out.push_str("\n## What the machine itself charges\n\n| operation | time |\n|---|---:|\n");
        for (name, median) in *limits {
            writeln!(out, "| {name} | {} |", duration(*median))?;
        }
    }
    writeln!(out, "\n{}", notes.trim())?;
    Ok(out)
}

fn curves_part(out: &mut String, load: &[curves::Load<'_>]) -> std::fmt::Result {
    if load.is_empty() {
        return Ok(());
    }
    out.push_str(
        "\n## By number of workers, and by load\n\n![Cost of an operation by workers](plots/workers.svg)\n\n\
         A server by hyper, its clients in another process, each with the next request as soon as it has the answer:\n\n\
         ![Latency by load](plots/load.svg)\n\n| runtime | requests a second | p50 | p99 |\n|---|---:|---:|---:|\n",
    );
    for row in load {
        let (median, tail) = (duration(row.median * 1e3), duration(row.tail * 1e3));
        writeln!(
            out,
            "| {} | {:.0} | {median} | {tail} |",
            row.runtime, row.rate
        )?;
    }
    Ok(())
}

fn duration(ns: f64) -> String {
    match ns {
        _ if ns < 1e3 => format!("{ns:.1} ns"),
        _ if ns < 1e6 => format!("{:.2} us", ns / 1e3),
        _ if ns < 1e9 => format!("{:.2} ms", ns / 1e6),
        _ => format!("{:.2} s", ns / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_rows_replace_earlier_ones_and_headings_are_skipped() {
        let text = "| workload | a | b | ratio | quartiles | group |\n|---|---:|---:|---:|---:|---|\n\
                    | x | 10 | 20 | 0.50 | 0.40..0.60 | g |\n| x | 30 | 20 | 1.50 | 1.40..1.60 | g |\n";
        let rows = rows(text);
        assert_eq!(rows.len(), 1);
        assert_eq!(rows["x"].ratio, 1.5);
        assert_eq!(rows["x"].quartiles, (1.4, 1.6));
    }
}
