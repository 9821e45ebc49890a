//! The ring of a reactor that the test drives.

use super::reactor;
use crate::uring::source::RingSource;
use std::sync::Arc;

#[test]
fn a_ring_is_made_once_and_ends_with_its_reactor() {
    let (mut driver, reactor) = reactor();
    let source = reactor.source::<RingSource>().unwrap();
    let Some(ring) = source.ring(&reactor).cloned() else {
        return;
    };
    assert!(ring.fd().is_some());
    assert!(Arc::ptr_eq(&ring, source.ring(&reactor).unwrap()));
    driver.shutdown();
    assert!(ring.fd().is_none());
}

#[test]
fn no_ring_is_made_after_the_end() {
    let (mut driver, reactor) = reactor();
    let source = reactor.source::<RingSource>().unwrap();
    driver.shutdown();
    assert!(source.ring(&reactor).is_none());
    assert!(source.ring.get().is_none());
}
