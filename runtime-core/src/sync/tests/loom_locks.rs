//! Models of the semaphore and of what is built on it.

use crate::sync::{Mutex, OnceCell, RwLock, Semaphore, SetOnce};
use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::thread;
use std::sync::Arc;

struct Cell(UnsafeCell<usize>);
// SAFETY: loom checks the accesses.
unsafe impl Send for Cell {}
// SAFETY: as above.
unsafe impl Sync for Cell {}

impl Cell {
    fn add(&self) {
        // SAFETY: loom fails the model if this access races.
        self.0.with_mut(|v| unsafe { *v += 1 });
    }
}

#[test]
fn mutex_excludes_and_hands_over() {
    loom::model(|| {
        let mutex = Arc::new(Mutex::new(Cell(UnsafeCell::new(0))));
        let other = mutex.clone();
        let thread = thread::spawn(move || block_on(other.lock()).add());
        block_on(mutex.lock()).add();
        thread.join().unwrap();
    });
}

#[test]
fn rwlock_writer_excludes_readers() {
    loom::model(|| {
        let lock = Arc::new(RwLock::with_max_readers(Cell(UnsafeCell::new(0)), 2));
        let other = lock.clone();
        let thread = thread::spawn(move || block_on(other.write()).add());
        // SAFETY: loom fails the model if this access races.
        block_on(lock.read())
            .0
            .with(|v| unsafe { assert!(*v <= 1) });
        thread.join().unwrap();
    });
}

#[test]
fn semaphore_batch_waits_for_two_releases() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let semaphore = semaphore.clone();
                thread::spawn(move || semaphore.add_permits(1))
            })
            .collect();
        block_on(semaphore.acquire_many(2)).unwrap().forget();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(semaphore.available_permits(), 0);
    });
}

#[test]
fn once_cell_initialises_once() {
    loom::model(|| {
        let cell = Arc::new(OnceCell::new());
        let other = cell.clone();
        let thread = thread::spawn(move || *block_on(other.get_or_init(|| async { 1 })));
        let mine = *block_on(cell.get_or_init(|| async { 2 }));
        assert_eq!(thread.join().unwrap(), mine);
    });
}

#[test]
fn set_once_wakes_its_waiter() {
    loom::model(|| {
        let once = Arc::new(SetOnce::new());
        let other = once.clone();
        let thread = thread::spawn(move || other.set(1).unwrap());
        assert_eq!(*block_on(once.wait()), 1);
        thread.join().unwrap();
    });
}
