//! A ring driven by hand and, under `--cfg runtime_loom`, its models on a model of the kernel.

#[cfg(runtime_loom)]
mod loom;
#[cfg(runtime_loom)]
mod loom_errors;
#[cfg(runtime_loom)]
mod loom_source;
#[cfg(not(runtime_loom))]
mod source;
#[cfg(not(runtime_loom))]
mod unit;

use crate::reactor::{self, Reactor};
use runtime_core::driver::{DriverParams, IoDriver};
use std::sync::Arc;

/// A reactor, and the driver that drives it.
fn reactor() -> (Box<dyn IoDriver>, Arc<Reactor>) {
    let params = DriverParams {
        fire_at_shutdown: false,
        timer_resolution: std::time::Duration::from_millis(1),
        workers: 1,
        nevents: 16,
        start_paused: false,
        may_pause: false,
    };
    let parts = reactor::create(&params).unwrap();
    (parts.driver, parts.handle.unwrap().downcast().unwrap())
}
