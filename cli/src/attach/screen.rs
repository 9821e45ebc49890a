//! `selvedge top` on a terminal.

use super::answer::span;
use super::client::Problem;
use super::ps::called;
use super::top::{RuntimeTop, Top, Watched};
use crate::Failure;
use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Cell, Paragraph, Row, Table};
use std::time::{Duration, Instant};

/// Draws until q, Escape or Ctrl-C.
pub fn run(watched: &mut Watched, interval: Duration) -> Result<(), Failure> {
    let mut terminal = ratatui::try_init()?;
    let ended = show(&mut terminal, watched, interval);
    ratatui::try_restore()?;
    ended
}

fn show(
    terminal: &mut ratatui::DefaultTerminal,
    watched: &mut Watched,
    interval: Duration,
) -> Result<(), Failure> {
    // The first look comes soon, so that the screen is not empty for long.
    let mut top = look_after(watched, interval.min(Duration::from_millis(200)))?;
    let mut next = Instant::now() + interval;
    loop {
        terminal.draw(|frame| draw(frame, &top))?;
        let left = next.saturating_duration_since(Instant::now());
        if event::poll(left)? {
            if let Event::Key(key) = event::read()? {
                if ends(key) {
                    return Ok(());
                }
            }
            continue;
        }
        top = watched.look()?;
        next = Instant::now() + interval;
    }
}

fn look_after(watched: &mut Watched, time: Duration) -> Result<Top, Problem> {
    std::thread::sleep(time);
    watched.look()
}

fn ends(key: KeyEvent) -> bool {
    let is_control_c =
        key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind == KeyEventKind::Press
        && (is_control_c || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc))
}

/// Colours, unless NO_COLOR asks for none.
fn has_colors() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn draw(frame: &mut Frame<'_>, top: &Top) {
    let mut heights = vec![Constraint::Length(2)];
    for runtime in &top.runtimes {
        heights.push(Constraint::Length(3));
        heights.push(Constraint::Length(runtime.workers.len() as u16 + 2));
    }
    heights.push(Constraint::Min(0));
    let areas = Layout::vertical(heights).split(frame.area());
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let head = format!("{}    q quits", head(top));
    frame.render_widget(Paragraph::new(Line::styled(head, bold)), areas[0]);
    for (at, runtime) in top.runtimes.iter().enumerate() {
        let lines: Vec<Line<'_>> = lines(runtime).into_iter().map(Line::from).collect();
        frame.render_widget(Paragraph::new(lines), areas[1 + 2 * at]);
        frame.render_widget(table(runtime), areas[2 + 2 * at]);
    }
}

fn table(runtime: &RuntimeTop) -> Table<'static> {
    let colors = has_colors();
    let rows = rows(runtime).into_iter().zip(&runtime.workers);
    let rows = rows.map(|(row, worker)| {
        let color = match worker.busy {
            busy if !colors || busy < 0.5 => Style::new(),
            busy if busy < 0.9 => Style::new().fg(Color::Yellow),
            _ => Style::new().fg(Color::Red),
        };
        let mut cells: Vec<Cell<'_>> = row.into_iter().map(Cell::from).collect();
        cells[1] = cells[1].clone().style(color);
        Row::new(cells)
    });
    let widths = COLUMNS.map(|(_, width)| Constraint::Length(width as u16));
    let header = Row::new(COLUMNS.map(|(name, width)| format!("{name:>width$}")));
    Table::new(rows, widths)
        .header(header.style(Style::new().add_modifier(Modifier::UNDERLINED)))
        .column_spacing(1)
}

/// The columns' names, and their widths.
const COLUMNS: [(&str, usize); 9] = [
    ("WORKER", 6),
    ("BUSY", 17),
    ("STATE", 10),
    ("POLLS/s", 10),
    ("MEAN POLL", 10),
    ("PARKS/s", 9),
    ("STEALS/s", 9),
    ("STOLEN/s", 9),
    ("QUEUED", 7),
];

/// The whole as text, for `--once`.
pub fn text(top: &Top) -> String {
    let mut out = head(top) + "\n";
    for runtime in &top.runtimes {
        out += "\n";
        for line in lines(runtime) {
            out += &format!("{}\n", line.trim_end());
        }
        let names = COLUMNS.map(|(name, width)| format!("{name:>width$}"));
        out += &format!("{}\n", names.join(" "));
        for row in rows(runtime) {
            out += &format!("{}\n", row.join(" "));
        }
    }
    out
}

fn head(top: &Top) -> String {
    format!(
        "process {}  {}  interval {}",
        top.pid,
        top.program.as_deref().unwrap_or("?"),
        span(Duration::from_nanos(top.interval_nanos))
    )
}

fn lines(runtime: &RuntimeTop) -> Vec<String> {
    let named = super::answer::Runtime {
        id: runtime.id,
        name: runtime.name.clone(),
        flavor: runtime.flavor.clone(),
        workers: 0,
        uptime_nanos: runtime.uptime_nanos,
    };
    vec![
        format!(
            "runtime {}  up {}  tasks {} ({}/s spawned)  polls {}/s  descriptors {} ({} events/s)",
            called(&named),
            span(Duration::from_nanos(runtime.uptime_nanos)),
            runtime.alive_tasks,
            count(runtime.spawned_per_second),
            count(runtime.polls_per_second),
            runtime.io_registered,
            count(runtime.io_events_per_second),
        ),
        format!(
            "global queue {} ({}/s from outside)  blocking: {} threads, {} idle, {} queued  budget spent {}/s",
            runtime.global_queue_depth,
            count(runtime.remote_schedules_per_second),
            runtime.blocking_threads,
            runtime.idle_blocking_threads,
            runtime.blocking_queue_depth,
            count(runtime.budget_forced_yields_per_second),
        ),
    ]
}

fn rows(runtime: &RuntimeTop) -> Vec<Vec<String>> {
    let row = |worker: &super::top::WorkerTop| {
        let filled = (worker.busy * 10.0).round() as usize;
        let bar = "#".repeat(filled) + &".".repeat(10 - filled.min(10));
        let cells = [
            worker.index.to_string(),
            format!("{bar} {:>5.1}%", worker.busy * 100.0),
            worker.state.clone(),
            count(worker.polls_per_second),
            time(worker.mean_poll_nanos),
            count(worker.parks_per_second),
            count(worker.steals_per_second),
            count(worker.stolen_tasks_per_second),
            worker.queue_depth.to_string(),
        ];
        let cells = cells.into_iter().zip(COLUMNS);
        cells
            .map(|(cell, (_, width))| format!("{cell:>width$}"))
            .collect()
    };
    runtime.workers.iter().map(row).collect()
}

/// A count in three digits or so.
fn count(number: f64) -> String {
    match number {
        n if n >= 1e6 => format!("{:.1}M", n / 1e6),
        n if n >= 1e4 => format!("{:.1}k", n / 1e3),
        n if n >= 10.0 || n == 0.0 => format!("{n:.0}"),
        n => format!("{n:.1}"),
    }
}

fn time(nanos: u64) -> String {
    match nanos {
        0 => "-".to_owned(),
        n if n < 1_000 => format!("{n}ns"),
        n if n < 1_000_000 => format!("{:.1}us", n as f64 / 1e3),
        n if n < 1_000_000_000 => format!("{:.1}ms", n as f64 / 1e6),
        n => format!("{:.1}s", n as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn top() -> Top {
        let worker = |index, busy| {
            format!(
                r#"{{"index":{index},"state":"awake","busy_nanos":{busy},"polls":{busy},"mean_poll_nanos":1500,"parks":3,
                "parks_and_unparks":6,"stolen_tasks":0,"steals":0,"local_schedules":0,"overflows":0,"queue_depth":4}}"#
            )
        };
        let metrics = |up: u64, busy: [u64; 2]| -> crate::attach::answer::RuntimeMetrics {
            let workers = format!("[{},{}]", worker(0, busy[0]), worker(1, busy[1]));
            let text = format!(
                r#"{{"id":1,"uptime_nanos":{up},"alive_tasks":7,"spawned_tasks":9,"global_queue_depth":0,"remote_schedules":0,
                "budget_forced_yields":0,"blocking_threads":2,"idle_blocking_threads":1,"blocking_queue_depth":5,
                "io_registered":3,"io_deregistered":1,"io_events":0,"workers":{workers}}}"#
            );
            serde_json::from_str(&text).unwrap()
        };
        let second = 1_000_000_000;
        let (before, now) = (
            metrics(second, [0, 0]),
            metrics(2 * second, [second, second / 4]),
        );
        Top::of_one(RuntimeTop::between(
            Some(&before),
            &now,
            None,
            Duration::from_secs(1),
        ))
    }

    #[test]
    fn the_screen_shows_each_worker_with_its_share() {
        let mut terminal = Terminal::new(TestBackend::new(110, 12)).unwrap();
        let top = top();
        terminal.draw(|frame| draw(frame, &top)).unwrap();
        let cells = terminal.backend().buffer().content().chunks(110);
        let shown: Vec<String> = cells
            .map(|row| row.iter().map(|cell| cell.symbol()).collect())
            .collect();
        let has = |parts: &[&str]| {
            let found = shown
                .iter()
                .any(|line| parts.iter().all(|part| line.contains(part)));
            assert!(found, "{parts:?} in {shown:#?}");
        };
        has(&["process 1", "q quits"]);
        has(&["tasks 7", "descriptors 2"]);
        has(&["2 threads, 1 idle, 5 queued"]);
        has(&["##########", "100.0%", "1.5us"]);
        has(&["###.......", "25.0%"]);
    }

    #[test]
    fn the_text_has_the_same_lines() {
        let text = text(&top());
        assert_eq!(text.lines().count(), 1 + 1 + 2 + 1 + 2, "{text}");
        assert!(text.contains("100.0%") && text.contains("25.0%"), "{text}");
    }

    #[test]
    fn numbers_are_short() {
        for (number, wanted) in [
            (0.0, "0"),
            (0.5, "0.5"),
            (12.4, "12"),
            (12_345.0, "12.3k"),
            (2.5e6, "2.5M"),
        ] {
            assert_eq!(count(number), wanted);
        }
        for (nanos, wanted) in [
            (0, "-"),
            (999, "999ns"),
            (1_500, "1.5us"),
            (2_000_000, "2.0ms"),
            (3_000_000_000, "3.0s"),
        ] {
            assert_eq!(time(nanos), wanted);
        }
    }
}
