//! Models of the pool: every job is run or cancelled, and shutdown leaves no thread behind.
//!
//! The keep-alive ends when a thread of the model says so, at any point.

use super::pool::{Home, Job, Pool, Refused, ThreadConfig};
use ::loom::sync::atomic::{AtomicUsize, Ordering};
use ::loom::thread;
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone)]
struct World(Arc<(Pool, AtomicUsize, AtomicUsize)>);

impl Home for World {
    fn pool(&self) -> &Pool {
        &self.0.0
    }

    fn within(self, f: impl FnOnce(&Self)) {
        f(&self);
    }
}

impl World {
    fn new(cap: usize) -> World {
        let pool = Pool::new(ThreadConfig {
            name: Arc::new(|| "model".to_owned()),
            stack_size: None,
            cap,
            keep_alive: Duration::from_secs(1),
            after_start: None,
            before_stop: None,
        });
        World(Arc::new((pool, AtomicUsize::new(0), AtomicUsize::new(0))))
    }

    /// False if the pool refuses.
    fn spawn(&self) -> bool {
        let world = self.clone();
        let job = Job::Probe(Box::new(move |is_run| {
            let count = if is_run { &world.0.1 } else { &world.0.2 };
            count.fetch_add(1, Ordering::Relaxed);
        }));
        match self.pool().spawn(self, job) {
            Ok(()) => true,
            Err(Refused::Shutdown(_)) => false,
            Err(Refused::NoThread(..)) => panic!("a model has threads"),
        }
    }

    fn run(&self) -> usize {
        self.0.1.load(Ordering::Relaxed)
    }

    fn settled(&self) -> usize {
        self.run() + self.0.2.load(Ordering::Relaxed)
    }

    fn shut_down(&self) {
        self.pool().begin_shutdown();
        assert!(self.pool().join(None));
        assert_eq!(0, self.pool().num_threads());
        assert_eq!(0, self.pool().num_idle_threads());
        assert_eq!(0, self.pool().queue_depth());
    }
}

/// A thread whose keep-alive ends just as a job comes: with the cap reached, nobody else will take it.
#[test]
fn a_job_is_not_left_to_a_thread_that_leaves() {
    ::loom::model(|| {
        let world = World::new(1);
        assert!(world.spawn());
        let clock = {
            let world = world.clone();
            thread::spawn(move || world.pool().keep_alive_is_over())
        };
        assert!(world.spawn());
        // Nobody shuts down: both are run.
        while world.run() < 2 {
            thread::yield_now();
        }
        clock.join().unwrap();
        world.shut_down();
    });
}

#[test]
fn shutdown_settles_every_job_and_joins_every_thread() {
    ::loom::model(|| {
        let world = World::new(1);
        assert!(world.spawn());
        let spawner = {
            let world = world.clone();
            thread::spawn(move || usize::from(world.spawn()))
        };
        world.shut_down();
        let taken = 1 + spawner.join().unwrap();
        assert_eq!(taken, world.settled());
    });
}

#[test]
fn shutdown_races_the_end_of_a_keep_alive() {
    ::loom::model(|| {
        let world = World::new(2);
        assert!(world.spawn());
        let clock = {
            let world = world.clone();
            thread::spawn(move || world.pool().keep_alive_is_over())
        };
        world.shut_down();
        assert_eq!(1, world.settled());
        clock.join().unwrap();
    });
}

#[test]
fn two_jobs_and_an_idle_thread() {
    ::loom::model(|| {
        let world = World::new(2);
        assert!(world.spawn());
        while world.run() < 1 {
            thread::yield_now();
        }
        // The thread is idle, or on its way: one notify must not count for two.
        let other = {
            let world = world.clone();
            thread::spawn(move || assert!(world.spawn()))
        };
        assert!(world.spawn());
        other.join().unwrap();
        while world.run() < 3 {
            thread::yield_now();
        }
        world.shut_down();
    });
}
