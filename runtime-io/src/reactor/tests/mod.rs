//! Unit tests of the reactor's parts on a driver that the test drives, and, under `--cfg runtime_loom`, models of the shared parts.

#[cfg(not(runtime_loom))]
mod forgets;
#[cfg(all(not(runtime_loom), target_os = "linux"))]
mod forked;
#[cfg(runtime_loom)]
mod loom;
#[cfg(not(runtime_loom))]
mod reentry;
#[cfg(not(runtime_loom))]
mod registration;
#[cfg(all(not(runtime_loom), feature = "process"))]
mod runtimes;
#[cfg(not(runtime_loom))]
mod slots;
#[cfg(not(runtime_loom))]
mod sources;
#[cfg(not(runtime_loom))]
mod unit;
#[cfg(not(runtime_loom))]
mod values;

#[cfg(not(runtime_loom))]
use super::driver::{Driver, Reactor};

/// A forked child keeps the descriptors that it inherits open: no test that closes one runs beside a test that forks.
#[cfg(not(runtime_loom))]
static FORKS: std::sync::RwLock<()> = std::sync::RwLock::new(());

/// For a test that forks.
#[cfg(all(not(runtime_loom), target_os = "linux"))]
fn alone() -> std::sync::RwLockWriteGuard<'static, ()> {
    let locked = FORKS.write();
    locked.unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// For a test that relies on something being closed.
#[cfg(not(runtime_loom))]
fn without_forks() -> std::sync::RwLockReadGuard<'static, ()> {
    let locked = FORKS.read();
    locked.unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A reactor that only its test drives.
#[cfg(not(runtime_loom))]
fn driver() -> (Driver, std::sync::Arc<Reactor>) {
    driver_of(false)
}

/// The same, driven by a thread that is a user's or not.
#[cfg(not(runtime_loom))]
fn driver_of(users_thread: bool) -> (Driver, std::sync::Arc<Reactor>) {
    Driver::new(&params(users_thread)).unwrap()
}

/// The same, with room for so many events.
#[cfg(not(runtime_loom))]
fn driver_for(nevents: usize) -> (Driver, std::sync::Arc<Reactor>) {
    Driver::new(&runtime_core::driver::DriverParams {
        nevents,
        ..params(false)
    })
    .unwrap()
}

#[cfg(not(runtime_loom))]
fn params(users_thread: bool) -> runtime_core::driver::DriverParams {
    runtime_core::driver::DriverParams {
        fire_at_shutdown: false,
        timer_resolution: std::time::Duration::from_millis(1),
        workers: 1,
        nevents: 16,
        start_paused: false,
        may_pause: users_thread,
    }
}
