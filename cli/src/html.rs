//! A page with a timeline, findings and tasks: one file that needs no network.
//!
//! The large parts are tables: tasks, polls, sleeps, wakes, spans. A table is written in blocks of `ROWS` rows. A block has its columns one after
//! another, as numbers of one to ten bytes, seven bits a byte, the lowest first; a rising column as the differences from row to row. A block is
//! compressed, and stands in an element of its own in base64: the page's script reads one after another, while the browser still loads the
//! rest. Rows of threads are written thread by thread, so that no row has to name its thread.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use selvedge_trace::{Analysis, PollKind, Recording, TaskTrack, Waiting, Waker};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

const PAGE: &str = include_str!("../assets/report.html");
/// The parts of the one script, each after those it builds on; the reader's mouse and keys come last.
const SCRIPT: [&str; 5] = [
    include_str!("../assets/report/tables.js"),
    include_str!("../assets/report/view.js"),
    include_str!("../assets/report/paint.js"),
    include_str!("../assets/report/panels.js"),
    include_str!("../assets/report/reader.js"),
];
/// Rows of a block: the page's script takes a few hundredths of a second for it.
const ROWS: usize = 1 << 17;
/// The bits of a task that panicked, and of one that was cancelled.
const PANICKED: u64 = 1;
const CANCELLED: u64 = 2;

pub fn write(out: &mut impl Write, recording: &Recording, analysis: &Analysis) -> io::Result<()> {
    let broken = || io::Error::other("the page's text lacks a place for its data");
    let (before, rest) = PAGE.split_once("{{data}}").ok_or_else(broken)?;
    let (between, rest) = rest.split_once("{{script}}").ok_or_else(broken)?;
    let (end, after) = rest.split_once("{{blocks}}").ok_or_else(broken)?;
    let of_threads = Rows::of(analysis);
    let mut words = Words::default();
    let tables = tables(recording, analysis, &of_threads, &mut words);
    let head = head(recording, analysis, &of_threads, &words, &tables);
    out.write_all(before.as_bytes())?;
    // Nothing in it may end the script element.
    out.write_all(head.to_string().replace('<', "\\u003c").as_bytes())?;
    out.write_all(between.as_bytes())?;
    for part in SCRIPT {
        out.write_all(part.as_bytes())?;
    }
    out.write_all(end.as_bytes())?;
    for table in &tables {
        table.write(out)?;
    }
    out.write_all(after.as_bytes())
}

/// The small parts: all but the tables.
fn head(
    recording: &Recording,
    analysis: &Analysis,
    of_threads: &Rows,
    words: &Words,
    tables: &[Table<'_>],
) -> Value {
    json!({
        "program": recording.program,
        "process": recording.process,
        "from": analysis.part.begin,
        "to": analysis.part.end,
        "events": analysis.events,
        "lost": recording.lost,
        "threads": analysis.threads.values().collect::<Vec<_>>(),
        "lanes": of_threads.lanes(),
        "findings": analysis.findings,
        "span_totals": analysis.span_totals(recording),
        "words": words.words,
        "block_rows": ROWS,
        "tables": tables.iter().map(Table::shape).collect::<Vec<_>>(),
    })
}

/// Texts that many rows share, by their numbers.
#[derive(Default)]
struct Words {
    words: Vec<String>,
    numbers: HashMap<String, u64>,
}

impl Words {
    fn number(&mut self, word: &str) -> u64 {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        let number = self.words.len() as u64;
        self.words.push(word.to_owned());
        self.numbers.insert(word.to_owned(), number);
        number
    }
}

/// The rows of each table of threads in the page's order: thread by thread, and by time.
struct Rows {
    polls: Vec<u32>,
    sleeps: Vec<u32>,
    wakes: Vec<u32>,
    spans: Vec<u32>,
    /// How many rows each thread has in each table.
    counts: BTreeMap<u16, [usize; 4]>,
}

impl Rows {
    fn of(analysis: &Analysis) -> Rows {
        let mut counts: BTreeMap<u16, [usize; 4]> = BTreeMap::new();
        let mut sorted = |table: usize, len: usize, thread: &dyn Fn(usize) -> u16| {
            // One pass counts and one places the rows: a sort would touch far more memory.
            let mut next = vec![0_usize; 1 << 16];
            (0..len).for_each(|row| next[usize::from(thread(row))] += 1);
            let mut first = 0;
            for (number, next) in (0..=u16::MAX).zip(&mut next) {
                let count = std::mem::replace(next, first);
                first += count;
                if count > 0 {
                    counts.entry(number).or_default()[table] = count;
                }
            }
            let mut rows = vec![0; len];
            for row in 0..len {
                let next = &mut next[usize::from(thread(row))];
                rows[*next] = row as u32;
                *next += 1;
            }
            rows
        };
        let Analysis {
            polls,
            sleeps,
            wakes,
            spans,
            ..
        } = analysis;
        Rows {
            polls: sorted(0, polls.len(), &|row| polls[row].thread),
            sleeps: sorted(1, sleeps.len(), &|row| sleeps[row].0),
            wakes: sorted(2, wakes.len(), &|row| wakes[row].thread),
            spans: sorted(3, spans.len(), &|row| spans[row].thread),
            counts,
        }
    }

    fn lanes(&self) -> Vec<Value> {
        let lanes = self.counts.iter();
        lanes
            .map(|(thread, [polls, sleeps, wakes, spans])| {
                json!({ "thread": thread, "polls": polls, "sleeps": sleeps, "wakes": wakes, "spans": spans })
            })
            .collect()
    }
}

/// How a column's values are kept in the page, which is a typed array of JavaScript.
#[derive(Clone, Copy)]
enum Kept {
    /// A moment, or a number of 53 bits.
    F64,
    /// A length of time: exact up to 16 ms, and to one part in 16 million above.
    F32,
    U32,
}

struct Column<'a> {
    name: &'static str,
    kept: Kept,
    rises: bool,
    value: Box<dyn Fn(usize) -> u64 + 'a>,
}

struct Table<'a> {
    name: &'static str,
    rows: usize,
    columns: Vec<Column<'a>>,
}

impl<'a> Table<'a> {
    fn new(name: &'static str, rows: usize) -> Table<'a> {
        Table {
            name,
            rows,
            columns: Vec::new(),
        }
    }

    fn column(mut self, name: &'static str, kept: Kept, value: impl Fn(usize) -> u64 + 'a) -> Self {
        self.columns.push(Column {
            name,
            kept,
            rises: false,
            value: Box::new(value),
        });
        self
    }

    /// A column whose values mostly grow from row to row.
    fn rising(self, name: &'static str, value: impl Fn(usize) -> u64 + 'a) -> Self {
        let mut table = self.column(name, Kept::F64, value);
        if let Some(column) = table.columns.last_mut() {
            column.rises = true;
        }
        table
    }

    fn shape(&self) -> Value {
        let columns = self.columns.iter().map(|column| {
            let kept = match column.kept {
                Kept::F64 => "f64",
                Kept::F32 => "f32",
                Kept::U32 => "u32",
            };
            json!([column.name, kept, column.rises])
        });
        json!({ "name": self.name, "rows": self.rows, "columns": columns.collect::<Vec<_>>() })
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut text = String::new();
        for from in (0..self.rows).step_by(ROWS) {
            let rows = from..self.rows.min(from + ROWS);
            let mut bytes = GzEncoder::new(Vec::new(), Compression::fast());
            for column in &self.columns {
                let mut last = 0;
                let mut told = Vec::with_capacity(rows.len() * 3);
                for row in rows.clone() {
                    let value = (column.value)(row);
                    let number = match column.rises {
                        true => zigzag(value.wrapping_sub(last)),
                        false => value,
                    };
                    push(&mut told, number);
                    last = value;
                }
                bytes.write_all(&told)?;
            }
            text.clear();
            STANDARD.encode_string(bytes.finish()?, &mut text);
            writeln!(
                out,
                "<script type=\"text/plain\" class=\"block\">{text}</script>"
            )?;
        }
        Ok(())
    }
}

/// Encodes a difference so that small ones of either sign become small numbers.
fn zigzag(difference: u64) -> u64 {
    let signed = difference as i64;
    ((signed << 1) ^ (signed >> 63)) as u64
}

fn push(bytes: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// A column `task` has a task's row plus one, or 0 for none.
fn tables<'a>(
    recording: &Recording,
    analysis: &'a Analysis,
    of_threads: &'a Rows,
    words: &mut Words,
) -> Vec<Table<'a>> {
    let numbers: HashMap<u64, u64> = analysis.tasks.keys().copied().zip(1..).collect();
    let number = std::rc::Rc::new(move |id: u64| numbers.get(&id).copied().unwrap_or(0));
    let Analysis {
        polls,
        sleeps,
        wakes,
        spans,
        ..
    } = analysis;
    let poll = |row: usize| &polls[of_threads.polls[row] as usize];
    let sleep = |row: usize| sleeps[of_threads.sleeps[row] as usize].1;
    let wake = |row: usize| &wakes[of_threads.wakes[row] as usize];
    let span = |row: usize| &spans[of_threads.spans[row] as usize];
    let names: HashMap<u64, u64> = spans.iter().map(|it| (it.name, 0)).collect();
    let names: HashMap<u64, u64> = names
        .into_keys()
        .map(|key| (key, words.number(recording.name(key))))
        .collect();
    let of = [number.clone(), number.clone(), number.clone(), number];
    let [of_poll, of_wake, by, of_span] = of;
    let mut tables = of_tasks(analysis, words);
    tables.extend([
        Table::new("polls", polls.len())
            .rising("begin", move |row| poll(row).time.begin)
            .column("length", Kept::F32, move |row| poll(row).time.nanos())
            .column("delay", Kept::F32, move |row| poll(row).delay)
            .column("task", Kept::U32, move |row| of_poll(poll(row).task)),
        Table::new("sleeps", sleeps.len())
            .rising("begin", move |row| sleep(row).begin)
            .column("length", Kept::F32, move |row| sleep(row).nanos()),
        Table::new("wakes", wakes.len())
            .rising("begin", move |row| wake(row).nanos)
            .column("task", Kept::U32, move |row| of_wake(wake(row).task))
            // 0: a timer. 1: a thread. Even: a task. Odd: a descriptor.
            .column("by", Kept::U32, move |row| match wake(row).by {
                Waker::Timer => 0,
                Waker::Thread(_) => 1,
                Waker::Task(task) => 2 * by(task),
                Waker::Io(fd) => 3 + 2 * fd.clamp(0, 1 << 30) as u64,
            }),
        Table::new("spans", spans.len())
            .rising("begin", move |row| span(row).time.begin)
            .column("length", Kept::F32, move |row| span(row).time.nanos())
            .column("name", Kept::U32, move |row| names[&span(row).name])
            .column("task", Kept::U32, move |row| of_span(span(row).task)),
    ]);
    tables
}

fn of_tasks<'a>(analysis: &'a Analysis, words: &mut Words) -> Vec<Table<'a>> {
    let tasks: std::rc::Rc<[&TaskTrack]> = analysis.tasks.values().collect();
    let waits: Vec<(usize, &Waiting)> = (0..)
        .zip(&*tasks)
        .flat_map(|(row, task)| task.waits.iter().map(move |wait| (row, wait)))
        .collect();
    let waits = std::rc::Rc::new(waits);
    let places: Vec<u64> = tasks.iter().map(|t| words.number(&t.place)).collect();
    let named = |task: &&TaskTrack| task.name.as_ref().map_or(0, |name| words.number(name) + 1);
    let names: Vec<u64> = tasks.iter().map(named).collect();
    let waited = |(_, wait): &(usize, &Waiting)| words.number(&wait.kind.to_string());
    let kinds: Vec<u64> = waits.iter().map(waited).collect();
    let of = |value: fn(&TaskTrack) -> u64| {
        let tasks = tasks.clone();
        move |row: usize| value(tasks[row])
    };
    let (which, what) = (waits.clone(), waits.clone());
    vec![
        Table::new("tasks", tasks.len())
            .rising("id", of(|task| task.id))
            .column("name", Kept::U32, move |row| names[row])
            .column("place", Kept::U32, move |row| places[row])
            .column("parent", Kept::F64, of(|task| task.parent))
            .column(
                "kind",
                Kept::U32,
                of(|task| match task.kind {
                    PollKind::Task => 0,
                    PollKind::Blocking => 1,
                    PollKind::BlockOn => 2,
                }),
            )
            .column(
                "state",
                Kept::U32,
                of(|task| {
                    u64::from(task.panicked) * PANICKED + u64::from(task.cancelled) * CANCELLED
                }),
            )
            // Plus one: 0 means never.
            .column(
                "ended",
                Kept::F64,
                of(|task| task.ended.map_or(0, |at| at + 1)),
            )
            .column("polls", Kept::U32, of(|task| task.polls))
            .column("wakes", Kept::U32, of(|task| task.wakes))
            .column("busy", Kept::F64, of(|task| task.busy))
            .column("longest_poll", Kept::F64, of(|task| task.longest_poll))
            .column("longest_delay", Kept::F64, of(|task| task.longest_delay)),
        Table::new("waits", waits.len())
            .rising("task", move |row| which[row].0 as u64 + 1)
            .column("kind", Kept::U32, move |row| kinds[row])
            .column("what", Kept::F64, move |row| what[row].1.what),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use std::io::Read;

    /// As the page's script reads it.
    fn next(bytes: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let (byte, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return value;
            }
        }
    }

    #[test]
    fn a_table_is_read_as_it_was_told() {
        // More rows than a block has; moments that go back once.
        let begin = |row: usize| (row as u64 * 1_000) % 100_000_000 + (1 << 40);
        let length = |row: usize| if row == 7 { u64::MAX } else { row as u64 % 300 };
        let rows = ROWS + 3;
        let table =
            Table::new("polls", rows)
                .rising("begin", begin)
                .column("length", Kept::F32, length);
        let mut text = Vec::new();
        table.write(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let blocks = text.lines().map(|line| {
            let (_, block) = line.split_once('>').unwrap();
            let block = block.strip_suffix("</script>").unwrap();
            let (mut bytes, packed) = (Vec::new(), STANDARD.decode(block).unwrap());
            GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
            bytes
        });
        let mut first = 0;
        for block in blocks {
            let mut bytes = &block[..];
            let these = first..rows.min(first + ROWS);
            let mut last = 0;
            for row in these.clone() {
                let zigzag = next(&mut bytes);
                let difference = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
                last = u64::wrapping_add(last, difference as u64);
                assert_eq!(last, begin(row));
            }
            for row in these.clone() {
                assert_eq!(next(&mut bytes), length(row));
            }
            assert!(bytes.is_empty());
            first = these.end;
        }
        assert_eq!(first, rows);
    }

    #[test]
    fn what_a_program_calls_things_does_not_end_the_script() {
        let recording = Recording {
            program: "</script><b>".into(),
            ..Recording::default()
        };
        let mut page = Vec::new();
        write(&mut page, &recording, &Analysis::of(&recording)).unwrap();
        let page = String::from_utf8(page).unwrap();
        assert!(page.contains("\\u003c/script>\\u003cb>"));
        assert!(!page.contains("</script><b>") && !page.contains("{{"));
    }
}
