//! Tests of each part of the recorder; the ring is also tested under load, and has models.

#[cfg(not(runtime_loom))]
pub(crate) mod events;
#[cfg(all(runtime_loom, not(runtime_shuttle)))]
mod loom;
#[cfg(not(runtime_loom))]
mod places;
#[cfg(not(runtime_loom))]
mod read;
#[cfg(not(runtime_loom))]
mod session;
#[cfg(not(runtime_loom))]
mod strings;
#[cfg(not(runtime_loom))]
mod unit;
#[cfg(all(target_os = "linux", not(runtime_loom)))]
mod words;

use super::ring::{Record, Ring, Snapshot, Writer};
use super::words::Words;
use std::sync::Arc;

/// Bytes of a worker's ring in the current recording.
#[cfg(not(runtime_loom))]
pub(crate) fn ring_bytes() -> usize {
    super::session().map_or(0, |session| session.ring_bytes())
}

fn ring(capacity: usize) -> (Writer, Arc<Ring>) {
    let ring = Arc::new(Ring::new(Words::on_heap(Ring::words(capacity))));
    (Writer::of(ring.clone()), ring)
}

/// A record whose words all depend on its number.
fn record(n: u64) -> Record {
    [
        n,
        !n,
        n.rotate_left(32),
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15),
    ]
}

/// No record is torn, none is missing in between, and the records before the first one count as lost.
fn check(snapshot: &Snapshot) {
    for (n, found) in (snapshot.lost..).zip(&snapshot.records) {
        assert_eq!(*found, record(n), "record {n} of {snapshot:?}");
    }
}
