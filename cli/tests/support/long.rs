//! A recording by hand that is as long as one likes, written piece by piece.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Threads that are workers of one runtime.
pub const THREADS: u64 = 16;
/// The events of one lap: 11 polls, 6 wakes, and a sleep or a span.
pub const EVENTS_OF_LAP: u64 = 30;
/// The task that keeps a worker for 40 ms, in the middle.
pub const CULPRIT: u64 = 5;
/// How many laps share a task that no other thread polls.
const LAPS_OF_TASK: u64 = 4;

/// Records of one thread, with times that go on.
struct Writer<W> {
    out: W,
    thread: u64,
    nanos: u64,
    random: u64,
}

impl<W: Write> Writer<W> {
    fn words(&mut self, words: &[u64]) -> io::Result<()> {
        words
            .iter()
            .try_for_each(|word| self.out.write_all(&word.to_le_bytes()))
    }

    fn record(&mut self, kind: u64, detail: u64, a: u64, b: u64) -> io::Result<()> {
        self.words(&[self.nanos, kind | self.thread << 8 | detail << 24, a, b])
    }

    /// Time passes: from nothing to twice this.
    fn pass(&mut self, nanos: u64) {
        self.random = self
            .random
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1);
        self.nanos += (self.random >> 33) % (2 * nanos);
    }

    fn poll(&mut self, task: u64, nanos: u64) -> io::Result<()> {
        self.record(4, 0, task, 1 + task % 7)?;
        self.pass(nanos);
        self.record(5, 0, task, 0)
    }

    fn string(&mut self, key: u64, kind: u64, position: u64, text: &str) -> io::Result<()> {
        self.words(&[key, kind | (text.len() as u64) << 32, position])?;
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        self.out.write_all(&bytes)
    }
}

fn strings() -> Vec<u8> {
    let mut writer = Writer {
        out: Vec::new(),
        thread: 0,
        nanos: 0,
        random: 0,
    };
    let mut all = || {
        for place in 1..=7 {
            writer.string(place, 1, 10 * place, "src/server/<b>connections</b>.rs")?;
        }
        writer.string(100, 2, 0, "the culprit")?;
        writer.string(101, 2, 0, "parse")?;
        for thread in 1..=THREADS {
            writer.string(thread, 3, 1000 + thread, "worker")?;
        }
        writer.string(0, 4, 0, "/usr/bin/server")
    };
    all().unwrap();
    writer.out
}

/// One of three tasks that a thread has all the time.
fn shared(thread: u64, n: u64) -> u64 {
    10 + n % 3 * THREADS + thread
}

fn lap(writer: &mut Writer<impl Write>, lap: u64, laps: u64) -> io::Result<()> {
    let own = 100 + (lap / LAPS_OF_TASK) * THREADS + writer.thread;
    for n in 0..11 {
        let is_stall = (writer.thread, lap, n) == (3, laps / 2, 0);
        match (is_stall, n % 3) {
            (true, _) => {
                writer.record(4, 0, CULPRIT, 1)?;
                writer.nanos += 40_000_000;
                writer.record(5, 0, CULPRIT, 0)?;
            }
            (_, 0) => writer.poll(shared(writer.thread, lap + n), 9_000)?,
            _ => writer.poll(own, 15_000)?,
        }
        writer.pass(1_000);
        if n % 2 == 0 {
            let woken = if n % 4 == 0 {
                own
            } else {
                shared(writer.thread, lap + n + 1)
            };
            writer.record(7, 1, woken, 0)?;
        }
    }
    match lap % 2 {
        0 => writer.record(9, 1, 0, 0)?,
        _ => writer.record(16, 0, 101, 0)?,
    }
    writer.pass(40_000);
    match lap % 2 {
        0 => writer.record(10, 1, 0, 0),
        _ => writer.record(17, 0, 101, 0),
    }
}

/// Writes a recording of `laps` laps of each thread.
pub fn write(path: &Path, laps: u64) -> io::Result<()> {
    let mut writer = Writer {
        out: BufWriter::new(File::create(path)?),
        thread: 0,
        nanos: 0,
        random: 1,
    };
    let mut first = [0; 512];
    first[..7].copy_from_slice(&[u64::from_le_bytes(*b"SELVEDGE"), 1, 77, 0, 0, 0, 1 << 32]);
    writer.words(&first)?;
    let strings = strings();
    let len = strings.len() as u64;
    writer.words(&[2, 64 + len, len / 8, 0, 0, 0, 0, 0])?;
    writer.out.write_all(&strings)?;
    for thread in 1..=THREADS {
        let count = laps * EVENTS_OF_LAP + 2;
        (writer.thread, writer.nanos) = (thread, 0);
        writer.words(&[3, 64 + 32 * count, 0, count, 0, 0, 0, 0])?;
        writer.record(20, thread - 1, 1, 0)?;
        writer.record(3, 0, CULPRIT, 100)?;
        (0..laps).try_for_each(|n| lap(&mut writer, n, laps))?;
    }
    writer.out.flush()
}
