//! A reactor and its hub: one hub for all streams, until the last of them is gone or the reactor is.

use super::unit::LIST;
use crate::is_shutdown_error;
use crate::reactor::{Reactor, create};
use crate::signal::hub::Hub;
use runtime_core::driver::{DriverParams, IoDriver};
use std::sync::{Arc, Barrier};
use std::thread;

fn reactor() -> (Box<dyn IoDriver>, Arc<Reactor>) {
    let parts = create(&DriverParams {
        fire_at_shutdown: false,
        timer_resolution: std::time::Duration::from_millis(1),
        workers: 1,
        nevents: 16,
        start_paused: false,
        may_pause: false,
    });
    let parts = parts.unwrap();
    let reactor = parts.handle.unwrap().downcast();
    (parts.driver, reactor.expect("a reactor of this crate"))
}

#[test]
fn a_reactor_has_one_hub_at_a_time_and_none_after_its_end() {
    let _list = LIST.lock().unwrap();
    let (mut driver, reactor) = reactor();
    let hub = Hub::of(&reactor).unwrap();
    assert!(Arc::ptr_eq(&hub, &Hub::of(&reactor).unwrap()));
    let gone = Arc::downgrade(&hub);
    drop(hub);
    assert!(gone.upgrade().is_none());
    let hub = Hub::of(&reactor).unwrap();
    driver.shutdown();
    assert!(is_shutdown_error(&Hub::of(&reactor).unwrap_err()));
    drop(hub);
    assert!(is_shutdown_error(&Hub::of(&reactor).unwrap_err()));
}

#[test]
fn threads_that_begin_to_listen_at_once_share_a_hub() {
    const THREADS: usize = 4;
    let _list = LIST.lock().unwrap();
    for _ in 0..100 {
        let (_driver, reactor) = reactor();
        let start = Arc::new(Barrier::new(THREADS));
        let threads = [(); THREADS].map(|()| {
            let (reactor, start) = (reactor.clone(), start.clone());
            thread::spawn(move || {
                start.wait();
                let hub = Hub::of(&reactor).unwrap();
                // No thread drops the hub before all have asked for it.
                start.wait();
                hub
            })
        });
        let hubs = threads.map(|thread| thread.join().unwrap());
        assert!(hubs.iter().all(|hub| Arc::ptr_eq(hub, &hubs[0])));
    }
}
