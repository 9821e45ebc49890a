//! All settings of a runtime, as plain data. The facade's `Builder` fills it.

use crate::base::rng::RngSeed;
use crate::task::Id;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// A hook without arguments.
pub type Callback = Arc<dyn Fn() + Send + Sync>;
/// A hook that is called for a task.
pub type TaskCallback = Arc<dyn Fn(&TaskMeta<'_>) + Send + Sync>;
/// Names the threads.
pub type NameFn = Arc<dyn Fn() -> String + Send + Sync>;

/// What a hook is told about a task.
///
/// ```
/// use selvedge::runtime::{Builder, TaskMeta};
/// fn tell(task: &TaskMeta<'_>) {
///     println!("task {} was spawned at {}", task.id(), task.spawned_at());
/// }
/// let runtime = Builder::new_current_thread().on_task_spawn(tell).build().unwrap();
/// runtime.block_on(async { selvedge::spawn(async {}).await.unwrap() });
/// ```
#[derive(Debug)]
pub struct TaskMeta<'a> {
    pub(crate) id: Id,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(crate) name: Option<&'a str>,
    pub(crate) schedule_latency: Option<Duration>,
}

impl<'a> TaskMeta<'a> {
    /// The task's id.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .on_task_spawn(|task| println!("{}", task.id()))
    ///     .build()
    ///     .unwrap();
    /// ```
    pub fn id(&self) -> Id {
        self.id
    }

    /// Where the task was spawned.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .on_task_spawn(|task| println!("{}", task.spawned_at()))
    ///     .build()
    ///     .unwrap();
    /// ```
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.spawned_at
    }

    /// The name that `task::Builder` gave the task, in the hook for spawned tasks; it is not kept.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .on_task_spawn(|task| println!("{}", task.name().unwrap_or("(none)")))
    ///     .build()
    ///     .unwrap();
    /// ```
    pub fn name(&self) -> Option<&'a str> {
        self.name
    }

    /// How long the task waited between being scheduled and this poll, in the hooks around a poll of a
    /// runtime that tracks it (`Builder::track_task_schedule_latency`, or its histogram).
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .on_before_task_poll(|task| println!("waited {:?}", task.schedule_latency()))
    ///     .build()
    ///     .unwrap();
    /// ```
    pub fn schedule_latency(&self) -> Option<Duration> {
        self.schedule_latency
    }
}

/// What a current-thread runtime does when a task panics.
///
/// ```
/// use selvedge::runtime::{Builder, UnhandledPanic};
/// let mut builder = Builder::new_current_thread();
/// builder.unhandled_panic(UnhandledPanic::ShutdownRuntime);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum UnhandledPanic {
    /// Nothing: the join handle reports the panic.
    #[default]
    Ignore,
    /// The runtime shuts down and `block_on` panics.
    ShutdownRuntime,
}

/// A runtime's settings.
#[derive(Clone)]
pub struct Config {
    /// `None`: current-thread.
    pub workers: Option<usize>,
    /// `spawn_local` on the runtime itself (`LocalRuntime`).
    pub is_local: bool,
    /// The runtime's name in metrics.
    pub name: Option<String>,
    /// Tasks between two turns of the driver.
    pub event_interval: u32,
    /// Tasks between two that come from the injector first; with `None` workers fit it to how long polls take.
    pub global_queue_interval: Option<u32>,
    /// Gives each thread its name.
    pub thread_name: NameFn,
    /// In bytes; `None` leaves it to the system.
    pub thread_stack_size: Option<usize>,
    /// Threads for blocking calls, at most.
    pub max_blocking_threads: usize,
    /// How long a thread of the blocking pool waits for work before it ends.
    pub keep_alive: Duration,
    /// Runs on each new thread first.
    pub after_start: Option<Callback>,
    /// Runs on each thread last.
    pub before_stop: Option<Callback>,
    /// Runs when a worker has nothing to do; what it schedules is run before the worker sleeps.
    pub before_park: Option<Callback>,
    /// Runs after `before_park`, when the worker goes on.
    pub after_unpark: Option<Callback>,
    /// Called for each task as it is spawned.
    pub before_spawn: Option<TaskCallback>,
    /// Called for each task that is about to be polled.
    pub before_poll: Option<TaskCallback>,
    /// Called for each task that was polled.
    pub after_poll: Option<TaskCallback>,
    /// Called for each task that ended.
    pub after_termination: Option<TaskCallback>,
    /// What a task's panic does to the runtime.
    pub unhandled_panic: UnhandledPanic,
    /// Threads that are about to sleep look out first, while that pays.
    pub looks_out: bool,
    /// No slot for the task woken last: it queues like all others.
    pub disable_lifo_slot: bool,
    /// Where random choices start, for runs that repeat themselves.
    pub seed: Option<RngSeed>,
    /// The buckets of the histogram of poll times, if it is kept.
    pub poll_histogram: Option<Arc<dyn HistogramBuckets>>,
    /// The buckets of the histogram of schedule latencies (from being scheduled to being polled), if it is kept.
    pub schedule_latency_histogram: Option<Arc<dyn HistogramBuckets>>,
    /// Is the schedule latency measured, for the histogram or for the hooks?
    pub tracks_latency: bool,
}

/// How durations fall into a histogram's buckets.
#[allow(clippy::len_without_is_empty)] // a histogram always has a bucket
pub trait HistogramBuckets: Send + Sync + fmt::Debug {
    /// Number of buckets.
    fn len(&self) -> usize;
    /// The bucket of a duration in nanoseconds.
    fn bucket_of(&self, nanos: u64) -> usize;
    /// The bucket's range.
    fn range(&self, bucket: usize) -> std::ops::Range<Duration>;
}

impl Config {
    /// Is there anything to do around a poll: a hook, or a histogram?
    pub(crate) fn observes_polls(&self) -> bool {
        self.before_poll.is_some()
            || self.after_poll.is_some()
            || self.poll_histogram.is_some()
            || self.tracks_latency
    }

    /// tokio's defaults, with threads named `name`.
    pub fn new(workers: Option<usize>, name: &'static str) -> Self {
        Config {
            workers,
            is_local: false,
            name: None,
            event_interval: 61,
            global_queue_interval: None,
            thread_name: Arc::new(move || name.to_owned()),
            thread_stack_size: None,
            keep_alive: Duration::from_secs(10),
            max_blocking_threads: 512,
            unhandled_panic: UnhandledPanic::Ignore,
            looks_out: true,
            disable_lifo_slot: false,
            tracks_latency: false,
            poll_histogram: None,
            schedule_latency_histogram: None,
            seed: None,
            // Hooks: of threads, of parking, of tasks.
            before_stop: None,
            after_start: None,
            after_unpark: None,
            before_park: None,
            after_termination: None,
            before_spawn: None,
            after_poll: None,
            before_poll: None,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("workers", &self.workers)
            .field("event_interval", &self.event_interval)
            .field("max_blocking_threads", &self.max_blocking_threads)
            .field("keep_alive", &self.keep_alive)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_told_is_as_in_tokio() {
        let config = Config::new(None, "named");
        assert_eq!((config.thread_name)(), "named");
        assert_eq!(
            (config.event_interval, config.max_blocking_threads),
            (61, 512)
        );
        assert_eq!(config.keep_alive, Duration::from_secs(10));
        assert_eq!(config.unhandled_panic, UnhandledPanic::Ignore);
        assert!(!config.is_local && !config.tracks_latency && !config.disable_lifo_slot);
    }
}
