//! Tools that were published for tokio, unmodified, on selvedge. This package depends on `tokio`, and the patch in its
//! manifest puts the drop-in in its place, for the tools too.
//!
//! ```text
//! examples/metrics      tokio-metrics: figures of the runtime and of its tasks, interval by interval
//! examples/console      console-subscriber: a program that tokio-console can inspect
//! examples/dial9        dial9-tokio-telemetry: a trace in a file, and what its reader finds
//! examples/prometheus   an HTTP server that gives its figures to Prometheus
//! tests/                the figures of each, compared with what was really done
//! ```

pub mod crew;
pub mod prometheus;
