//! Figures of a running runtime: `RuntimeMetrics`.

use crate::handle::{Handle, Policy};
use crate::scheduler::counters::{Tally, WorkerCounters};
use std::fmt;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::thread::ThreadId;
use std::time::Duration;

/// Figures of a runtime; made by `Handle::metrics`.
///
/// Counters only grow, and are read without stopping the runtime: figures that belong together
/// may be a moment apart.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::runtime::{Handle, RuntimeMetrics};
/// let metrics: RuntimeMetrics = Handle::current().metrics();
/// selvedge::spawn(async {}).await.unwrap();
/// assert_eq!((metrics.spawned_tasks_count(), metrics.num_alive_tasks()), (1, 0));
/// # }
/// ```
#[derive(Clone)]
pub struct RuntimeMetrics {
    handle: Handle,
}

impl RuntimeMetrics {
    pub(crate) fn new(handle: Handle) -> Self {
        RuntimeMetrics { handle }
    }

    #[track_caller]
    fn worker(&self, worker: usize) -> &WorkerCounters {
        self.handle.shared.policy.counters(worker)
    }

    fn sum(&self, f: impl Fn(&WorkerCounters) -> &Tally) -> u64 {
        (0..self.num_workers())
            .map(|w| f(self.worker(w)).get())
            .sum()
    }

    /// Number of worker threads; 1 on a current-thread runtime.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_multi_thread().worker_threads(3).build().unwrap();
    /// assert_eq!(runtime.metrics().num_workers(), 3);
    /// ```
    pub fn num_workers(&self) -> usize {
        self.handle.workers()
    }

    /// Number of tasks spawned and not ended.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// let task = selvedge::spawn(async {});
    /// assert_eq!(metrics.num_alive_tasks(), 1);
    /// task.await.unwrap();
    /// assert_eq!(metrics.num_alive_tasks(), 0);
    /// # }
    /// ```
    pub fn num_alive_tasks(&self) -> usize {
        self.handle.shared.owned.len()
    }

    /// Tasks waiting in the queue that threads outside of the runtime push to.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// println!("{:?}", metrics.global_queue_depth());
    /// # }
    /// ```
    pub fn global_queue_depth(&self) -> usize {
        self.handle.shared.policy.injector_len()
    }

    /// Number of threads of the blocking pool.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// assert_eq!(metrics.num_blocking_threads(), 0);
    /// selvedge::task::spawn_blocking(|| {}).await.unwrap();
    /// assert_eq!(metrics.num_blocking_threads(), 1);
    /// # }
    /// ```
    pub fn num_blocking_threads(&self) -> usize {
        self.handle.pool().num_threads()
    }

    /// Number of threads of the blocking pool that wait for work.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// println!("{:?}", metrics.num_idle_blocking_threads());
    /// # }
    /// ```
    pub fn num_idle_blocking_threads(&self) -> usize {
        self.handle.pool().num_idle_threads()
    }

    /// Closures waiting for a thread of the blocking pool.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// println!("{:?}", metrics.blocking_queue_depth());
    /// # }
    /// ```
    pub fn blocking_queue_depth(&self) -> usize {
        self.handle.pool().queue_depth()
    }

    /// Tasks spawned since the start.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// selvedge::spawn(async {}).await.unwrap();
    /// assert_eq!(metrics.spawned_tasks_count(), 1);
    /// # }
    /// ```
    pub fn spawned_tasks_count(&self) -> u64 {
        // Ordering: Relaxed; a counter.
        self.handle.shared.counters.spawned.load(Ordering::Relaxed) + self.sum(|w| &w.spawned)
    }

    /// Tasks scheduled from threads outside of the runtime.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Runtime::new().unwrap();
    /// let task = runtime.spawn(async {}); // from a thread that is no worker
    /// assert!(runtime.metrics().remote_schedule_count() >= 1);
    /// # runtime.block_on(task).unwrap();
    /// ```
    pub fn remote_schedule_count(&self) -> u64 {
        // Ordering: Relaxed; a counter.
        self.handle
            .shared
            .counters
            .remote_schedules
            .load(Ordering::Relaxed)
    }

    /// Times a task was made to yield because its coop budget was spent.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// println!("{:?}", metrics.budget_forced_yield_count());
    /// # }
    /// ```
    pub fn budget_forced_yield_count(&self) -> u64 {
        // Ordering: Relaxed; a counter.
        self.handle
            .shared
            .counters
            .forced_yields
            .load(Ordering::Relaxed)
    }

    /// Time the worker has spent between parks.
    ///
    /// # Panics
    /// If there is no worker with that index; the methods below panic then, too.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// println!("{:?}", metrics.worker_total_busy_duration(0));
    /// # }
    /// ```
    #[track_caller]
    pub fn worker_total_busy_duration(&self, worker: usize) -> Duration {
        Duration::from_nanos(self.worker(worker).busy_nanos.get())
    }

    /// Times the worker has parked.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// println!("{:?}", metrics.worker_park_count(0));
    /// # }
    /// ```
    #[track_caller]
    pub fn worker_park_count(&self, worker: usize) -> u64 {
        self.worker(worker).parks.get()
    }

    /// Times the worker has parked and unparked: odd while it is parked.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// println!("{:?}", metrics.worker_park_unpark_count(0));
    /// # }
    /// ```
    #[track_caller]
    pub fn worker_park_unpark_count(&self, worker: usize) -> u64 {
        self.worker(worker).unparks.get()
    }

    /// Times the worker parked without having polled a task since its last park.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// println!("{:?}", metrics.worker_noop_count(0));
    /// # }
    /// ```
    #[track_caller]
    pub fn worker_noop_count(&self, worker: usize) -> u64 {
        self.worker(worker).noops.get()
    }

    /// Tasks the worker has stolen.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// println!("{:?}", metrics.worker_steal_count(0));
    /// # }
    /// ```
    #[track_caller]
    pub fn worker_steal_count(&self, worker: usize) -> u64 {
        self.worker(worker).steals.get()
    }

    /// Times the worker has stolen; each takes one task or more.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// println!("{:?}", metrics.worker_steal_operations(0));
    /// # }
    /// ```
    #[track_caller]
    pub fn worker_steal_operations(&self, worker: usize) -> u64 {
        self.worker(worker).steal_operations.get()
    }

    /// Polls of tasks the worker has made.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// selvedge::spawn(async {}).await.unwrap();
    /// selvedge::task::yield_now().await;
    /// println!("{} polls", metrics.worker_poll_count(0));
    /// # }
    /// ```
    #[track_caller]
    pub fn worker_poll_count(&self, worker: usize) -> u64 {
        self.worker(worker).polls.get()
    }

    /// Tasks that the worker has scheduled on itself.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// println!("{:?}", metrics.worker_local_schedule_count(0));
    /// # }
    /// ```
    #[track_caller]
    pub fn worker_local_schedule_count(&self, worker: usize) -> u64 {
        self.worker(worker).local_schedules.get()
    }

    /// Times the worker's queue was full and part of it went to the global queue.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// println!("{:?}", metrics.worker_overflow_count(0));
    /// # }
    /// ```
    #[track_caller]
    pub fn worker_overflow_count(&self, worker: usize) -> u64 {
        self.worker(worker).overflows.get()
    }

    /// Tasks in the worker's queue; the one in its LIFO slot is not counted.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// println!("{:?}", metrics.worker_local_queue_depth(0));
    /// # }
    /// ```
    #[track_caller]
    pub fn worker_local_queue_depth(&self, worker: usize) -> usize {
        self.handle.shared.policy.queue_len(worker)
    }

    /// Weighted mean of the time a poll took on the worker; zero on a current-thread runtime, which does not
    /// keep it.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// println!("{:?}", metrics.worker_mean_poll_time(0));
    /// # }
    /// ```
    #[track_caller]
    pub fn worker_mean_poll_time(&self, worker: usize) -> Duration {
        Duration::from_nanos(self.worker(worker).mean_poll_nanos.get())
    }

    /// The thread the worker runs on, once it runs.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// println!("{:?}", metrics.worker_thread_id(0));
    /// # }
    /// ```
    #[track_caller]
    pub fn worker_thread_id(&self, worker: usize) -> Option<ThreadId> {
        *self.worker(worker).thread.lock()
    }

    /// Is the histogram of poll times kept?
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_metrics_poll_time_histogram()
    ///     .build()
    ///     .unwrap();
    /// assert!(runtime.metrics().poll_time_histogram_enabled());
    /// ```
    pub fn poll_time_histogram_enabled(&self) -> bool {
        self.handle.shared.config.poll_histogram.is_some()
    }

    /// Number of the histogram's buckets; 0 if it is not kept.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_metrics_poll_time_histogram()
    ///     .build()
    ///     .unwrap();
    /// let metrics = runtime.metrics();
    /// assert!(metrics.poll_time_histogram_num_buckets() > 0);
    /// ```
    pub fn poll_time_histogram_num_buckets(&self) -> usize {
        self.handle
            .shared
            .config
            .poll_histogram
            .as_ref()
            .map_or(0, |h| h.len())
    }

    /// Range of durations of a bucket.
    ///
    /// # Panics
    /// If the histogram is not kept or has no such bucket.
    ///
    /// # Examples
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_metrics_poll_time_histogram()
    ///     .build()
    ///     .unwrap();
    /// let metrics = runtime.metrics();
    /// println!("{:?}", metrics.poll_time_histogram_bucket_range(0));
    /// ```
    #[track_caller]
    pub fn poll_time_histogram_bucket_range(&self, bucket: usize) -> Range<Duration> {
        match &self.handle.shared.config.poll_histogram {
            Some(histogram) => histogram.range(bucket),
            None => panic!(
                "the poll time histogram is not enabled; call `enable_metrics_poll_time_histogram` on the runtime builder"
            ),
        }
    }

    /// Polls of the worker whose time fell into the bucket.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_metrics_poll_time_histogram()
    ///     .build()
    ///     .unwrap();
    /// let metrics = runtime.metrics();
    /// println!("{}", metrics.poll_time_histogram_bucket_count(0, 0));
    /// ```
    #[track_caller]
    pub fn poll_time_histogram_bucket_count(&self, worker: usize, bucket: usize) -> u64 {
        self.worker(worker)
            .poll_histogram
            .get(bucket)
            .map_or(0, Tally::get)
    }

    /// Is the histogram of the time between wake and poll kept?
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_metrics_schedule_latency_histogram()
    ///     .build()
    ///     .unwrap();
    /// assert!(runtime.metrics().schedule_latency_histogram_enabled());
    /// ```
    pub fn schedule_latency_histogram_enabled(&self) -> bool {
        self.handle
            .shared
            .config
            .schedule_latency_histogram
            .is_some()
    }

    /// Number of that histogram's buckets; 0 if it is not kept.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_metrics_schedule_latency_histogram()
    ///     .build()
    ///     .unwrap();
    /// let metrics = runtime.metrics();
    /// assert!(metrics.schedule_latency_histogram_num_buckets() > 0);
    /// ```
    pub fn schedule_latency_histogram_num_buckets(&self) -> usize {
        self.handle
            .shared
            .config
            .schedule_latency_histogram
            .as_ref()
            .map_or(0, |h| h.len())
    }

    /// Range of durations of one of that histogram's buckets.
    ///
    /// # Panics
    /// If the histogram is not kept or has no such bucket.
    ///
    /// # Examples
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_metrics_schedule_latency_histogram()
    ///     .build()
    ///     .unwrap();
    /// let metrics = runtime.metrics();
    /// println!("{:?}", metrics.schedule_latency_histogram_bucket_range(0));
    /// ```
    #[track_caller]
    pub fn schedule_latency_histogram_bucket_range(&self, bucket: usize) -> Range<Duration> {
        match &self.handle.shared.config.schedule_latency_histogram {
            Some(histogram) => histogram.range(bucket),
            None => panic!(
                "the schedule latency histogram is not enabled; call `enable_metrics_schedule_latency_histogram` on the runtime builder"
            ),
        }
    }

    /// The worker's polls of tasks that had waited for a time in the bucket.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_metrics_schedule_latency_histogram()
    ///     .build()
    ///     .unwrap();
    /// let metrics = runtime.metrics();
    /// println!("{}", metrics.schedule_latency_histogram_bucket_count(0, 0));
    /// ```
    #[track_caller]
    pub fn schedule_latency_histogram_bucket_count(&self, worker: usize, bucket: usize) -> u64 {
        self.worker(worker)
            .latency_histogram
            .get(bucket)
            .map_or(0, Tally::get)
    }

    fn io(&self) -> [u64; 3] {
        self.handle.shared.io_counters.read()
    }

    /// Descriptors registered with the I/O driver since the start.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// println!("{:?}", metrics.io_driver_fd_registered_count());
    /// # }
    /// ```
    pub fn io_driver_fd_registered_count(&self) -> u64 {
        self.io()[0]
    }

    /// Descriptors deregistered from the I/O driver since the start.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// println!("{:?}", metrics.io_driver_fd_deregistered_count());
    /// # }
    /// ```
    pub fn io_driver_fd_deregistered_count(&self) -> u64 {
        self.io()[1]
    }

    /// Events that the I/O driver has received from the system.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// println!("{:?}", metrics.io_driver_ready_count());
    /// # }
    /// ```
    pub fn io_driver_ready_count(&self) -> u64 {
        self.io()[2]
    }

    /// Former name of [`num_alive_tasks`](Self::num_alive_tasks).
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # #[allow(deprecated)] {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// assert_eq!(metrics.active_tasks_count(), metrics.num_alive_tasks());
    /// # }
    /// # }
    /// ```
    #[deprecated(note = "renamed to `num_alive_tasks`")]
    pub fn active_tasks_count(&self) -> usize {
        self.num_alive_tasks()
    }

    /// Former name of [`global_queue_depth`](Self::global_queue_depth).
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # #[allow(deprecated)] {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// assert_eq!(metrics.injection_queue_depth(), metrics.global_queue_depth());
    /// # }
    /// # }
    /// ```
    #[deprecated(note = "renamed to `global_queue_depth`")]
    pub fn injection_queue_depth(&self) -> usize {
        self.global_queue_depth()
    }

    /// Former name of [`poll_time_histogram_enabled`](Self::poll_time_histogram_enabled).
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # #[allow(deprecated)] {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// assert_eq!(metrics.poll_count_histogram_enabled(), metrics.poll_time_histogram_enabled());
    /// # }
    /// # }
    /// ```
    #[deprecated(note = "renamed to `poll_time_histogram_enabled`")]
    pub fn poll_count_histogram_enabled(&self) -> bool {
        self.poll_time_histogram_enabled()
    }

    /// Former name of [`poll_time_histogram_num_buckets`](Self::poll_time_histogram_num_buckets).
    ///
    /// ```
    /// # #![allow(deprecated)]
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_metrics_poll_time_histogram()
    ///     .build()
    ///     .unwrap();
    /// let metrics = runtime.metrics();
    /// assert!(metrics.poll_count_histogram_num_buckets() > 0);
    /// ```
    #[deprecated(note = "renamed to `poll_time_histogram_num_buckets`")]
    pub fn poll_count_histogram_num_buckets(&self) -> usize {
        self.poll_time_histogram_num_buckets()
    }

    /// Former name of [`poll_time_histogram_bucket_range`](Self::poll_time_histogram_bucket_range).
    ///
    /// ```
    /// # #![allow(deprecated)]
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_metrics_poll_time_histogram()
    ///     .build()
    ///     .unwrap();
    /// let metrics = runtime.metrics();
    /// println!("{:?}", metrics.poll_count_histogram_bucket_range(0));
    /// ```
    #[track_caller]
    #[deprecated(note = "renamed to `poll_time_histogram_bucket_range`")]
    pub fn poll_count_histogram_bucket_range(&self, bucket: usize) -> Range<Duration> {
        self.poll_time_histogram_bucket_range(bucket)
    }

    /// Former name of [`poll_time_histogram_bucket_count`](Self::poll_time_histogram_bucket_count).
    ///
    /// ```
    /// # #![allow(deprecated)]
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_metrics_poll_time_histogram()
    ///     .build()
    ///     .unwrap();
    /// let metrics = runtime.metrics();
    /// println!("{}", metrics.poll_count_histogram_bucket_count(0, 0));
    /// ```
    #[track_caller]
    #[deprecated(note = "renamed to `poll_time_histogram_bucket_count`")]
    pub fn poll_count_histogram_bucket_count(&self, worker: usize, bucket: usize) -> u64 {
        self.poll_time_histogram_bucket_count(worker, bucket)
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.handle.shared.policy
    }

    /// The handle, for figures that belong to the crates above.
    #[doc(hidden)]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl fmt::Debug for RuntimeMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeMetrics")
            .field("workers", &self.num_workers())
            .field("alive_tasks", &self.num_alive_tasks())
            .field("is_shutdown", &self.policy().is_shutdown())
            .finish()
    }
}
