//! selvedge's core: tasks, schedulers, the blocking pool and synchronisation.
pub mod audit;
pub mod shim;
