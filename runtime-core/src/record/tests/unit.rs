//! Tests of the ring on threads of the system.

use super::{check, record, ring};
use proptest::prelude::*;
use std::thread;

proptest! {
    /// A ring of any size keeps the newest records, and counts the others exactly.
    #[test]
    fn the_newest_are_kept_and_the_others_counted(capacity in 1usize..70, count in 0u64..300) {
        let (mut writer, reader) = ring(capacity);
        (0..count).for_each(|n| writer.write(record(n)));
        let snapshot = reader.snapshot();
        check(&snapshot);
        let capacity = 1u64 << capacity.ilog2();
        prop_assert_eq!(snapshot.records.len() as u64, count.min(capacity));
        prop_assert_eq!(snapshot.lost, count.saturating_sub(capacity));
    }
}

/// Snapshots beside a writer that never waits: whole records in order, and totals that only grow.
#[test]
fn snapshots_beside_a_writer_are_whole() {
    let count = if cfg!(miri) { 300 } else { 500_000 };
    let (mut writer, reader) = ring(16);
    let writes = thread::spawn(move || (0..count).for_each(|n| writer.write(record(n))));
    let mut before = 0;
    while before < count {
        let snapshot = reader.snapshot();
        check(&snapshot);
        let total = snapshot.lost + snapshot.records.len() as u64;
        assert!(total >= before, "{total} after {before}");
        before = total;
    }
    writes.join().unwrap();
    let end = reader.snapshot();
    assert_eq!((end.lost, end.records.len()), (count - 16, 16));
}
