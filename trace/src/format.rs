//! The bytes of a recording: a page, then chunks of rings, records and strings. See `docs/recorder.md`.
//!
//! What is read may be cut off, of another version, or made to do harm: every length is checked before it is used, and
//! memory is taken for what the file really has.

use crate::event::{self, Event};
use std::collections::BTreeMap;
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
/// A span of the clock's records below this many nanoseconds says less of the clock's pace than the first page does.
const SHORT: u64 = 10_000_000;
const CLOCK: u8 = 1;

/// Why bytes are not a recording.
///
/// ```
/// use selvedge_trace::{ReadError, Recording};
/// assert!(matches!(Recording::read(b"something else"), Err(ReadError::NotARecording)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// They do not begin as one.
    NotARecording,
    /// They are of a version of the format that this crate does not read.
    Version(u64),
    /// They end too early, or a length in them cannot be: at this byte.
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
    /// By time; those of one thread in their order.
    pub events: Vec<Event>,
    /// By the numbers in events.
    pub threads: BTreeMap<u16, Thread>,
    /// By the keys in events.
    pub places: BTreeMap<u64, Place>,
    /// By the keys in events.
    pub names: BTreeMap<u64, String>,
    /// Events that were overwritten by newer ones, or found no memory.
    pub lost: u64,
    /// From here on the events of all threads are there, in nanoseconds since the recording's begin. Before it those of a thread that
    /// had many may be lost, where others' are there.
    pub whole_from: u64,
}

/// A record with its time not yet told.
struct Record([u64; 4]);

impl Record {
    fn kind(&self) -> u8 {
        self.0[1] as u8
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
        let mut records = Vec::new();
        let mut whole_from = 0;
        let mut at = PAGE;
        // A kind of 0 is room that is not used yet.
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
                    let first = records.len();
                    let lost = match kind {
                        1 => chunk.ring(&mut records)?,
                        _ => chunk.records(&mut records)?,
                    };
                    recording.lost += lost;
                    if let (1.., Some(Record([ticks, ..]))) = (lost, records.get(first)) {
                        whole_from = whole_from.max(*ticks);
                    }
                }
                2 => chunk.strings(&mut recording)?,
                // What later runtimes may add without a new version: it can be left out.
                _ => {}
            }
            at = end;
        }
        let clock = clock.refined(&records);
        recording.whole_from = match whole_from {
            0 => 0,
            ticks => clock.nanos(ticks),
        };
        recording.events = events(records, clock);
        Ok(recording)
    }

    /// The bytes of a file, which a process may be writing to. What it overwrites while they are copied is told by them as lost.
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
        // How far the writers are after the copy: what they have begun since may be torn in it.
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

    /// The place with this key, for people.
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

    /// The name with this key, for people.
    ///
    /// ```
    /// let recording = selvedge_trace::Recording::default();
    /// assert_eq!(recording.name(1), "?");
    /// ```
    pub fn name(&self, key: u64) -> &str {
        self.names.get(&key).map_or("?", String::as_str)
    }

    /// How long the time is from which the events of all threads are there, in nanoseconds.
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

/// Of the bytes of a word: as the machine has it whose memory the file is.
#[derive(Clone, Copy)]
enum Order {
    LowFirst,
    HighFirst,
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
        let bytes = bytes.try_into().ok()?;
        Some(match self.order {
            Order::LowFirst => u64::from_le_bytes(bytes),
            Order::HighFirst => u64::from_be_bytes(bytes),
        })
    }
}

/// Words `at` to `at + words` are in the file.
struct Chunk<'a> {
    file: &'a File<'a>,
    at: usize,
    words: usize,
}

impl Chunk<'_> {
    fn word(&self, at: usize) -> Result<u64, ReadError> {
        let here = at < self.words;
        let word = here.then(|| self.file.word(self.at + at)).flatten();
        word.ok_or(ReadError::CutOff((self.at + at.min(self.words)) * 8))
    }

    fn record(&self, at: usize) -> Result<Record, ReadError> {
        let mut record = [0; 4];
        for (word, slot) in record.iter_mut().enumerate() {
            *slot = self.word(at + word)?;
        }
        Ok(Record(record))
    }

    /// A ring as its thread writes it. How many of its records are lost.
    fn ring(&self, records: &mut Vec<Record>) -> Result<u64, ReadError> {
        let (claimed, written, capacity) = (self.word(2)?, self.word(3)?, self.word(5)?);
        let room = ((self.words - HEADER) / 4) as u64;
        // Of bytes that were copied while the ring was written to, the later count may be the larger one.
        let claimed = claimed.max(written);
        if capacity == 0 || !capacity.is_power_of_two() || capacity > room {
            return Err(ReadError::CutOff(self.at * 8));
        }
        // The slot of a record that is being written is not whole.
        let lost = claimed.saturating_sub(capacity).min(written);
        for n in lost..written {
            let slot = (n & (capacity - 1)) as usize;
            records.push(self.record(HEADER + 4 * slot)?);
        }
        Ok(lost)
    }

    /// Records one after another. How many before them are lost.
    fn records(&self, records: &mut Vec<Record>) -> Result<u64, ReadError> {
        let (lost, count) = (self.word(2)?, self.word(3)?);
        let room = ((self.words - HEADER) / 4) as u64;
        if count > room {
            return Err(ReadError::CutOff(self.at * 8));
        }
        for n in 0..count as usize {
            records.push(self.record(HEADER + 4 * n)?);
        }
        Ok(lost)
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
            let from = (self.at + at + 3) * 8;
            let bytes = self.file.bytes.get(from..from + len).unwrap_or(&[]);
            let text = String::from_utf8_lossy(bytes).into_owned();
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
    fn refined(self, records: &[Record]) -> Clock {
        let clocks = records.iter().filter(|record| record.kind() == CLOCK);
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

fn events(records: Vec<Record>, clock: Clock) -> Vec<Event> {
    let mut events: Vec<Event> = records
        .into_iter()
        .filter_map(|Record([ticks, what, a, b])| {
            Some(Event {
                nanos: clock.nanos(ticks),
                thread: (what >> 8) as u16,
                kind: event::decode(what as u8, what >> 24, a, b)?,
            })
        })
        .collect();
    // Stable: records of one thread stay in their order.
    events.sort_by_key(|event| event.nanos);
    events
}
