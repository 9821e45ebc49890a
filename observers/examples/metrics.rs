//! tokio-metrics: `cargo run --example metrics`. Prints what changed in each tenth of a second.

use selvedge_observers::crew;
use std::time::Duration;
use tokio_metrics::{RuntimeMonitor, TaskMonitor};

#[tokio::main]
async fn main() {
    let runtime = RuntimeMonitor::new(&tokio::runtime::Handle::current());
    let tasks = TaskMonitor::new();
    let mut intervals = runtime.intervals().zip(tasks.intervals());
    for round in 1..=5 {
        tokio::spawn(tasks.instrument(crew::work(100 * round, 10)));
        tokio::time::sleep(Duration::from_millis(100)).await;
        let (runtime, task) = intervals.next().expect("intervals never end");
        println!(
            "round {round}: {} polls and {} parks of {} workers; the instrumented task: {} polls, scheduled for {:?} each",
            runtime.total_polls_count,
            runtime.total_park_count,
            runtime.workers_count,
            task.total_poll_count,
            task.mean_scheduled_duration(),
        );
    }
}
