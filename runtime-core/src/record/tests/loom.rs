//! Models of the ring.

use super::{check, record, ring};
use loom::thread;

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
