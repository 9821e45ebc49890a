//! `Builder`: collects a runtime's settings, makes its drivers and starts it.

use super::histogram::{Buckets, HistogramConfiguration};
#[cfg(feature = "insight")]
use super::insight::Insight;
use super::{HistogramScale, LocalOptions, LocalRuntime, Runtime};
use runtime_core::driver::{DriverParams, Drivers};
use runtime_core::runtime::{Config, Core, RngSeed, TaskMeta, UnhandledPanic};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Configures and builds a runtime.
///
/// ```
/// let runtime = selvedge::runtime::Builder::new_current_thread()
///     .enable_all()
///     .build()
///     .unwrap();
/// assert_eq!(runtime.block_on(async { 1 + 1 }), 2);
/// ```
pub struct Builder {
    kind: Kind,
    workers: Option<usize>,
    enable_io: bool,
    enable_time: bool,
    start_paused: bool,
    fire_at_shutdown: bool,
    nevents: usize,
    timer_resolution: Duration,
    histogram: bool,
    histogram_config: HistogramConfiguration,
    latency_histogram: bool,
    latency_config: HistogramConfiguration,
    #[cfg(feature = "insight")]
    pub(super) insight: Insight,
    config: Config,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    CurrentThread,
    #[cfg(feature = "rt-multi-thread")]
    MultiThread,
}

/// Name of runtime threads that were given none: tokio's in the drop-in, as programs written for tokio may look for it.
const THREAD_NAME: &str = if cfg!(feature = "drop-in") {
    "tokio-rt-worker"
} else {
    "selvedge-worker"
};

impl Builder {
    /// A runtime that runs all tasks on the thread that calls `block_on`.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_all()
    ///     .build()
    ///     .unwrap();
    /// assert_eq!(runtime.block_on(async { 1 }), 1);
    /// ```
    pub fn new_current_thread() -> Builder {
        Builder::new(Kind::CurrentThread)
    }

    /// A runtime with a worker thread for each core.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_multi_thread()
    ///     .worker_threads(2)
    ///     .enable_all()
    ///     .build()
    ///     .unwrap();
    /// assert_eq!(runtime.metrics().num_workers(), 2);
    /// ```
    #[cfg(feature = "rt-multi-thread")]
    pub fn new_multi_thread() -> Builder {
        Builder::new(Kind::MultiThread)
    }

    fn new(kind: Kind) -> Builder {
        Builder {
            kind,
            workers: None,
            enable_io: false,
            enable_time: false,
            start_paused: false,
            fire_at_shutdown: false,
            nevents: 1024,
            timer_resolution: Duration::from_millis(1),
            histogram: false,
            histogram_config: HistogramConfiguration::default(),
            latency_histogram: false,
            latency_config: HistogramConfiguration::default(),
            #[cfg(feature = "insight")]
            insight: Insight::default(),
            config: Config::new(None, THREAD_NAME),
        }
    }

    /// Enables all drivers the crate was compiled with.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_all()
    ///     .build()
    ///     .unwrap();
    /// runtime.block_on(async { selvedge::time::sleep(std::time::Duration::from_millis(1)).await });
    /// ```
    pub fn enable_all(&mut self) -> &mut Self {
        self.enable_io = true;
        self.enable_time = true;
        self
    }

    /// Enables the I/O driver: sockets, pipes, signals, processes.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_io()
    ///     .build()
    ///     .unwrap();
    /// runtime.block_on(async { selvedge::net::TcpListener::bind("127.0.0.1:0").await.unwrap() });
    /// ```
    #[cfg(any(
        feature = "net",
        feature = "process",
        feature = "signal",
        feature = "io-uring"
    ))]
    pub fn enable_io(&mut self) -> &mut Self {
        self.enable_io = true;
        self
    }

    /// Enables the time driver.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_time()
    ///     .build()
    ///     .unwrap();
    /// runtime.block_on(async { selvedge::time::sleep(std::time::Duration::from_millis(1)).await });
    /// ```
    #[cfg(feature = "time")]
    pub fn enable_time(&mut self) -> &mut Self {
        self.enable_time = true;
        self
    }

    /// Keeps timers in a wheel for each worker. Here they always are; this only changes the shutdown: it ends the
    /// sleeps it finds as if they were due, where they would otherwise panic when polled.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_multi_thread()
    ///     .enable_alt_timer()
    ///     .build()
    ///     .unwrap();
    /// assert_eq!(runtime.block_on(async { 1 }), 1);
    /// ```
    pub fn enable_alt_timer(&mut self) -> &mut Self {
        self.fire_at_shutdown = true;
        self.enable_time = true;
        self
    }

    /// Divides the blocking pool's queue. Here it stays one queue: its lock guards only a push and a pop,
    /// and threads wait for work outside of it.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_multi_thread()
    ///     .enable_sharded_blocking_queue()
    ///     .build()
    ///     .unwrap();
    /// assert_eq!(runtime.block_on(async { 1 }), 1);
    /// ```
    #[cfg(feature = "rt-multi-thread")]
    pub fn enable_sharded_blocking_queue(&mut self) -> &mut Self {
        self
    }

    /// Hands the driver to another worker before tasks are run. Here the watch does so when it is
    /// needed, so there is nothing to enable.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_multi_thread()
    ///     .enable_eager_driver_handoff()
    ///     .build()
    ///     .unwrap();
    /// assert_eq!(runtime.block_on(async { 1 }), 1);
    /// ```
    pub fn enable_eager_driver_handoff(&mut self) -> &mut Self {
        self
    }

    /// Enables the I/O driver, which file operations through io_uring need; `enable_all` and
    /// `enable_io` enable it as well. Where the kernel refuses a ring, the blocking pool does the work.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_all()
    ///     .enable_io_uring()
    ///     .build()
    ///     .unwrap();
    /// assert!(runtime.block_on(selvedge::fs::try_exists("/")).unwrap());
    /// ```
    #[cfg(feature = "io-uring")]
    pub fn enable_io_uring(&mut self) -> &mut Self {
        self.enable_io = true;
        self
    }

    /// Number of events taken from the system at a time.
    ///
    /// # Panics
    /// If zero.
    ///
    /// # Examples
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_io()
    ///     .max_io_events_per_tick(256)
    ///     .build()
    ///     .unwrap();
    /// ```
    #[cfg(any(
        feature = "net",
        feature = "process",
        feature = "signal",
        feature = "io-uring"
    ))]
    #[track_caller]
    pub fn max_io_events_per_tick(&mut self, capacity: usize) -> &mut Self {
        assert!(capacity > 0, "max_io_events_per_tick must be non-zero");
        self.nevents = capacity;
        self
    }

    /// Most I/O events handled while there are tasks to run.
    ///
    /// # Panics
    /// If zero.
    ///
    /// # Examples
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_io()
    ///     .max_io_events_per_busy_tick(64)
    ///     .build()
    ///     .unwrap();
    /// ```
    #[cfg(any(
        feature = "net",
        feature = "process",
        feature = "signal",
        feature = "io-uring"
    ))]
    #[track_caller]
    pub fn max_io_events_per_busy_tick(&mut self, capacity: usize) -> &mut Self {
        assert!(capacity > 0, "max_io_events_per_busy_tick must be non-zero");
        self.nevents = self.nevents.min(capacity);
        self
    }

    /// Number of worker threads of a multi-thread runtime; by default one a core, or what the
    /// environment variable `TOKIO_WORKER_THREADS` says.
    ///
    /// # Panics
    /// If zero.
    ///
    /// # Examples
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_multi_thread()
    ///     .worker_threads(4)
    ///     .build()
    ///     .unwrap();
    /// assert_eq!(runtime.metrics().num_workers(), 4);
    /// ```
    #[track_caller]
    pub fn worker_threads(&mut self, val: usize) -> &mut Self {
        assert!(val > 0, "Worker threads cannot be set to 0");
        self.workers = Some(val);
        self
    }

    /// Cap on the threads of the blocking pool; 512 by default.
    ///
    /// # Panics
    /// If zero.
    ///
    /// # Examples
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .max_blocking_threads(2)
    ///     .build()
    ///     .unwrap();
    /// let task = runtime.spawn_blocking(|| 1);
    /// assert_eq!(runtime.block_on(task).unwrap(), 1);
    /// ```
    #[track_caller]
    pub fn max_blocking_threads(&mut self, val: usize) -> &mut Self {
        assert!(val > 0, "Max blocking threads cannot be set to 0");
        self.config.max_blocking_threads = val;
        self
    }

    /// Name of the runtime's threads: `selvedge-worker` unless set, `tokio-rt-worker` where the drop-in is part of
    /// the build.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .thread_name("indexer")
    ///     .build()
    ///     .unwrap();
    /// let name = runtime.spawn_blocking(|| std::thread::current().name().map(str::to_owned));
    /// assert_eq!(runtime.block_on(name).unwrap().as_deref(), Some("indexer"));
    /// ```
    pub fn thread_name(&mut self, val: impl Into<String>) -> &mut Self {
        let name = val.into();
        self.config.thread_name = Arc::new(move || name.clone());
        self
    }

    /// Name of the runtime, for diagnostics.
    ///
    /// # Panics
    /// If it is empty or blank.
    ///
    /// # Examples
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .name("indexer")
    ///     .build()
    ///     .unwrap();
    /// assert_eq!(runtime.handle().name(), Some("indexer"));
    /// ```
    #[track_caller]
    pub fn name(&mut self, val: impl Into<String>) -> &mut Self {
        let name = val.into();
        assert!(
            !name.trim().is_empty(),
            "a runtime's name must not be blank"
        );
        self.config.name = Some(name);
        self
    }

    /// Makes the name of each of the runtime's threads.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .thread_name_fn(|| {
    ///         static NUMBER: AtomicUsize = AtomicUsize::new(0);
    ///         format!("indexer-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
    ///     })
    ///     .build()
    ///     .unwrap();
    /// ```
    pub fn thread_name_fn<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() -> String + Send + Sync + 'static,
    {
        self.config.thread_name = Arc::new(f);
        self
    }

    /// Stack size of the runtime's threads, in bytes.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_multi_thread()
    ///     .thread_stack_size(4 * 1024 * 1024)
    ///     .build()
    ///     .unwrap();
    /// ```
    pub fn thread_stack_size(&mut self, val: usize) -> &mut Self {
        self.config.thread_stack_size = Some(val);
        self
    }

    /// How long an idle thread of the blocking pool is kept; 10 seconds by default.
    ///
    /// ```
    /// use std::time::Duration;
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .thread_keep_alive(Duration::from_millis(100))
    ///     .build()
    ///     .unwrap();
    /// ```
    pub fn thread_keep_alive(&mut self, duration: Duration) -> &mut Self {
        self.config.keep_alive = duration;
        self
    }

    /// Runs `f` on each thread of the runtime before it does anything.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_multi_thread()
    ///     .on_thread_start(|| println!("{:?} begins", std::thread::current().name()))
    ///     .build()
    ///     .unwrap();
    /// runtime.block_on(async {});
    /// ```
    pub fn on_thread_start<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self.config.after_start = Some(Arc::new(f));
        self
    }

    /// Runs `f` on each thread of the runtime before it ends.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_multi_thread()
    ///     .on_thread_stop(|| println!("{:?} ends", std::thread::current().name()))
    ///     .build()
    ///     .unwrap();
    /// runtime.block_on(async {});
    /// ```
    pub fn on_thread_stop<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self.config.before_stop = Some(Arc::new(f));
        self
    }

    /// Runs `f` on a worker about to go idle. It may spawn tasks; the worker then does not sleep.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_multi_thread()
    ///     .on_thread_park(|| println!("{:?} has nothing to do", std::thread::current().name()))
    ///     .build()
    ///     .unwrap();
    /// runtime.block_on(async {});
    /// ```
    pub fn on_thread_park<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self.config.before_park = Some(Arc::new(f));
        self
    }

    /// Runs `f` on a worker that stops being idle.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_multi_thread()
    ///     .on_thread_unpark(|| println!("{:?} goes on", std::thread::current().name()))
    ///     .build()
    ///     .unwrap();
    /// runtime.block_on(async {});
    /// ```
    pub fn on_thread_unpark<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self.config.after_unpark = Some(Arc::new(f));
        self
    }

    /// Runs `f` for each task spawned, on the thread that spawns it.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .on_task_spawn(|task| println!("task {} from {}", task.id(), task.spawned_at()))
    ///     .build()
    ///     .unwrap();
    /// runtime.block_on(async { selvedge::spawn(async {}).await.unwrap() });
    /// ```
    pub fn on_task_spawn<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn(&TaskMeta<'_>) + Send + Sync + 'static,
    {
        self.config.before_spawn = Some(Arc::new(f));
        self
    }

    /// Runs `f` before each poll of a task.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .on_before_task_poll(|task| println!("task {} is polled", task.id()))
    ///     .build()
    ///     .unwrap();
    /// runtime.block_on(async { selvedge::spawn(async {}).await.unwrap() });
    /// ```
    pub fn on_before_task_poll<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn(&TaskMeta<'_>) + Send + Sync + 'static,
    {
        self.config.before_poll = Some(Arc::new(f));
        self
    }

    /// Runs `f` after each poll of a task.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .on_after_task_poll(|task| println!("task {} was polled", task.id()))
    ///     .build()
    ///     .unwrap();
    /// runtime.block_on(async { selvedge::spawn(async {}).await.unwrap() });
    /// ```
    pub fn on_after_task_poll<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn(&TaskMeta<'_>) + Send + Sync + 'static,
    {
        self.config.after_poll = Some(Arc::new(f));
        self
    }

    /// Runs `f` when a task has ended, however it did.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    /// static ENDED: AtomicUsize = AtomicUsize::new(0);
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .on_task_terminate(|_| {
    ///         ENDED.fetch_add(1, Ordering::Relaxed);
    ///     })
    ///     .build()
    ///     .unwrap();
    /// runtime.block_on(async { selvedge::spawn(async {}).await.unwrap() });
    /// drop(runtime);
    /// assert_eq!(ENDED.load(Ordering::Relaxed), 1);
    /// ```
    pub fn on_task_terminate<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn(&TaskMeta<'_>) + Send + Sync + 'static,
    {
        self.config.after_termination = Some(Arc::new(f));
        self
    }

    /// Steps a worker makes between looks at the drivers; 61 by default.
    ///
    /// # Panics
    /// If zero.
    ///
    /// # Examples
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .event_interval(31)
    ///     .build()
    ///     .unwrap();
    /// ```
    #[track_caller]
    pub fn event_interval(&mut self, val: u32) -> &mut Self {
        assert!(val > 0, "event_interval must be greater than 0");
        self.config.event_interval = val;
        self
    }

    /// How late an idle runtime's timers may be; a millisecond by default, as on tokio. None is early.
    ///
    /// With less than a millisecond the runtime's threads, and the thread of `block_on` from then on, sleep without the system's timer slack, and each sleep with a deadline
    /// costs one more system call (Linux). With more than a millisecond, timers that are close to each other fire together,
    /// and the runtime wakes less often. How late the timers of a busy runtime are depends on its tasks.
    ///
    /// The wheels' ticks are the longest that divide a second and are not longer than `resolution`; below a millisecond, not
    /// longer than a quarter of it: 25 us for 100 us. Intervals and time-outs are timers too. This setting is selvedge's own;
    /// tokio has none like it.
    ///
    /// # Panics
    /// If it is less than a microsecond or more than a second.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use selvedge::time::{Instant, sleep};
    ///
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_all()
    ///     .timer_resolution(Duration::from_micros(100))
    ///     .build()
    ///     .unwrap();
    /// runtime.block_on(async {
    ///     let start = Instant::now();
    ///     sleep(Duration::from_micros(250)).await; // some 0.3 ms, instead of 1.3
    ///     assert!(start.elapsed() >= Duration::from_micros(250));
    /// });
    /// ```
    #[cfg(feature = "time")]
    #[track_caller]
    pub fn timer_resolution(&mut self, resolution: Duration) -> &mut Self {
        assert!(
            resolution >= Duration::from_micros(1) && resolution <= Duration::from_secs(1),
            "timer_resolution must be from 1 microsecond to 1 second, not {resolution:?}"
        );
        self.timer_resolution = resolution;
        self
    }

    /// Steps a worker makes between looks at the global queue while its own has tasks.
    ///
    /// # Panics
    /// If zero.
    ///
    /// # Examples
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .global_queue_interval(31)
    ///     .build()
    ///     .unwrap();
    /// ```
    #[track_caller]
    pub fn global_queue_interval(&mut self, val: u32) -> &mut Self {
        assert!(val > 0, "global_queue_interval must be greater than 0");
        self.config.global_queue_interval = Some(val);
        self
    }

    /// What a current-thread runtime does when a task panics.
    ///
    /// ```
    /// use selvedge::runtime::{Builder, UnhandledPanic};
    /// let runtime = Builder::new_current_thread()
    ///     .unhandled_panic(UnhandledPanic::ShutdownRuntime)
    ///     .build()
    ///     .unwrap();
    /// let ended = std::panic::catch_unwind(|| {
    ///     runtime.block_on(async {
    ///         selvedge::spawn(async { panic!("out of luck") });
    ///         std::future::pending::<()>().await
    ///     })
    /// });
    /// assert!(ended.is_err());
    /// ```
    #[track_caller]
    pub fn unhandled_panic(&mut self, behavior: UnhandledPanic) -> &mut Self {
        if self.kind != Kind::CurrentThread && behavior == UnhandledPanic::ShutdownRuntime {
            panic!("UnhandledPanic::ShutdownRuntime is only supported in current thread runtime");
        }
        self.config.unhandled_panic = behavior;
        self
    }

    /// Whether a thread that has nothing to do looks out for some 40 us before it sleeps; it does so only while that pays. On by default.
    ///
    /// Where threads pass work to and fro (`spawn_blocking`, files, a `block_on` that waits for tasks), a look-out is many times faster than a
    /// sleep and the wake-up of a processor, and costs less. If no work comes, it wastes processor time, but then only once in 256 sleeps.
    /// If the process may use only one processor, no thread looks out.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_multi_thread()
    ///     .look_out(false)
    ///     .build()
    ///     .unwrap();
    /// ```
    pub fn look_out(&mut self, looks_out: bool) -> &mut Self {
        self.config.looks_out = looks_out;
        self
    }

    /// Turns off the LIFO slot: woken tasks go to the end of the worker's queue.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_multi_thread()
    ///     .disable_lifo_slot()
    ///     .build()
    ///     .unwrap();
    /// ```
    pub fn disable_lifo_slot(&mut self) -> &mut Self {
        self.config.disable_lifo_slot = true;
        self
    }

    /// Makes the runtime's random choices repeatable.
    ///
    /// ```
    /// use selvedge::runtime::{Builder, RngSeed};
    /// // The same choices in each run, such as the branch that `select!` begins with.
    /// let runtime = Builder::new_current_thread()
    ///     .rng_seed(RngSeed::from_bytes(b"seed"))
    ///     .build()
    ///     .unwrap();
    /// ```
    pub fn rng_seed(&mut self, seed: RngSeed) -> &mut Self {
        self.config.seed = Some(seed);
        self
    }

    /// Keeps a histogram of the time each poll takes, at the cost of two clock reads a poll.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_metrics_poll_time_histogram()
    ///     .build()
    ///     .unwrap();
    /// assert!(runtime.metrics().poll_time_histogram_enabled());
    /// ```
    pub fn enable_metrics_poll_time_histogram(&mut self) -> &mut Self {
        self.histogram = true;
        self
    }

    /// Former name of [`enable_metrics_poll_time_histogram`](Self::enable_metrics_poll_time_histogram).
    ///
    /// ```
    /// # #![allow(deprecated)]
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_metrics_poll_count_histogram()
    ///     .build()
    ///     .unwrap();
    /// assert!(runtime.metrics().poll_time_histogram_enabled());
    /// ```
    #[deprecated(
        note = "`poll_count_histogram` related methods have been renamed `poll_time_histogram` to better reflect their functionality."
    )]
    #[doc(hidden)]
    pub fn enable_metrics_poll_count_histogram(&mut self) -> &mut Self {
        self.enable_metrics_poll_time_histogram()
    }

    /// Former way to set the histogram's scale.
    ///
    /// ```
    /// # #![allow(deprecated)]
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_metrics_poll_time_histogram()
    ///     .metrics_poll_count_histogram_scale(selvedge::runtime::HistogramScale::Log)
    ///     .build()
    ///     .unwrap();
    /// assert!(runtime.metrics().poll_time_histogram_num_buckets() > 0);
    /// ```
    #[deprecated(note = "use `metrics_poll_time_histogram_configuration`")]
    pub fn metrics_poll_count_histogram_scale(&mut self, scale: HistogramScale) -> &mut Self {
        self.histogram_config.legacy_mut().scale = scale;
        self
    }

    /// Former way to set the width of the histogram's first bucket.
    ///
    /// # Panics
    /// If zero.
    ///
    /// # Examples
    /// ```
    /// # #![allow(deprecated)]
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_metrics_poll_time_histogram()
    ///     .metrics_poll_count_histogram_resolution(std::time::Duration::from_micros(100))
    ///     .build()
    ///     .unwrap();
    /// assert!(runtime.metrics().poll_time_histogram_num_buckets() > 0);
    /// ```
    #[track_caller]
    #[deprecated(note = "use `metrics_poll_time_histogram_configuration`")]
    pub fn metrics_poll_count_histogram_resolution(&mut self, resolution: Duration) -> &mut Self {
        assert!(
            resolution > Duration::ZERO,
            "resolution must be greater than 0"
        );
        let nanos = resolution.as_nanos().try_into().unwrap_or(u64::MAX);
        self.histogram_config.legacy_mut().resolution = nanos;
        self
    }

    /// Former way to set the number of the histogram's buckets.
    ///
    /// # Panics
    /// If zero.
    ///
    /// # Examples
    /// ```
    /// # #![allow(deprecated)]
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_metrics_poll_time_histogram()
    ///     .metrics_poll_count_histogram_buckets(15)
    ///     .build()
    ///     .unwrap();
    /// assert!(runtime.metrics().poll_time_histogram_num_buckets() > 0);
    /// ```
    #[track_caller]
    #[deprecated(note = "use `metrics_poll_time_histogram_configuration`")]
    pub fn metrics_poll_count_histogram_buckets(&mut self, buckets: usize) -> &mut Self {
        assert!(buckets > 0, "the histogram needs a bucket");
        self.histogram_config.legacy_mut().buckets = buckets;
        self
    }

    /// How the poll-time histogram divides durations.
    ///
    /// ```
    /// use std::time::Duration;
    /// use selvedge::runtime::{Builder, HistogramConfiguration};
    /// let runtime = Builder::new_current_thread()
    ///     .enable_metrics_poll_time_histogram()
    ///     .metrics_poll_time_histogram_configuration(HistogramConfiguration::linear(
    ///         Duration::from_micros(50),
    ///         10,
    ///     ))
    ///     .build()
    ///     .unwrap();
    /// assert_eq!(runtime.metrics().poll_time_histogram_num_buckets(), 10);
    /// ```
    pub fn metrics_poll_time_histogram_configuration(
        &mut self,
        configuration: HistogramConfiguration,
    ) -> &mut Self {
        self.histogram_config = configuration;
        self
    }

    /// Measures the time that tasks wait between being scheduled and polled, for the hooks around polls
    /// (`TaskMeta::schedule_latency`), at the cost of two clock reads a poll.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .track_task_schedule_latency()
    ///     .on_before_task_poll(|task| println!("waited {:?}", task.schedule_latency()))
    ///     .build()
    ///     .unwrap();
    /// runtime.block_on(async { selvedge::spawn(async {}).await.unwrap() });
    /// ```
    pub fn track_task_schedule_latency(&mut self) -> &mut Self {
        self.config.tracks_latency = true;
        self
    }

    /// Keeps a histogram of the time tasks wait between being scheduled and polled.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_metrics_schedule_latency_histogram()
    ///     .build()
    ///     .unwrap();
    /// assert!(runtime.metrics().schedule_latency_histogram_enabled());
    /// ```
    pub fn enable_metrics_schedule_latency_histogram(&mut self) -> &mut Self {
        self.latency_histogram = true;
        self
    }

    /// How the schedule-latency histogram divides durations.
    ///
    /// ```
    /// use std::time::Duration;
    /// use selvedge::runtime::{Builder, HistogramConfiguration};
    /// let runtime = Builder::new_current_thread()
    ///     .enable_metrics_schedule_latency_histogram()
    ///     .metrics_schedule_latency_histogram_configuration(HistogramConfiguration::linear(
    ///         Duration::from_micros(50),
    ///         10,
    ///     ))
    ///     .build()
    ///     .unwrap();
    /// assert_eq!(runtime.metrics().schedule_latency_histogram_num_buckets(), 10);
    /// ```
    pub fn metrics_schedule_latency_histogram_configuration(
        &mut self,
        configuration: HistogramConfiguration,
    ) -> &mut Self {
        self.latency_config = configuration;
        self
    }

    /// Starts with the clock paused; for current-thread runtimes, as others panic when they are built.
    ///
    /// ```
    /// use std::time::Duration;
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_time()
    ///     .start_paused(true)
    ///     .build()
    ///     .unwrap();
    /// // An hour that takes no time.
    /// runtime.block_on(async { selvedge::time::sleep(Duration::from_secs(3600)).await });
    /// ```
    #[cfg(feature = "test-util")]
    pub fn start_paused(&mut self, start_paused: bool) -> &mut Self {
        self.start_paused = start_paused;
        self
    }

    /// Builds the runtime.
    ///
    /// # Errors
    /// The system's, if it gives no epoll instance, no eventfd or no thread, or if the file of a
    /// [recording](Self::record) or the socket of the [inspector](Self::inspect) cannot be made.
    ///
    /// # Panics
    /// If a multi-thread runtime is to start with its clock paused.
    ///
    /// # Examples
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread()
    ///     .enable_all()
    ///     .build()
    ///     .unwrap();
    /// assert_eq!(runtime.block_on(async { 1 }), 1);
    /// ```
    #[track_caller]
    pub fn build(&mut self) -> io::Result<Runtime> {
        let core = self.start(self.default_workers(), false)?;
        Ok(Runtime::from_core(core))
    }

    /// Builds a runtime whose tasks need not be `Send`, bound to this thread.
    ///
    /// # Panics
    /// If the builder is for a multi-thread runtime.
    ///
    /// # Examples
    /// ```
    /// use selvedge::runtime::{Builder, LocalOptions};
    /// let runtime = Builder::new_current_thread()
    ///     .enable_all()
    ///     .build_local(LocalOptions::default())
    ///     .unwrap();
    /// let shared = std::rc::Rc::new(1); // tasks need not be `Send`
    /// let task = runtime.spawn_local(async move { *shared });
    /// assert_eq!(runtime.block_on(task).unwrap(), 1);
    /// ```
    #[track_caller]
    pub fn build_local(&mut self, options: LocalOptions) -> io::Result<LocalRuntime> {
        let _ = options;
        assert!(
            self.kind == Kind::CurrentThread,
            "multi_thread is not supported for LocalRuntime"
        );
        let core = self.start(None, true)?;
        Ok(LocalRuntime::from_core(core))
    }

    #[track_caller]
    fn default_workers(&self) -> Option<usize> {
        match self.kind {
            Kind::CurrentThread => None,
            #[cfg(feature = "rt-multi-thread")]
            Kind::MultiThread => Some(match self.workers {
                Some(workers) => workers,
                None => available_workers(),
            }),
        }
    }

    #[track_caller]
    fn start(&self, workers: Option<usize>, is_local: bool) -> io::Result<Core> {
        assert!(
            !self.start_paused || workers.is_none(),
            "`time::pause()` requires the `current_thread` Tokio runtime: \
            `start_paused` is not for a multi-thread one"
        );
        let mut config = self.config.clone();
        config.workers = workers;
        config.is_local = is_local;
        config.poll_histogram = self
            .histogram
            .then(|| Arc::new(Buckets::new(&self.histogram_config)) as _);
        config.schedule_latency_histogram = self
            .latency_histogram
            .then(|| Arc::new(Buckets::new(&self.latency_config)) as _);
        config.tracks_latency |= self.latency_histogram;
        #[cfg(feature = "insight")]
        {
            config.tracks_latency |= self.insight.needs_latency();
        }
        let params = DriverParams {
            workers: workers.unwrap_or(1),
            nevents: self.nevents,
            timer_resolution: self.timer_resolution,
            start_paused: self.start_paused,
            fire_at_shutdown: self.fire_at_shutdown,
            may_pause: workers.is_none(),
        };
        #[cfg(feature = "insight")]
        let begun = self.insight.begin()?;
        #[cfg_attr(not(feature = "insight"), expect(unused_mut))]
        let mut core = Core::start(config, self.make_drivers(&params)?)?;
        #[cfg(feature = "insight")]
        self.insight.show(begun, &mut core)?;
        Ok(core)
    }

    fn make_drivers(&self, params: &DriverParams) -> io::Result<Drivers> {
        #[allow(unused_mut)]
        let mut drivers = Drivers::default();
        let _ = params;
        #[cfg(any(
            feature = "net",
            feature = "process",
            feature = "signal",
            feature = "io-uring"
        ))]
        if self.enable_io {
            drivers.io = Some(runtime_io::reactor::create(params)?);
        }
        #[cfg(feature = "time")]
        if self.enable_time {
            let unpark = drivers.unpark();
            drivers.time = Some(runtime_time::driver::create(params, unpark));
        }
        Ok(drivers)
    }
}

#[cfg(feature = "rt-multi-thread")]
#[track_caller]
fn available_workers() -> usize {
    match std::env::var("TOKIO_WORKER_THREADS") {
        Ok(text) => match text.parse::<usize>() {
            Ok(0) => panic!(
                "\"TOKIO_WORKER_THREADS\" cannot be set to 0; set it to the number of worker threads, or unset it"
            ),
            Ok(workers) => workers,
            Err(error) => panic!(
                "\"TOKIO_WORKER_THREADS\" must be usize, error: {error}, value: {text}; set it to the number of worker \
                 threads, or unset it"
            ),
        },
        Err(std::env::VarError::NotPresent) => {
            std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
        }
        Err(std::env::VarError::NotUnicode(text)) => {
            panic!("\"TOKIO_WORKER_THREADS\" must be valid unicode, error: {text:?}")
        }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("kind", &self.kind)
            .field("workers", &self.workers)
            .field("enable_io", &self.enable_io)
            .field("enable_time", &self.enable_time)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
