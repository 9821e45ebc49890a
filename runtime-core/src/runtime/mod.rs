//! The runtime as its users hold it: `Handle`, `Runtime`'s core half, metrics, settings.
//!
//! `Shared` is what every handle points at: the pool, the drivers' shared ends, the list of owned
//! tasks, and one of two schedulers. The facade composes `Builder`, `Runtime` and `LocalRuntime`
//! from `Config`, the drivers it makes, and [`Core`].

pub mod config;
mod core;
mod error;
mod handle;
mod id;
pub(crate) mod metrics;
pub(crate) mod shared;

pub use self::core::Core;
pub use crate::base::rng::RngSeed;
pub use config::{Config, TaskMeta, UnhandledPanic};
pub use error::TryCurrentError;
pub use handle::{EnterGuard, Handle, RuntimeFlavor};
pub use id::Id;
pub use metrics::RuntimeMetrics;
