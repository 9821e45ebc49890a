//! The report for a terminal.

use selvedge_trace::{Analysis, Recording, TaskTrack};
use std::io::{self, Write};

pub fn write(
    out: &mut impl Write,
    recording: &Recording,
    analysis: &Analysis,
    most: usize,
) -> io::Result<()> {
    writeln!(
        out,
        "{} (process {}): {} events in {}, {} older ones lost",
        recording.program,
        recording.process,
        analysis.events,
        time(analysis.part.nanos()),
        recording.lost
    )?;
    findings(out, analysis)?;
    threads(out, analysis)?;
    spans(out, recording, analysis)?;
    tasks(out, analysis, most)
}

fn findings(out: &mut impl Write, analysis: &Analysis) -> io::Result<()> {
    writeln!(out, "\nFindings: {}", analysis.findings.len())?;
    for (number, finding) in analysis.findings.iter().enumerate() {
        writeln!(
            out,
            "{:>3}. {} at {}: {}",
            number + 1,
            finding.kind,
            time(finding.at),
            finding.what
        )?;
        writeln!(out, "     cure: {}", finding.cure)?;
    }
    Ok(())
}

fn threads(out: &mut impl Write, analysis: &Analysis) -> io::Result<()> {
    let all = analysis.part.nanos().max(1) as f64;
    writeln!(
        out,
        "\n{:<24} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9}",
        "Threads", "worker", "polls %", "asleep %", "no cpu %", "sleeps", "stolen", "preempted"
    )?;
    for thread in analysis.threads.values() {
        let worker = thread
            .worker
            .map_or("-".into(), |(_, index)| index.to_string());
        writeln!(
            out,
            "{:<24} {:>8} {:>8.1} {:>8.1} {:>8} {:>8} {:>8} {:>9}",
            format!("{} {}", thread.number, thread.name),
            worker,
            thread.busy as f64 * 100.0 / all,
            thread.parked as f64 * 100.0 / all,
            told(
                thread
                    .no_processor
                    .map(|nanos| format!("{:.1}", nanos as f64 * 100.0 / all))
            ),
            thread.parks,
            thread.stolen,
            told(thread.preempted)
        )?;
    }
    Ok(())
}

/// A figure that the system may not tell.
fn told(figure: Option<impl ToString>) -> String {
    figure.map_or("-".into(), |figure| figure.to_string())
}

/// The user's spans, by name.
fn spans(out: &mut impl Write, recording: &Recording, analysis: &Analysis) -> io::Result<()> {
    let totals = analysis.span_totals(recording);
    if totals.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n{:<24} {:>8} {:>10} {:>10}",
        "Spans", "times", "total", "longest"
    )?;
    for span in totals {
        writeln!(
            out,
            "{:<24} {:>8} {:>10} {:>10}",
            span.name.escape_debug().to_string(),
            span.times,
            time(span.total),
            time(span.longest)
        )?;
    }
    Ok(())
}

fn tasks(out: &mut impl Write, analysis: &Analysis, most: usize) -> io::Result<()> {
    let mut tasks: Vec<&TaskTrack> = analysis.tasks.values().collect();
    tasks.sort_by_key(|task| std::cmp::Reverse(task.busy));
    writeln!(
        out,
        "\n{:<10} {:>8} {:>8} {:>10} {:>10} {:>10}  what, spawned at, and what it waits for",
        format!("Tasks {}", tasks.len()),
        "polls",
        "wakes",
        "in polls",
        "longest",
        "was ready"
    )?;
    for task in tasks.iter().take(most) {
        writeln!(
            out,
            "{:<10} {:>8} {:>8} {:>10} {:>10} {:>10}  {}",
            task.id,
            task.polls,
            task.wakes,
            time(task.busy),
            time(task.longest_poll),
            time(task.longest_delay),
            what(task)
        )?;
    }
    if tasks.len() > most {
        writeln!(out, "{:<10} (--tasks {} names them all)", "..", tasks.len())?;
    }
    Ok(())
}

fn what(task: &TaskTrack) -> String {
    let mut text = match &task.name {
        Some(name) => format!("{} {name:?} {}", task.kind, task.place),
        None => format!("{} {}", task.kind, task.place),
    };
    if task.cancelled {
        text.push_str(", cancelled");
    } else if task.panicked {
        text.push_str(", panicked");
    } else if task.ended.is_some() {
        text.push_str(", ended");
    }
    for wait in &task.waits {
        text.push_str(&format!(", waits for a {} ({:#x})", wait.kind, wait.what));
    }
    text
}

/// A time, in the unit in which it is short.
pub fn time(nanos: u64) -> String {
    match nanos {
        0..1_000 => format!("{nanos} ns"),
        1_000..1_000_000 => format!("{:.1} us", nanos as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} ms", nanos as f64 / 1e6),
        _ => format!("{:.2} s", nanos as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn a_time_has_its_unit() {
        let told: Vec<String> = [0, 999, 1_000, 2_500_000, 1_000_000_000].map(time).into();
        assert_eq!(told, ["0 ns", "999 ns", "1.0 us", "2.5 ms", "1.00 s"]);
    }
}
