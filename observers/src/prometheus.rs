//! A runtime's figures as Prometheus reads them, at `/metrics`.
//!
//! The runtime's counters are read when Prometheus asks, and cost nothing between. The delay of the loop is measured: a
//! task sleeps for 10 ms again and again, and notes how late it wakes up. It is late if all workers are busy.

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Handle, RuntimeMetrics};
use tokio::time::{Instant, sleep};

/// How often the delay is measured.
pub const TICK: Duration = Duration::from_millis(10);

/// A collector that reads a runtime's counters at each scrape.
#[derive(Debug)]
struct Runtime(RuntimeMetrics);

impl Collector for Runtime {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let metrics = &self.0;
        let workers = 0..metrics.num_workers();
        let gauges = [
            ("workers", "Worker threads", workers.len()),
            ("tasks", "Tasks alive", metrics.num_alive_tasks()),
            (
                "queued",
                "Tasks in the global queue",
                metrics.global_queue_depth(),
            ),
            (
                "blocking_threads",
                "Threads for blocking calls",
                metrics.num_blocking_threads(),
            ),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(value as i64);
            let place = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(place)?;
        }
        let sum = |of: fn(&RuntimeMetrics, usize) -> u64| -> u64 {
            workers.clone().map(|worker| of(metrics, worker)).sum()
        };
        let counters = [
            (
                "polls",
                "Polls of tasks",
                sum(RuntimeMetrics::worker_poll_count),
            ),
            (
                "steals",
                "Tasks taken from another worker",
                sum(RuntimeMetrics::worker_steal_count),
            ),
            (
                "parks",
                "Times that a worker went to sleep",
                sum(RuntimeMetrics::worker_park_count),
            ),
        ];
        for (name, help, value) in counters {
            let counter = ConstCounter::new(value);
            let place = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(place)?;
        }
        Ok(())
    }
}

/// A registry with the figures of the handle's runtime, and the histogram of its loop's delay, in seconds.
pub fn registry(handle: &Handle) -> (Registry, Histogram) {
    let mut registry = Registry::with_prefix("runtime");
    registry.register_collector(Box::new(Runtime(handle.metrics())));
    // From 0.1 ms to 1.6 s.
    let delay = Histogram::new(exponential_buckets(0.0001, 2.0, 15));
    let help = "How late a task wakes up that slept for 10 ms";
    registry.register_with_unit("loop_delay", help, Unit::Seconds, delay.clone());
    (registry, delay)
}

/// Measures the delay of the loop, for ever.
pub async fn measure(delay: Histogram) {
    loop {
        let due = Instant::now() + TICK;
        sleep(TICK).await;
        delay.observe(due.elapsed().as_secs_f64());
    }
}

/// Serves `/metrics` for ever.
pub async fn serve(listener: TcpListener, registry: Registry) -> std::io::Result<()> {
    let app = Router::new()
        .route("/metrics", get(metrics))
        .with_state(Arc::new(registry));
    axum::serve(listener, app).await
}

async fn metrics(State(registry): State<Arc<Registry>>) -> impl IntoResponse {
    let mut text = String::new();
    encode(&mut text, &registry).expect("a string takes all text");
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], text)
}
