//! One poll of a task.

#[cfg(feature = "taskdump")]
use super::dumps::run;
use super::shared::Shared;
use crate::base::clock;
use crate::base::contain;
use crate::record;
use crate::scheduler::config::TaskMeta;
use crate::scheduler::counters::WorkerCounters;
use crate::task::Runnable;
use std::time::Duration;

/// Polls a task, with the hooks and histograms that are configured.
pub(crate) fn run_task(shared: &Shared, counters: &WorkerCounters, task: Runnable) {
    let config = &shared.config;
    counters.polls.add(1);
    if !shared.observes_polls {
        return run(shared, task);
    }
    let raw = task.raw();
    let header = raw.header();
    let schedule_latency = task
        .take_stamp()
        .map(|at| shared.nanos().saturating_sub(at));
    if let (Some(nanos), Some(histogram)) = (schedule_latency, &config.schedule_latency_histogram) {
        let bucket = histogram.bucket_of(nanos);
        if let Some(tally) = counters.latency_histogram.get(bucket) {
            tally.add(1);
        }
    }
    if let Some(nanos) = schedule_latency {
        record::was_ready(nanos);
    }
    let meta = TaskMeta {
        id: header.id,
        spawned_at: header.spawned_at,
        name: None,
        schedule_latency: schedule_latency.map(Duration::from_nanos),
    };
    // A hook that panics must not cost the task its poll.
    if let Some(hook) = &config.before_poll {
        contain::contain(|| hook(&meta));
    }
    record::time_passes();
    let start = clock::now();
    run(shared, task); // the header may be gone
    if let Some(histogram) = &config.poll_histogram {
        let nanos = start.elapsed().as_nanos() as u64;
        if let Some(tally) = counters.poll_histogram.get(histogram.bucket_of(nanos)) {
            tally.add(1);
        }
    }
    if let Some(hook) = &config.after_poll {
        contain::contain(|| hook(&meta));
    }
}

/// Polls the task. With the feature `taskdump`, `dumps::run` takes its place.
#[cfg(not(feature = "taskdump"))]
fn run(_: &Shared, task: Runnable) {
    task.run();
}
