//! selvedge: an async runtime with tokio's task model and API.
//!
//! Work-stealing scheduler with per-core workers, cooperative budgets, an on-demand blocking pool,
//! `LocalSet` and `JoinSet`, a mio reactor and a timer wheel for each worker; its protocols are
//! model-checked with loom. Module paths, names and Cargo features are tokio's.
//!
//! ```
//! # #[cfg(all(feature = "rt", feature = "macros", feature = "time"))] {
//! let runtime = selvedge::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! let n = runtime.block_on(async {
//!     let task = selvedge::spawn(async { 40 + 2 });
//!     task.await.unwrap()
//! });
//! assert_eq!(n, 42);
//! # }
//! ```
//!
//! | feature | adds |
//! |---|---|
//! | `rt`, `rt-multi-thread` | tasks and the single-threaded scheduler; the work-stealing one |
//! | `macros` | `#[main]`, `#[test]`, `select!`, `join!`, `try_join!` |
//! | `sync`, `time` | channels, locks, barriers; sleeps, intervals, timeouts |
//! | `io-util`, `io-std` | what works on any reader and writer; standard input, output and error |
//! | `net`, `fs`, `process`, `signal` | sockets and Unix pipes; files; child processes; signals |
//! | `test-util` | a clock that can be paused and moved |
//! | `full` | all of the above but `test-util` |
//! | `tracing` | spans of tasks, locks and timers, as `tokio-console` reads them |
//! | `io-uring` | files through an io_uring of the runtime's own, where the kernel has it |
//! | `taskdump`, `schedule-latency` | where each task waits; how long tasks wait for a worker |
//! | `insight` | the flight recorder, the inspector, findings reported as they appear; some 200 KB of a program |
//!
//! Only `insight` is on by default, and any subset compiles. Items that tokio hides behind `--cfg tokio_unstable` need
//! only their feature here, if any.
//!
//! This crate only composes: tasks and sync are in `runtime-core`, the reactor and all of I/O in
//! `runtime-io`, clocks and timers in `runtime-time`, the attribute macros in `runtime-macros`.

/// Asynchronous I/O: the traits, the utilities, readiness.
pub use runtime_io::io;
pub mod runtime;
pub mod task;

/// Empty, as tokio's is: `Stream` and its combinators are in `futures` and `tokio-stream`, which run on this runtime
/// unchanged. Without either, `while let Some(item) = rx.recv().await` does for a channel what a stream's `next` does.
pub mod stream {}

#[cfg(feature = "sync")]
pub use runtime_core::sync;
#[cfg(feature = "fs")]
pub use runtime_io::fs;
#[cfg(feature = "net")]
pub use runtime_io::net;
#[cfg(feature = "process")]
pub use runtime_io::process;
#[cfg(feature = "signal")]
pub use runtime_io::signal;
#[cfg(feature = "time")]
pub use runtime_time as time;

#[cfg(feature = "rt")]
pub use runtime_core::spawn::spawn;

#[doc(hidden)]
pub mod macros;

#[cfg(all(feature = "macros", feature = "rt-multi-thread"))]
pub use runtime_macros::{main, test};
#[cfg(all(feature = "macros", not(feature = "rt")))]
pub use runtime_macros::{main_fail as main, test_fail as test};
#[cfg(all(feature = "macros", feature = "rt", not(feature = "rt-multi-thread")))]
pub use runtime_macros::{main_rt as main, test_rt as test};
