//! Models of the ring, and of a chunk that is being published.

use super::{check, record, ring};
use crate::record::strings::{ChunkKind, publish};
use crate::record::words::Words;
use loom::thread;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A snapshot beside a writer that overwrites has whole records only, in order, and counts the lost ones.
#[test]
fn ring_a_snapshot_is_never_torn() {
    loom::model(|| {
        let (mut writer, reader) = ring(2);
        let writes = thread::spawn(move || (0..4).for_each(|n| writer.write(record(n))));
        let reads = {
            let reader = reader.clone();
            thread::spawn(move || check(&reader.snapshot()))
        };
        writes.join().unwrap();
        reads.join().unwrap();
        let end = reader.snapshot();
        check(&end);
        assert_eq!((end.lost, end.records.len()), (2, 2));
    });
}

/// A reader that sees a chunk's kind also sees its length and its capacity.
#[test]
fn a_chunk_that_is_there_has_a_header() {
    loom::model(|| {
        let words = Arc::new(Words::on_heap(8));
        let writes = {
            let words = words.clone();
            thread::spawn(move || publish(&words, ChunkKind::Ring, 7))
        };
        let [kind, bytes, .., capacity, _, _] = &words[..] else {
            unreachable!("eight words")
        };
        if kind.load(Ordering::Acquire) == ChunkKind::Ring as u64 {
            let header = [bytes, capacity].map(|word| word.load(Ordering::Relaxed));
            assert_eq!(header, [64, 7]);
        }
        writes.join().unwrap();
    });
}
