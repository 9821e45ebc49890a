//! The runtime for its users: `Handle`, `Core` (the inner part of `Runtime`), metrics, task lists and findings.
//!
//! The facade composes `Builder`, `Runtime` and `LocalRuntime` from `Config`, the drivers it makes, and [`Core`].

mod conditions;
mod core;
#[cfg(feature = "taskdump")]
pub mod dump;
mod findings;
mod handle;
pub(crate) mod json;
#[doc(hidden)]
pub mod limit;
mod metrics;
mod send_timeout;
#[cfg(all(feature = "taskdump", target_os = "linux"))]
#[doc(hidden)]
pub mod stacks;
pub mod tasks;
#[doc(hidden)]
pub mod teller;

pub use self::core::Core;
pub use crate::base::rng::RngSeed;
pub use crate::handle::{Handle, Id, TryCurrentError};
pub use crate::record::{RecordOptions, RecordedSpan, Recorder, SnapshotTrigger};
pub use crate::scheduler::config;
pub use config::{Config, TaskMeta, UnhandledPanic};
pub use handle::{EnterGuard, RuntimeFlavor};
pub use metrics::RuntimeMetrics;
