//! The bytes of a recording: a page, then chunks of rings, records and strings. See `docs/recorder.md`.
//!
//! A file may be cut off, of another version, or made to do harm: every length is checked before it is used, and no
//! more memory is allocated than the file's real content needs.

use crate::event::{self, Event};
use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

const MAGIC: u64 = u64::from_le_bytes(*b"SELVEDGE");
const VERSION: u64 = 1;
/// Words of the first page.
const PAGE: usize = 512;
/// Words of a chunk's header.
const HEADER: usize = 8;
/// Clock records that span fewer nanoseconds than this give the clock's pace less exactly than the first page does.
const SHORT: u64 = 10_000_000;
const CLOCK: u8 = 1;
const DELIVERED: u8 = 25;
/// The kinds of the two events in a [`DELIVERED`] record.
const IO: u64 = 11;
const QUEUED: u64 = 7;

/// Why bytes are not a recording.
///
/// ```
/// use selvedge_trace::{ReadError, Recording};
/// assert!(matches!(Recording::read(b"something else"), Err(ReadError::NotARecording)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// They do not begin as a recording does.
    NotARecording,
    /// They are of a version of the format that this crate does not read.
    Version(u64),
    /// They end too early, or have an impossible length: at this byte.
    CutOff(usize),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::NotARecording => {
                f.write_str("this is no recording of selvedge's flight recorder")
            }
            ReadError::Version(version) => write!(
                f,
                "the recording has version {version} of the format, and this program reads version {VERSION}: use the \
                 one that belongs to the runtime that recorded it"
            ),
            ReadError::CutOff(at) => write!(f, "the recording is cut off or damaged at byte {at}"),
        }
    }
}

impl std::error::Error for ReadError {}

/// A place in a program's source.
///
/// ```
/// let place = selvedge_trace::Place { file: "src/main.rs".into(), line: 7, column: 5 };
/// assert_eq!(place.to_string(), "src/main.rs:7:5");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as the compiler was given it.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A thread that has events.
///
/// ```
/// let thread = selvedge_trace::Thread::default();
/// assert!(thread.name.is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// Its name; empty if it has none.
    pub name: String,
    /// The system's number of it; 0 if not known.
    pub system_id: u32,
}

/// What was recorded.
///
/// ```no_run
/// let bytes = std::fs::read("server.recording")?;
/// let recording = selvedge_trace::Recording::read(&bytes)?;
/// println!("{}: {} events, {} lost", recording.program, recording.events.len(), recording.lost);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// The program's path.
    pub program: String,
    /// The process's number.
    pub process: u64,
    /// When the recording began, in nanoseconds since 1970.
    pub began_at: u64,
    /// By time; the events of one thread in their order.
    pub events: Vec<Event>,
    /// By the numbers in events.
    pub threads: BTreeMap<u16, Thread>,
    /// By the keys in events.
    pub places: BTreeMap<u64, Place>,
    /// By the keys in events.
    pub names: BTreeMap<u64, String>,
    /// Events that were overwritten by newer ones, or found no memory.
    pub lost: u64,
    /// From here on the events of all threads are there, in nanoseconds since the recording's begin. Before that, the events of a thread
    /// that had many may be lost while those of others are there.
    pub whole_from: u64,
}

/// A record whose time is still in ticks.
struct Record([u64; 4]);

impl Record {
    fn kind(&self) -> u8 {
        self.0[1] as u8
    }

    /// A record for each of its events: a record of a descriptor's event and of the task that was queued for it gives two.
    fn parts(self) -> [Option<Record>; 2] {
        if self.kind() != DELIVERED {
            return [Some(self), None];
        }
        let Record([ticks, what, task, descriptor]) = self;
        let thread = what & 0xff_ff00;
        let (queue, readiness) = (what >> 24 & 0xff, what >> 32);
        let io = [ticks, IO | thread | readiness << 24, descriptor, 0];
        let queued = [ticks, QUEUED | thread | queue << 24, task, 0];
        [Some(Record(io)), Some(Record(queued))]
    }
}

impl Recording {
    /// Reads a recording: a snapshot's bytes, or those of a file that a process records to, also while it does.
    ///
    /// # Errors
    /// See [`ReadError`].
    ///
    /// ```
    /// assert!(selvedge_trace::Recording::read(&[]).is_err());
    /// ```
    pub fn read(bytes: &[u8]) -> Result<Recording, ReadError> {
        let file = File::of(bytes).ok_or(ReadError::NotARecording)?;
        let head = |at| file.word(at).ok_or(ReadError::CutOff(bytes.len()));
        let version = head(1)?;
        if version != VERSION {
            return Err(ReadError::Version(version));
        }
        head(PAGE - 1)?;
        let mut recording = Recording {
            process: head(2)?,
            began_at: head(3)?,
            lost: head(7)?,
            ..Recording::default()
        };
        let clock = Clock {
            ticks: head(4)?,
            nanos: head(5)?,
            pace: head(6)?,
        };
        let mut runs = Vec::new();
        let mut whole_from = 0;
        let mut at = PAGE;
        // Kind 0: room that is not used yet.
        while let Some(kind) = file.word(at).filter(|kind| *kind != 0) {
            let cut_off = || ReadError::CutOff(at * 8);
            let len = file.word(at + 1).ok_or_else(cut_off)?;
            let words = usize::try_from(len / 8).map_err(|_| cut_off())?;
            let end = at.checked_add(words).ok_or_else(cut_off)?;
            if len % 8 != 0 || words < HEADER || end > bytes.len() / 8 {
                return Err(cut_off());
            }
            let chunk = Chunk {
                file: &file,
                at,
                words,
            };
            match kind & 0xff {
                kind @ (1 | 3) => {
                    let run = match kind {
                        1 => chunk.ring()?,
                        _ => chunk.records()?,
                    };
                    recording.lost += run.lost;
                    if let (1.., Some(Record([ticks, ..]))) = (run.lost, run.clone().next()) {
                        whole_from = whole_from.max(ticks);
                    }
                    runs.push(run);
                }
                2 => chunk.strings(&mut recording)?,
                // Later runtimes may add kinds without a new version: they are skipped.
                _ => {}
            }
            at = end;
        }
        let clock = clock.refined(&runs);
        recording.whole_from = match whole_from {
            0 => 0,
            ticks => clock.nanos(ticks),
        };
        recording.events = events(runs, clock);
        recording.join_threads();
        Ok(recording)
    }

    /// A thread that begins to poll futures goes on in a larger ring, under another number, perhaps in the midst of a closure. This makes one
    /// thread of both, by the system's number and the name.
    fn join_threads(&mut self) {
        let mut first: BTreeMap<(u32, &str), u16> = BTreeMap::new();
        let mut joined: BTreeMap<u16, u16> = BTreeMap::new();
        for (number, thread) in &self.threads {
            if thread.system_id != 0 {
                let one = *first
                    .entry((thread.system_id, &thread.name))
                    .or_insert(*number);
                if one != *number {
                    joined.insert(*number, one);
                }
            }
        }
        if joined.is_empty() {
            return;
        }
        for event in &mut self.events {
            event.thread = *joined.get(&event.thread).unwrap_or(&event.thread);
        }
        self.threads
            .retain(|number, _| !joined.contains_key(number));
    }

    /// The bytes of a file to which a process may be writing. Records that it overwrites during the copy count as lost in these bytes.
    ///
    /// # Errors
    /// If the file cannot be read.
    ///
    /// ```no_run
    /// use selvedge_trace::Recording;
    /// let bytes = Recording::bytes_of("server.recording")?; // the server still runs
    /// let recording = Recording::read(&bytes)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bytes_of(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        let mut file = fs::File::open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        // How far the writers are after the copy: records that they have begun since may be torn in it.
        let mut at = PAGE;
        loop {
            let copied = File::of(&bytes);
            let word = |at| copied.as_ref()?.word(at);
            let (Some(kind @ 1..), Some(len)) = (word(at), word(at + 1)) else {
                return Ok(bytes);
            };
            let words = usize::try_from(len / 8).unwrap_or(usize::MAX);
            let claimed = (at + 2) * 8;
            if kind == 1 && claimed + 8 <= bytes.len() {
                file.seek(SeekFrom::Start(claimed as u64))?;
                file.read_exact(&mut bytes[claimed..claimed + 8])?;
            }
            match at.checked_add(words) {
                Some(next) if words >= HEADER => at = next,
                _ => return Ok(bytes),
            }
        }
    }

    /// The place with this key, as text.
    ///
    /// ```
    /// let recording = selvedge_trace::Recording::default();
    /// assert_eq!(recording.place(1), "?");
    /// ```
    pub fn place(&self, key: u64) -> String {
        self.places
            .get(&key)
            .map_or_else(|| "?".into(), Place::to_string)
    }

    /// The name with this key, `?` if unknown.
    ///
    /// ```
    /// let recording = selvedge_trace::Recording::default();
    /// assert_eq!(recording.name(1), "?");
    /// ```
    pub fn name(&self, key: u64) -> &str {
        self.names.get(&key).map_or("?", String::as_str)
    }

    /// How long the part is of which the events of all threads are there, in nanoseconds.
    ///
    /// ```
    /// assert_eq!(selvedge_trace::Recording::default().nanos(), 0);
    /// ```
    pub fn nanos(&self) -> u64 {
        match (self.events.first(), self.events.last()) {
            (Some(first), Some(last)) => last.nanos - first.nanos.max(self.whole_from),
            _ => 0,
        }
    }
}

struct File<'a> {
    bytes: &'a [u8],
    order: Order,
}

/// The order of the bytes in a word: that of the machine whose memory the file is.
#[derive(Clone, Copy)]
enum Order {
    LowFirst,
    HighFirst,
}

impl Order {
    fn word(self, bytes: [u8; 8]) -> u64 {
        match self {
            Order::LowFirst => u64::from_le_bytes(bytes),
            Order::HighFirst => u64::from_be_bytes(bytes),
        }
    }
}

impl<'a> File<'a> {
    /// `None`: it does not begin as a recording does.
    fn of(bytes: &'a [u8]) -> Option<File<'a>> {
        let orders = [Order::LowFirst, Order::HighFirst];
        let mut files = orders.into_iter().map(|order| File { bytes, order });
        files.find(|file| file.word(0) == Some(MAGIC))
    }

    fn word(&self, at: usize) -> Option<u64> {
        let from = at.checked_mul(8)?;
        let bytes = self.bytes.get(from..from.checked_add(8)?)?;
        Some(self.order.word(bytes.try_into().ok()?))
    }
}

/// Words `at` to `at + words` are in the file.
struct Chunk<'a> {
    file: &'a File<'a>,
    at: usize,
    words: usize,
}

impl<'a> Chunk<'a> {
    fn word(&self, at: usize) -> Result<u64, ReadError> {
        let here = at < self.words;
        let word = here.then(|| self.file.word(self.at + at)).flatten();
        word.ok_or(ReadError::CutOff((self.at + at.min(self.words)) * 8))
    }

    /// A ring as its thread writes it.
    fn ring(&self) -> Result<Run<'a>, ReadError> {
        let (claimed, written, capacity) = (self.word(2)?, self.word(3)?, self.word(5)?);
        // If the bytes were copied while the ring was written to, `written` may be ahead of `claimed`.
        let claimed = claimed.max(written);
        if capacity == 0 || !capacity.is_power_of_two() || capacity > self.room() {
            return Err(ReadError::CutOff(self.at * 8));
        }
        // The slot of a record that is being written is not whole.
        let lost = claimed.saturating_sub(capacity).min(written);
        Ok(Run {
            file: self.file,
            at: self.at + HEADER,
            mask: capacity - 1,
            next: lost,
            end: written,
            lost,
        })
    }

    /// Records one after another.
    fn records(&self) -> Result<Run<'a>, ReadError> {
        let (lost, count) = (self.word(2)?, self.word(3)?);
        if count > self.room() {
            return Err(ReadError::CutOff(self.at * 8));
        }
        Ok(Run {
            file: self.file,
            at: self.at + HEADER,
            mask: u64::MAX,
            next: 0,
            end: count,
            lost,
        })
    }

    /// How many records it has room for.
    fn room(&self) -> u64 {
        ((self.words - HEADER) / 4) as u64
    }

    fn strings(&self, recording: &mut Recording) -> Result<(), ReadError> {
        let used = self.word(2)?;
        let room = (self.words - HEADER) as u64;
        if used > room {
            return Err(ReadError::CutOff(self.at * 8));
        }
        let end = HEADER + used as usize;
        let mut at = HEADER;
        while at < end {
            let (key, kind, position) = (self.word(at)?, self.word(at + 1)?, self.word(at + 2)?);
            let len = (kind >> 32) as usize;
            let words = len.div_ceil(8);
            if words > end.saturating_sub(at + 3) {
                return Err(ReadError::CutOff((self.at + at) * 8));
            }
            // The first byte is the lowest of its word, on every machine.
            let mut bytes = Vec::with_capacity(words * 8);
            for word in at + 3..at + 3 + words {
                bytes.extend(self.word(word)?.to_le_bytes());
            }
            bytes.truncate(len);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let (line, column) = (position as u32, (position >> 32) as u32);
            match kind as u32 {
                1 => {
                    let place = Place {
                        file: text,
                        line,
                        column,
                    };
                    recording.places.insert(key, place);
                }
                2 => drop(recording.names.insert(key, text)),
                3 => {
                    let thread = Thread {
                        name: text,
                        system_id: line,
                    };
                    recording.threads.insert(key as u16, thread);
                }
                4 => recording.program = text,
                _ => {}
            }
            at += 3 + words;
        }
        Ok(())
    }
}

/// The records of a thread, in their order, where they lie in the file: they are many, and are not copied.
#[derive(Clone)]
struct Run<'a> {
    file: &'a File<'a>,
    /// The word of slot 0.
    at: usize,
    /// The bits of a record's number that give its slot.
    mask: u64,
    next: u64,
    end: u64,
    /// How many before them are lost.
    lost: u64,
}

impl Iterator for Run<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        if self.next >= self.end {
            return None;
        }
        // Its chunk has room for the slots, which is checked as the run is made.
        let from = (self.at + 4 * (self.next & self.mask) as usize) * 8;
        let bytes = self.file.bytes.get(from..from + 32)?;
        let mut record = [0; 4];
        for (word, bytes) in record.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = self.file.order.word(bytes.try_into().ok()?);
        }
        self.next += 1;
        Some(Record(record))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = (self.end - self.next) as usize;
        (len, Some(len))
    }
}

/// From ticks to nanoseconds.
#[derive(Clone, Copy)]
struct Clock {
    ticks: u64,
    nanos: u64,
    /// Nanoseconds in 2^32 ticks.
    pace: u64,
}

impl Clock {
    /// With the pace between the first page and the last record of the clock, if that is long enough.
    fn refined(self, runs: &[Run<'_>]) -> Clock {
        let records = runs.iter().flat_map(Run::clone);
        let clocks = records.filter(|record| record.kind() == CLOCK);
        let Some(Record([ticks, _, nanos, _])) = clocks.max_by_key(|record| record.0[0]) else {
            return self;
        };
        let (ticks, nanos) = (
            ticks.saturating_sub(self.ticks),
            nanos.saturating_sub(self.nanos),
        );
        match nanos > SHORT && ticks > 0 {
            true => Clock {
                pace: ((u128::from(nanos) << 32) / u128::from(ticks)) as u64,
                ..self
            },
            false => self,
        }
    }

    fn nanos(&self, ticks: u64) -> u64 {
        let ticks = u128::from(ticks.saturating_sub(self.ticks));
        ((ticks * u128::from(self.pace)) >> 32) as u64
    }
}

/// The events of all runs, by time. Those of a run stay in their order, and at one moment those of the first run come first.
fn events(runs: Vec<Run<'_>>, clock: Clock) -> Vec<Event> {
    let mut events = Vec::with_capacity(runs.iter().map(|run| run.size_hint().0).sum());
    let mut runs: Vec<_> = runs
        .into_iter()
        .map(|run| {
            let records = run.flat_map(|record| record.parts().into_iter().flatten());
            records.filter_map(|record| event(&record, clock))
        })
        .collect();
    // The next event of each run: only as many events as there are threads are sorted at a time.
    let mut heads: Vec<Option<Event>> = runs.iter_mut().map(Iterator::next).collect();
    let first = |at: usize, head: &Option<Event>| head.map(|event| Reverse((event.nanos, at)));
    let mut next: BinaryHeap<_> = (0..)
        .zip(&heads)
        .filter_map(|(at, head)| first(at, head))
        .collect();
    while let Some(mut top) = next.peek_mut() {
        let at = top.0.1;
        events.extend(heads[at].take());
        heads[at] = runs[at].next();
        match first(at, &heads[at]) {
            Some(following) => *top = following,
            None => drop(PeekMut::pop(top)),
        }
    }
    // Times of one thread may go back, if its processor's clock does.
    if !events.is_sorted_by_key(|event: &Event| event.nanos) {
        events.sort_by_key(|event| event.nanos);
    }
    events
}

fn event(Record([ticks, what, a, b]): &Record, clock: Clock) -> Option<Event> {
    Some(Event {
        nanos: clock.nanos(*ticks),
        thread: (what >> 8) as u16,
        kind: event::decode(*what as u8, what >> 24, *a, *b)?,
    })
}
