//! Tests of strings: each is written once, and the number of chunks is limited.

use super::read::{Text, texts};
use crate::record::strings::{StringKind, Strings};
use crate::record::words::Source;
use std::sync::atomic::Ordering;

fn add(strings: &mut Strings, kind: StringKind, key: u64, text: &str) {
    strings.add(&Source::Heap, kind, key, text, (key as u32, 9));
}

fn all(strings: &Strings) -> Vec<Text> {
    let chunks = strings.chunks().iter().map(|chunk| {
        let words: Vec<u64> = chunk.iter().map(|w| w.load(Ordering::Relaxed)).collect();
        assert_eq!((words[0], words[1]), (2, words.len() as u64 * 8));
        texts(&words)
    });
    chunks.flatten().collect()
}

fn text(kind: u64, key: u64, text: &str) -> Text {
    Text {
        kind,
        key,
        place: (key & 0xffff_ffff, 9),
        text: text.to_owned(),
    }
}

#[test]
fn a_string_is_written_once_and_a_threads_each_time() {
    let mut strings = Strings::default();
    for _ in 0..2 {
        // Not in the order of the keys.
        add(&mut strings, StringKind::Name, 5, "five");
        add(&mut strings, StringKind::Place, 9, "src/main.rs");
        add(&mut strings, StringKind::Name, 3, "three of them");
        add(&mut strings, StringKind::Thread, 5, "worker");
        add(&mut strings, StringKind::Program, 0, "");
    }
    let expected = [
        text(2, 5, "five"),
        text(1, 9, "src/main.rs"),
        text(2, 3, "three of them"),
        text(3, 5, "worker"),
        text(4, 0, ""),
        text(3, 5, "worker"),
    ];
    assert_eq!(all(&strings), expected);
    assert_eq!((strings.chunks().len(), strings.missed), (1, 0));
}

#[test]
fn a_long_string_is_cut_and_a_full_chunk_has_a_next_one() {
    let mut strings = Strings::default();
    let long = "x".repeat(5_000);
    // Sixteen entries would take 8,240 words.
    for key in 0..16 {
        let len = 4_096 + (key as usize % 2);
        add(&mut strings, StringKind::Name, key, &long[..len]);
    }
    let expected: Vec<Text> = (0..16).map(|key| text(2, key, &long[..4_096])).collect();
    assert_eq!(all(&strings), expected);
    assert_eq!(strings.chunks().len(), 2);
}

/// A chunk has room for 8,184 words, and is used to the last.
#[test]
fn a_chunk_is_used_to_the_last_word() {
    for (more, chunks) in [(0, 1), (1, 2)] {
        let mut strings = Strings::default();
        // Fifteen entries of 515 words each, and one of 459 words.
        (0..15).for_each(|key| add(&mut strings, StringKind::Name, key, &"y".repeat(4_096)));
        let rest = "z".repeat((459 - 3) * 8 + more);
        add(&mut strings, StringKind::Name, 15, &rest);
        assert_eq!(strings.chunks().len(), chunks);
        assert_eq!(all(&strings)[15], text(2, 15, &rest));
    }
}

#[test]
fn there_is_an_end_to_the_chunks() {
    let mut strings = Strings::default();
    let long = "x".repeat(4_096);
    // Fifteen to a chunk.
    (0..64 * 15 + 3).for_each(|key| add(&mut strings, StringKind::Name, key, &long));
    assert_eq!((strings.chunks().len(), strings.missed), (64, 3));
    assert_eq!(all(&strings).len(), 64 * 15);
    // A string that was added before is still known.
    add(&mut strings, StringKind::Name, 0, &long);
    assert_eq!(strings.missed, 3);
    // There is still room for a short string.
    add(&mut strings, StringKind::Name, 10_000, "short");
    assert_eq!(strings.missed, 3);
    assert_eq!(all(&strings).last(), Some(&text(2, 10_000, "short")));
}
