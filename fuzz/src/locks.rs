//! Fuzz target `locks`: `Semaphore`, `Mutex` and `RwLock`. One model for the three: permits are granted in the order of the requests.
//!
//! A mutex has one permit; a lock for `n` readers has `n`, and a writer asks for all. A waiting request collects permits as
//! they are released, the first of the queue before the second. A cancelled request passes its permits on.

use crate::{Input, Wait, begin, finish};
use std::any::Any;
use std::sync::Arc;
use tokio::sync::{Mutex, RwLock, Semaphore};

type Guard = Option<Box<dyn Any>>;

#[derive(Clone)]
enum Lock {
    Semaphore(Arc<Semaphore>),
    Mutex(Arc<Mutex<()>>),
    RwLock(Arc<RwLock<()>>, usize),
}

impl Lock {
    /// The number of permits for a request with the decision `n`.
    fn need(&self, n: usize) -> usize {
        match self {
            Lock::Semaphore(_) => n,
            Lock::Mutex(_) => 1,
            Lock::RwLock(_, all) => {
                if n < 3 {
                    1
                } else {
                    *all
                }
            }
        }
    }

    async fn acquire(self, need: usize) -> Guard {
        match self {
            Lock::Semaphore(s) => match s.acquire_many_owned(need as u32).await {
                Ok(guard) => Some(Box::new(guard)),
                Err(_) => None,
            },
            Lock::Mutex(m) => Some(Box::new(m.lock_owned().await)),
            Lock::RwLock(l, all) if all == need => Some(Box::new(l.write_owned().await)),
            Lock::RwLock(l, _) => Some(Box::new(l.read_owned().await)),
        }
    }

    fn try_acquire(self, need: usize) -> Guard {
        match self {
            Lock::Semaphore(s) => match s.try_acquire_many_owned(need as u32) {
                Ok(guard) => Some(Box::new(guard)),
                Err(_) => None,
            },
            Lock::Mutex(m) => Some(Box::new(m.try_lock_owned().ok()?)),
            Lock::RwLock(l, all) if all == need => Some(Box::new(l.try_write_owned().ok()?)),
            Lock::RwLock(l, _) => Some(Box::new(l.try_read_owned().ok()?)),
        }
    }
}

struct Waiter {
    need: usize,
    got: usize,
    wait: Wait<'static, Guard>,
}

struct World {
    lock: Lock,
    free: usize,
    is_closed: bool,
    waiters: Vec<Waiter>,
    held: Vec<(usize, Guard)>,
}

impl World {
    fn release(&mut self, mut n: usize) {
        if !self.is_closed {
            for waiter in &mut self.waiters {
                let more = n.min(waiter.need - waiter.got);
                waiter.got += more;
                n -= more;
            }
        }
        self.free += n;
    }

    fn ask(&mut self, need: usize) {
        let mut wait = Wait::new(self.lock.clone().acquire(need));
        let queue = self.waiters.iter().any(|w| w.got < w.need);
        // A request for no permits is granted at once.
        let is_granted = self.is_closed || (self.free >= need && !queue) || need == 0;
        match wait.expect(is_granted) {
            Some(guard) => {
                assert_eq!(guard.is_none(), self.is_closed);
                if guard.is_some() {
                    self.free -= need;
                    self.held.push((need, guard));
                }
            }
            None => {
                let got = if queue {
                    0
                } else {
                    std::mem::take(&mut self.free)
                };
                self.waiters.push(Waiter { need, got, wait });
            }
        }
    }

    fn poll(&mut self, at: usize) {
        let waiter = &mut self.waiters[at];
        let is_ready = waiter.got == waiter.need || self.is_closed;
        let Some(guard) = waiter.wait.expect(is_ready) else {
            return;
        };
        let Waiter { need, got, wait } = self.waiters.remove(at);
        match guard {
            Some(guard) => {
                assert_eq!(need, got);
                self.held.push((need, Some(guard)));
            }
            None => {
                assert!(self.is_closed);
                drop(wait);
                self.free += got;
            }
        }
    }

    fn other(&mut self, what: usize, n: usize) {
        match &self.lock {
            Lock::Semaphore(semaphore) => match what {
                0 => {
                    semaphore.add_permits(n);
                    self.release(n);
                }
                1 => {
                    let forgotten = semaphore.forget_permits(n);
                    assert_eq!(forgotten, n.min(self.free));
                    self.free -= forgotten;
                }
                2 if n == 3 => {
                    semaphore.close();
                    self.is_closed = true;
                }
                _ => assert_eq!(semaphore.available_permits(), self.free),
            },
            Lock::RwLock(_, all) => {
                let all = *all;
                let Some(at) = self.held.iter().position(|(need, _)| *need == all) else {
                    return;
                };
                let guard = self.held.remove(at).1.unwrap();
                if let Ok(guard) = guard.downcast::<tokio::sync::OwnedRwLockWriteGuard<()>>() {
                    self.held.push((1, Some(Box::new(guard.downgrade()))));
                    self.release(all - 1);
                } else {
                    self.release(all);
                }
            }
            Lock::Mutex(_) => {}
        }
    }
}

pub fn run(bytes: &[u8]) {
    begin();
    let mut input = Input::new(bytes);
    let permits = 1 + input.below(4);
    let (lock, free) = match input.below(3) {
        0 => (Lock::Semaphore(Arc::new(Semaphore::new(permits))), permits),
        1 => (Lock::Mutex(Arc::default()), 1),
        _ => {
            let lock = RwLock::with_max_readers((), permits as u32);
            (Lock::RwLock(Arc::new(lock), permits), permits)
        }
    };
    let mut world = World {
        lock,
        free,
        is_closed: false,
        waiters: Vec::new(),
        held: Vec::new(),
    };
    while let Some(operation) = input.next(10) {
        match operation {
            0..=2 => {
                let need = world.lock.need(input.below(5));
                world.ask(need);
            }
            3 | 4 => {
                if let Some(at) = input.place(world.waiters.len()) {
                    world.poll(at);
                }
            }
            5 => {
                if let Some(at) = input.place(world.waiters.len()) {
                    let waiter = world.waiters.remove(at);
                    drop(waiter.wait);
                    world.release(waiter.got);
                }
            }
            6 | 7 => {
                if let Some(at) = input.place(world.held.len()) {
                    let (n, guard) = world.held.remove(at);
                    drop(guard);
                    world.release(n);
                }
            }
            8 => {
                let need = world.lock.need(input.below(5));
                let guard = world.lock.clone().try_acquire(need);
                let expected = !world.is_closed && world.free >= need;
                assert_eq!(guard.is_some(), expected);
                if guard.is_some() {
                    world.free -= need;
                    world.held.push((need, guard));
                }
            }
            _ => world.other(input.below(4), input.below(4)),
        }
        for waiter in &world.waiters {
            let is_over = waiter.got == waiter.need || world.is_closed;
            assert!(!is_over || waiter.wait.is_woken(), "granted, but not woken");
        }
    }
    drop(world);
    finish();
}
