//! Tools that were published for tokio, unmodified, on selvedge: this package asks for `tokio`, and the patch in its
//! manifest gives all of them the drop-in.
//!
//! ```text
//! examples/metrics      tokio-metrics: the runtime's and the tasks' figures, an interval at a time
//! examples/console      console-subscriber: a program that tokio-console can look into
//! examples/dial9        dial9-tokio-telemetry: a trace in a file, and what its reader finds
//! examples/prometheus   an HTTP server that gives its figures to Prometheus
//! tests/                the same, each compared with what was really done
//! ```

pub mod crew;
pub mod prometheus;
