//! A reader of recordings for tests, word by word, by the format in `docs/recorder.md`.

use crate::record::event::Kind;
use crate::record::ring::Record;

/// A recording's bytes, taken apart.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// The first page.
    pub(super) head: Vec<u64>,
    pub(super) rings: Vec<Kept>,
    pub(super) strings: Vec<Text>,
    /// How long threads have waited for a processor. These records may come at any time, so they are kept apart.
    pub(super) waits: Vec<Record>,
}

/// The records of a ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) lost: u64,
    pub(super) records: Vec<Record>,
}

/// A string, with the rest of its entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) kind: u64,
    pub(super) key: u64,
    pub(super) place: (u64, u64),
    pub(super) text: String,
}

/// A record without its time and its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) kind: u64,
    pub(super) detail: u64,
    pub(super) a: u64,
    pub(super) b: u64,
}

pub(super) fn told(record: &Record) -> Told {
    Told {
        kind: record[1] & 0xff,
        detail: record[1] >> 24,
        a: record[2],
        b: record[3],
    }
}

/// The number of the thread that wrote a record.
pub(super) fn thread_of(record: &Record) -> u64 {
    record[1] >> 8 & 0xffff
}

impl Read {
    pub(super) fn of(bytes: &[u8]) -> Read {
        let words: Vec<u64> = bytes
            .chunks(8)
            .map(|word| u64::from_le_bytes(word.try_into().unwrap()))
            .collect();
        let (head, mut rest) = words.split_at(512);
        let mut read = Read {
            head: head.to_vec(),
            ..Read::default()
        };
        while let [kind, bytes, ..] = *rest {
            let (chunk, others) = rest.split_at(bytes as usize / 8);
            rest = others;
            match kind {
                2 => read.strings.extend(texts(chunk)),
                3 => {
                    let mut ring = kept(chunk);
                    let is_wait = |record: &Record| told(record).kind == Kind::Waited as u64;
                    let all = ring.records.len();
                    let (waits, others) = ring.records.into_iter().partition(is_wait);
                    read.waits.extend::<Vec<Record>>(waits);
                    ring.records = others;
                    if all == 0 || !ring.records.is_empty() {
                        read.rings.push(ring);
                    }
                }
                other => panic!("a snapshot has a chunk of kind {other}"),
            }
        }
        read
    }

    /// The numbers of the threads with that name.
    pub(super) fn threads(&self, name: &str) -> Vec<u64> {
        let threads = self.strings.iter().filter(|text| text.kind == 3);
        let named = threads.filter(|text| text.text == name);
        named.map(|text| text.key).collect()
    }

    /// The ring in which a thread wrote its first record.
    pub(super) fn ring_of(&self, thread: u64) -> &Kept {
        let has = |ring: &&Kept| ring.records.iter().any(|r| thread_of(r) == thread);
        self.rings.iter().find(has).unwrap()
    }
}

/// The entries of a chunk of strings.
pub(super) fn texts(chunk: &[u64]) -> Vec<Text> {
    assert_eq!(chunk[3..8], [0; 5]);
    let used = chunk[2] as usize;
    let mut rest = &chunk[8..8 + used];
    let mut found = Vec::new();
    while let [key, kind, place, ..] = *rest {
        let len = (kind >> 32) as usize;
        let (entry, others) = rest.split_at(3 + len.div_ceil(8));
        rest = others;
        let bytes: Vec<u8> = entry[3..].iter().flat_map(|w| w.to_le_bytes()).collect();
        assert!(bytes[len..].iter().all(|byte| *byte == 0));
        found.push(Text {
            kind: kind & 0xffff_ffff,
            key,
            place: (place & 0xffff_ffff, place >> 32),
            text: String::from_utf8_lossy(&bytes[..len]).into_owned(),
        });
    }
    found
}

fn kept(chunk: &[u64]) -> Kept {
    assert_eq!(chunk[1] as usize, chunk.len() * 8);
    assert_eq!(chunk[4..8], [0; 4]);
    let records: Vec<Record> = chunk[8..]
        .chunks(4)
        .map(|record| record.try_into().unwrap())
        .collect();
    assert_eq!(chunk[3] as usize, records.len());
    Kept {
        lost: chunk[2],
        records,
    }
}
