//! `Mutex` and `RwLock`: first come, first served; a writer needs the permits of all readers together.

use std::sync::Arc;
use std::task::Poll;

use proptest::prelude::*;
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::Permits;
use crate::steps::{place, remove, which, with_steps};
use crate::support::waits::Wait;

#[derive(Clone, Debug)]
enum Step {
    Read,
    Write,
    Poll(usize),
    GiveUp(usize),
    Release(usize),
    Downgrade(usize),
    TryRead,
    TryWrite,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Read),
        2 => Just(Step::Write),
        5 => which().prop_map(Step::Poll),
        2 => which().prop_map(Step::GiveUp),
        4 => which().prop_map(Step::Release),
        1 => which().prop_map(Step::Downgrade),
        1 => Just(Step::TryRead),
        1 => Just(Step::TryWrite),
    ]
}

/// Guards of either lock; the value in the lock is the number of writes before.
enum Held {
    Read(OwnedRwLockReadGuard<usize>),
    Write(OwnedRwLockWriteGuard<usize>),
    Mutex(OwnedMutexGuard<usize>),
}

#[derive(Clone)]
enum Lock {
    RwLock(Arc<RwLock<usize>>),
    Mutex(Arc<Mutex<usize>>),
}

impl Lock {
    async fn wait(self, writes: bool) -> Held {
        match self {
            Lock::RwLock(lock) if writes => Held::Write(lock.write_owned().await),
            Lock::RwLock(lock) => Held::Read(lock.read_owned().await),
            Lock::Mutex(lock) => Held::Mutex(lock.lock_owned().await),
        }
    }

    fn now(self, writes: bool) -> Option<Held> {
        match self {
            Lock::RwLock(lock) if writes => lock.try_write_owned().ok().map(Held::Write),
            Lock::RwLock(lock) => lock.try_read_owned().ok().map(Held::Read),
            Lock::Mutex(lock) => lock.try_lock_owned().ok().map(Held::Mutex),
        }
    }
}

struct Request {
    number: usize,
    writes: bool,
    wait: Wait<'static, Held>,
}

struct Model {
    lock: Lock,
    readers: usize,
    permits: Permits,
    requests: Vec<Request>,
    held: Vec<Held>,
    writes: usize,
}

impl Model {
    fn new(lock: Lock, readers: usize) -> Self {
        Model {
            lock,
            readers,
            permits: Permits::new(readers),
            requests: Vec::new(),
            held: Vec::new(),
            writes: 0,
        }
    }

    fn size(&self, writes: bool) -> usize {
        if writes { self.readers } else { 1 }
    }

    fn hold(&mut self, mut held: Held) {
        let seen = match &mut held {
            Held::Read(guard) => **guard,
            Held::Write(guard) => {
                **guard += 1;
                self.writes += 1;
                **guard
            }
            Held::Mutex(guard) => {
                **guard += 1;
                self.writes += 1;
                **guard
            }
        };
        assert_eq!(seen, self.writes);
        self.held.push(held);
    }

    fn poll(&mut self, at: usize) {
        let size = self.size(self.requests[at].writes);
        let request = &mut self.requests[at];
        let granted = match request.wait.was_polled() {
            false => self.permits.request(request.number, size),
            true => self.permits.take_grant(request.number).is_some(),
        };
        match request.wait.poll() {
            Poll::Ready(held) => {
                assert!(granted);
                self.requests.remove(at);
                self.hold(held);
            }
            Poll::Pending => assert!(!granted),
        }
    }

    fn run(&mut self, step: &Step, number: usize) {
        match *step {
            Step::Read | Step::Write => {
                let writes = matches!(step, Step::Write);
                self.requests.push(Request {
                    number,
                    writes,
                    wait: Wait::new(self.lock.clone().wait(writes)),
                });
            }
            Step::Poll(which) => {
                if let Some(at) = place(&self.requests, which) {
                    self.poll(at);
                }
            }
            Step::GiveUp(which) => {
                if let Some(request) = remove(&mut self.requests, which) {
                    drop(request.wait);
                    self.permits.cancel(request.number);
                }
            }
            Step::Release(which) => {
                if let Some(held) = remove(&mut self.held, which) {
                    let writes = matches!(held, Held::Write(_));
                    drop(held);
                    self.permits.add(self.size(writes));
                }
            }
            Step::Downgrade(which) => match remove(&mut self.held, which) {
                Some(Held::Write(guard)) => {
                    self.held.push(Held::Read(guard.downgrade()));
                    self.permits.add(self.readers - 1);
                }
                held => self.held.extend(held),
            },
            Step::TryRead | Step::TryWrite => {
                let writes = matches!(step, Step::TryWrite);
                let size = self.size(writes);
                let held = self.lock.clone().now(writes);
                assert_eq!(held.is_some(), self.permits.has(size));
                if let Some(held) = held {
                    self.permits.free -= size;
                    self.hold(held);
                }
            }
        }
    }

    fn check(&self) {
        for request in self.requests.iter().filter(|r| r.wait.is_waiting()) {
            let granted = self.permits.is_granted(request.number);
            assert_eq!(request.wait.is_woken(), granted);
        }
    }

    /// Releases all guards and lets all requests in: the lock must be free afterwards.
    fn end(mut self) {
        while !self.requests.is_empty() || !self.held.is_empty() {
            for _ in 0..self.held.len() {
                self.run(&Step::Release(0), 0);
            }
            for at in (0..self.requests.len()).rev() {
                self.poll(at);
            }
            self.check();
        }
        assert!(self.lock.clone().now(true).is_some());
        let users = match &self.lock {
            Lock::RwLock(lock) => Arc::strong_count(lock),
            Lock::Mutex(lock) => Arc::strong_count(lock),
        };
        assert_eq!(users, 1);
    }
}

fn compare(mut model: Model, steps: &[Step]) {
    for (number, step) in steps.iter().enumerate() {
        model.run(step, number);
        model.check();
    }
    model.end();
}

#[test]
fn a_read_write_lock_lets_in_whom_the_model_lets_in() {
    for readers in 1..4 {
        with_steps(step(), |steps| {
            let lock = Lock::RwLock(Arc::new(RwLock::with_max_readers(0, readers)));
            compare(Model::new(lock, readers as usize), steps);
        });
    }
}

#[test]
fn a_mutex_lets_in_whom_the_model_lets_in() {
    with_steps(step(), |steps| {
        compare(Model::new(Lock::Mutex(Arc::default()), 1), steps);
    });
}
