//! Models of a ring: operations, completions, drops and the end, each against each.
//!
//! The kernel's model watches the memory, see `kernel`; the models assert that no thread waits for ever, and that
//! all memory is freed.

use crate::uring::kernel::{DONE, Kernel, Pause};
use crate::uring::memory::{Memory, Witness};
use crate::uring::{Done, Op, Request, Ring};
use loom::future::block_on;
use loom::thread;
use runtime_core::driver::Unpark;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

pub(super) const READS: bool = true;
pub(super) const CHANGES: bool = false;

pub(super) fn ring() -> (Arc<Kernel>, Arc<Ring>) {
    let kernel = Arc::new(Kernel::new().unwrap());
    let driver: Weak<Kernel> = Arc::downgrade(&kernel);
    let ring = Arc::new(Ring::on(kernel.clone(), driver as Weak<dyn Unpark>));
    (kernel, ring)
}

pub(super) fn op(ring: &Arc<Ring>, may_cancel: bool) -> (Op, Witness) {
    let (memory, witness) = Memory::new(may_cancel);
    (Op::new(ring.clone(), Request::Watched(memory)), witness)
}

pub(super) fn poll_once(op: &mut Op) -> Poll<io::Result<Done>> {
    Pin::new(op).poll(&mut Context::from_waker(Waker::noop()))
}

pub(super) fn is_done(result: io::Result<Done>) -> bool {
    matches!(result, Ok(Done::Wrote(n)) if n == DONE as usize)
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// The reactor's part: what it does around a park.
fn drive(kernel: &Kernel, ring: &Ring) {
    loop {
        if ring.is_stalled() {
            assert!(ring.retry().is_none());
            if ring.is_stalled() {
                // It parks for a while only.
                thread::yield_now();
                continue;
            }
        }
        if !kernel.park_driver() {
            return;
        }
        assert!(ring.drain().is_none());
    }
}

pub(super) fn driver(kernel: &Arc<Kernel>, ring: &Arc<Ring>) -> thread::JoinHandle<()> {
    let (kernel, ring) = (kernel.clone(), ring.clone());
    thread::spawn(move || drive(&kernel, &ring))
}

/// The waker changes while the operation completes: the last one is woken, or the poll sees the result.
#[test]
fn a_completion_is_never_missed() {
    loom::model(|| {
        let (kernel, ring) = ring();
        let (mut op, witness) = op(&ring, READS);
        assert!(poll_once(&mut op).is_pending());
        let device = {
            let (kernel, ring) = (kernel.clone(), ring.clone());
            thread::spawn(move || {
                kernel.work();
                assert!(ring.drain().is_none());
            })
        };
        assert!(is_done(block_on(&mut op)));
        device.join().unwrap();
        assert_eq!(witness.writes(), 1);
        assert!(witness.is_freed());
    });
}

/// A future is dropped while the kernel writes to its memory and the driver drains.
#[test]
fn memory_stays_while_the_kernel_may_write() {
    for may_cancel in [READS, CHANGES] {
        loom::model(move || {
            let (kernel, ring) = ring();
            let (mut op, witness) = op(&ring, may_cancel);
            assert!(poll_once(&mut op).is_pending());
            let device = {
                let (kernel, ring) = (kernel.clone(), ring.clone());
                thread::spawn(move || {
                    kernel.work();
                    assert!(ring.drain().is_none());
                })
            };
            drop(op);
            kernel.stop();
            device.join().unwrap();
            assert!(ring.drain().is_none());
            assert_eq!(kernel.unfinished(), 0);
            assert!(witness.is_freed());
            assert!(may_cancel || witness.writes() == 1);
        });
    }
}

/// A future that is leaked: its memory is freed with the ring, and not before the kernel is done with it.
#[test]
fn memory_of_what_is_forgotten_goes_with_the_ring() {
    loom::model(|| {
        let (kernel, ring) = ring();
        let (memory, witness) = Memory::new(CHANGES);
        ring.submit(Request::Watched(memory), Waker::noop())
            .unwrap();
        let device = {
            let kernel = kernel.clone();
            thread::spawn(move || kernel.work())
        };
        drop(ring);
        device.join().unwrap();
        assert_eq!(witness.writes(), 1);
        assert!(witness.is_freed());
    });
}

/// Two threads with one place in the queue, and a kernel that refuses: the driver tries again until all is taken.
#[test]
fn what_is_refused_is_submitted_again() {
    for refusals in [0, 1, 2] {
        loom::model(move || {
            let (kernel, ring) = ring();
            kernel.work_at_once();
            kernel.refuse(refusals);
            let driver = driver(&kernel, &ring);
            let (first, first_witness) = op(&ring, READS);
            let (second, second_witness) = op(&ring, READS);
            let other = thread::spawn(move || assert!(is_done(block_on(first))));
            assert!(is_done(block_on(second)));
            other.join().unwrap();
            kernel.stop();
            driver.join().unwrap();
            assert!(!ring.is_stalled());
            assert!(first_witness.is_freed() && second_witness.is_freed());
        });
    }
}

/// An operation that is cancelled while it waits behind a full queue is not started after its cancellation.
#[test]
fn a_cancellation_comes_after_what_it_cancels() {
    for refusals in [1, 2] {
        loom::model(move || cancel_behind_a_full_queue(refusals));
    }
}

fn cancel_behind_a_full_queue(refusals: usize) {
    let (kernel, ring) = ring();
    kernel.refuse(refusals);
    let (mut first, _) = op(&ring, READS);
    let (mut second, witness) = op(&ring, READS);
    assert!(poll_once(&mut first).is_pending());
    assert!(poll_once(&mut second).is_pending());
    let flusher = {
        let ring = ring.clone();
        thread::spawn(move || {
            ring.flush();
            assert!(ring.drain().is_none());
        })
    };
    drop(second);
    flusher.join().unwrap();
    ring.flush();
    assert!(ring.drain().is_none());
    // The kernel has the first, for which nothing came, and nothing else.
    assert_eq!(kernel.unfinished(), 1);
    assert!(witness.is_freed());
    drop(first);
}

/// More completions than the queue holds, drained by two threads.
#[test]
fn completions_that_do_not_fit_come_later() {
    loom::model(|| {
        let (kernel, ring) = ring();
        let (mut first, _) = op(&ring, READS);
        let (mut second, _) = op(&ring, READS);
        assert!(poll_once(&mut first).is_pending());
        assert!(poll_once(&mut second).is_pending());
        let device = {
            let (kernel, ring) = (kernel.clone(), ring.clone());
            thread::spawn(move || {
                kernel.work();
                kernel.work();
                assert!(ring.drain().is_none());
            })
        };
        assert!(ring.drain().is_none());
        assert!(is_done(block_on(first)));
        assert!(is_done(block_on(second)));
        device.join().unwrap();
    });
}

/// An operation in flight when the runtime ends: its memory waits for the kernel, its future for nothing.
#[test]
fn the_end_waits_for_what_is_in_flight() {
    for may_cancel in [READS, CHANGES] {
        loom::model(move || {
            let (kernel, ring) = ring();
            let (mut op, witness) = op(&ring, may_cancel);
            assert!(poll_once(&mut op).is_pending());
            let device = {
                let kernel = kernel.clone();
                thread::spawn(move || kernel.work())
            };
            let ender = {
                let ring = ring.clone();
                thread::spawn(move || ring.shut_down())
            };
            assert!(block_on(&mut op).is_err());
            drop(op);
            ender.join().unwrap();
            kernel.stop();
            device.join().unwrap();
            assert_eq!(kernel.unfinished(), 0);
            assert!(witness.is_freed());
        });
    }
}

/// An operation that starts while the runtime ends comes to an end too.
#[test]
fn starting_against_the_end() {
    loom::model(|| {
        let (kernel, ring) = ring();
        kernel.work_at_once();
        let ender = {
            let ring = ring.clone();
            thread::spawn(move || ring.shut_down())
        };
        let (op, witness) = op(&ring, CHANGES);
        assert!(block_on(op).is_err());
        ender.join().unwrap();
        assert_eq!(kernel.unfinished(), 0);
        assert!(witness.is_freed());
    });
}

/// The end against a drain and a drop: a completion that one has taken in is not lost to the other.
#[test]
fn draining_and_dropping_against_the_end() {
    loom::model(|| {
        let (kernel, ring) = ring();
        kernel.work_at_once();
        let (mut op, witness) = op(&ring, READS);
        assert!(poll_once(&mut op).is_pending());
        let ender = {
            let ring = ring.clone();
            thread::spawn(move || ring.shut_down())
        };
        let drainer = {
            let ring = ring.clone();
            thread::spawn(move || assert!(ring.drain().is_none()))
        };
        drop(op);
        ender.join().unwrap();
        drainer.join().unwrap();
        drop(ring);
        assert!(witness.is_freed());
    });
}

/// Entries that the kernel has not seen end with the runtime. An operation that could take for ever is cancelled: again
/// if the first cancellation came too early.
#[test]
fn the_end_cancels_what_would_take_for_ever() {
    loom::model(|| {
        let (kernel, ring) = ring();
        let (mut taken, first) = op(&ring, READS);
        assert!(poll_once(&mut taken).is_pending());
        kernel.refuse(1);
        let (mut queued, second) = op(&ring, READS);
        let (mut behind, third) = op(&ring, CHANGES);
        assert!(poll_once(&mut queued).is_pending());
        assert!(poll_once(&mut behind).is_pending());
        kernel.miss(2);
        kernel.be_slow(1);
        let ender = {
            let ring = ring.clone();
            thread::spawn(move || ring.shut_down())
        };
        assert!(block_on(behind).is_err());
        drop(taken);
        ender.join().unwrap();
        drop(queued);
        assert_eq!(kernel.unfinished(), 0);
        assert!(first.is_freed() && second.is_freed() && third.is_freed());
        assert_eq!(third.writes(), 0);
    });
}

/// A kernel that takes longer than the end waits: a separate thread frees the memory later.
#[test]
fn the_end_leaves_the_rest_to_a_thread() {
    loom::model(|| {
        let (kernel, ring) = ring();
        let (mut op, witness) = op(&ring, CHANGES);
        assert!(poll_once(&mut op).is_pending());
        // As many pauses as the grace has, and some for the thread.
        kernel.be_slow(16);
        ring.shut_down();
        assert!(!witness.is_freed());
        assert!(matches!(poll_once(&mut op), Poll::Ready(Err(_))));
        let first = [5, 10, 20, 40, 80, 160, 320];
        let then = [5, 10, 20, 40, 80, 160, 320, 500, 500];
        let pauses = first.iter().chain(&then);
        let pauses: Vec<_> = pauses.map(|&ms| Pause::TimedOut(millis(ms))).collect();
        assert_eq!(kernel.wait_for_pauses(16), pauses);
        assert!(kernel.work());
        witness.wait_until_freed();
        assert!(witness.is_freed());
    });
}

/// Operations complete one by one: as long as they do, the end leaves nothing to a thread.
#[test]
fn the_end_is_patient_while_something_completes() {
    loom::model(|| {
        let (kernel, ring) = ring();
        // More than there are pauses in the grace.
        let mut ops: Vec<_> = (0..8).map(|_| op(&ring, CHANGES)).collect();
        for (op, _) in &mut ops {
            assert!(poll_once(op).is_pending());
        }
        kernel.work_in_waits();
        ring.shut_down();
        assert!(ops.iter().all(|(_, witness)| witness.is_freed()));
        assert_eq!(kernel.wait_for_pauses(8), [Pause::Ended; 8]);
    });
}

/// A kernel that refuses the cancellations: the end asks again, after pauses that do not poll the ring.
#[test]
fn the_end_asks_a_kernel_that_refuses_again() {
    loom::model(|| {
        let (kernel, ring) = ring();
        let (mut op, witness) = op(&ring, READS);
        assert!(poll_once(&mut op).is_pending());
        kernel.refuse(3);
        ring.shut_down();
        assert!(witness.is_freed());
        let pauses = [5, 10].map(|ms| Pause::Slept(millis(ms)));
        assert_eq!(kernel.wait_for_pauses(2), pauses);
    });
}

/// Submissions are forbidden while an operation is in flight: its future ends with the error, its memory stays.
#[test]
fn a_ring_that_breaks_keeps_what_the_kernel_has() {
    loom::model(|| {
        let (kernel, ring) = ring();
        let (mut op_in_flight, witness) = op(&ring, CHANGES);
        assert!(poll_once(&mut op_in_flight).is_pending());
        kernel.forbid();
        let device = {
            let kernel = kernel.clone();
            thread::spawn(move || kernel.work())
        };
        let other = {
            let ring = ring.clone();
            thread::spawn(move || {
                let (op, _) = op(&ring, READS);
                assert!(block_on(op).is_err());
            })
        };
        assert!(block_on(op_in_flight).is_err());
        other.join().unwrap();
        drop(ring);
        device.join().unwrap();
        assert!(!witness.is_freed());
        assert_eq!(witness.writes(), 1);
    });
}
