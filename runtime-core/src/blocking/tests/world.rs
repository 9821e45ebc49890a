//! A pool whose jobs are counted, for its models.

use super::pool::{Pool, Refused, Start, ThreadConfig};
use super::state::{Job, Worker};
use crate::base::shim::checker::sync::atomic::{AtomicUsize, Ordering};
use crate::base::shim::checker::thread;
use crate::base::shim::thread::{Builder, JoinHandle};
use std::io;
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Probe {
    world: World,
    mandatory: bool,
    /// The system gives no thread for it, so it may come back.
    may_be_refused: bool,
}

impl Job for Probe {
    fn is_mandatory(&self) -> bool {
        self.mandatory
    }

    fn run(self) {
        let figures = &self.world.0;
        // A mandatory job that a submitter runs does not count against the cap.
        if figures.pool.is_own_thread() {
            let before = figures.at_once.fetch_add(1, Ordering::Relaxed);
            assert!(before < figures.cap, "more at once than the cap");
            figures.at_once.fetch_sub(1, Ordering::Relaxed);
        }
        figures.run.fetch_add(1, Ordering::Relaxed);
    }

    fn cancel(self) {
        assert!(!self.mandatory);
        self.world.0.cancelled.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Clone)]
pub(super) struct World(Arc<Figures>);

pub(super) struct Figures {
    pool: Pool<Probe>,
    cap: usize,
    at_once: AtomicUsize,
    run: AtomicUsize,
    cancelled: AtomicUsize,
    workers: AtomicUsize,
}

impl World {
    pub(super) fn new(cap: usize) -> World {
        let pool = Pool::new(ThreadConfig {
            name: Arc::new(|| "model".to_owned()),
            stack_size: None,
            cap,
            keep_alive: Duration::from_secs(1),
            looks_out: true,
            after_start: None,
            before_stop: None,
        });
        World(Arc::new(Figures {
            pool,
            cap,
            at_once: AtomicUsize::new(0),
            run: AtomicUsize::new(0),
            cancelled: AtomicUsize::new(0),
            workers: AtomicUsize::new(0),
        }))
    }

    pub(super) fn pool(&self) -> &Pool<Probe> {
        &self.0.pool
    }

    /// How a thread of the pool is made.
    pub(super) fn start(
        &self,
    ) -> impl FnOnce(Builder, Start) -> io::Result<JoinHandle<()>> + use<> {
        let world = self.clone();
        move |builder, start| builder.spawn(move || world.pool().run_thread(start))
    }

    pub(super) fn job(&self, mandatory: bool) -> Probe {
        Probe {
            world: self.clone(),
            mandatory,
            may_be_refused: false,
        }
    }

    /// False if the pool refuses.
    pub(super) fn spawn(&self) -> bool {
        self.spawn_job(false)
    }

    pub(super) fn spawn_job(&self, mandatory: bool) -> bool {
        match self.pool().spawn(self.job(mandatory), self.start()) {
            Ok(()) => true,
            Err(Refused::Shutdown(_)) => false,
            Err(Refused::NoThread(..)) => panic!("a model has threads"),
        }
    }

    /// The same, but the system gives no thread. True if another thread takes the job.
    pub(super) fn spawn_without_thread(&self) -> bool {
        let refuse = |_: Builder, _: Start| Err(io::ErrorKind::WouldBlock.into());
        let mut job = self.job(false);
        job.may_be_refused = true;
        match self.pool().spawn(job, refuse) {
            Ok(()) => true,
            Err(Refused::Shutdown(_)) => false,
            Err(Refused::NoThread(job, _)) => {
                assert!(job.may_be_refused, "another's job came back");
                false
            }
        }
    }

    pub(super) fn spawn_worker(&self) -> io::Result<()> {
        self.pool().spawn_worker(self.worker(), self.start())
    }

    /// The same, but the system gives no thread.
    #[cfg(not(runtime_shuttle))]
    pub(super) fn spawn_worker_without_thread(&self) -> io::Result<()> {
        let refuse = |_: Builder, _: Start| Err(io::ErrorKind::WouldBlock.into());
        self.pool().spawn_worker(self.worker(), refuse)
    }

    fn worker(&self) -> Worker {
        let world = self.clone();
        Box::new(move || {
            world.0.workers.fetch_add(1, Ordering::Relaxed);
        })
    }

    pub(super) fn run(&self) -> usize {
        self.0.run.load(Ordering::Relaxed)
    }

    pub(super) fn workers(&self) -> usize {
        self.0.workers.load(Ordering::Relaxed)
    }

    pub(super) fn settled(&self) -> usize {
        self.run() + self.0.cancelled.load(Ordering::Relaxed)
    }

    pub(super) fn wait_for(&self, run: usize) {
        while self.run() < run {
            thread::yield_now();
        }
    }

    pub(super) fn shut_down(&self) {
        self.pool().begin_shutdown();
        assert!(self.pool().join(None));
        assert_eq!(0, self.pool().num_threads());
        assert_eq!(0, self.pool().num_idle_threads());
        assert_eq!(0, self.pool().queue_depth());
    }

    pub(super) fn beside<T: Send + 'static>(
        &self,
        f: impl FnOnce(World) -> T + Send + 'static,
    ) -> thread::JoinHandle<T> {
        let world = self.clone();
        thread::spawn(move || f(world))
    }
}
