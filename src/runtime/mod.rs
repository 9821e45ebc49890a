//! Runtimes: building one, entering it, watching and stopping it.

#[cfg(feature = "rt")]
mod builder;
#[cfg(feature = "rt")]
mod histogram;
#[cfg(all(feature = "rt", feature = "insight"))]
mod insight;
#[cfg(feature = "rt")]
mod local;
#[cfg(feature = "rt")]
#[allow(clippy::module_inception)]
mod runtime;

#[cfg(feature = "rt")]
pub use builder::Builder;
#[cfg(feature = "rt")]
pub use histogram::{
    HistogramConfiguration, HistogramScale, InvalidHistogramConfiguration, LogHistogram,
    LogHistogramBuilder,
};
#[cfg(feature = "rt")]
pub use local::{LocalOptions, LocalRuntime};
#[cfg(feature = "rt")]
pub use runtime::Runtime;
#[cfg(all(feature = "rt", feature = "insight", unix))]
pub use runtime_core::inspect::InspectOptions;
#[cfg(feature = "rt")]
pub use runtime_core::runtime::{
    EnterGuard, Handle, Id, RngSeed, RuntimeFlavor, RuntimeMetrics, TaskMeta, TryCurrentError,
    UnhandledPanic,
};
#[cfg(all(feature = "rt", feature = "insight"))]
pub use runtime_core::runtime::{RecordOptions, RecordedSpan, Recorder, SnapshotTrigger};
#[cfg(feature = "rt")]
pub use runtime_core::worker_index;

/// What the tasks of a runtime do at the moment, what they wait for, and what is wrong with them; see [`Handle::tasks`] and
/// [`Handle::findings`].
#[cfg(feature = "rt")]
pub mod tasks {
    pub use runtime_core::runtime::tasks::{
        Finding, FindingKind, TaskInfo, TaskKind, TaskList, TaskState, TaskTimes, Wait, WaitKind,
    };
}

#[cfg(feature = "rt")]
pub use runtime_io::is_shutdown_error as is_rt_shutdown_err;

/// Task dumps: where each task of a runtime waits.
#[cfg(feature = "taskdump")]
pub mod dump {
    pub use runtime_core::runtime::dump::{
        Backtrace, BacktraceFrame, BacktraceSymbol, Dump, Root, Task, Tasks, Trace, TraceMeta,
        trace_with,
    };
}
#[cfg(feature = "taskdump")]
pub use dump::Dump;
