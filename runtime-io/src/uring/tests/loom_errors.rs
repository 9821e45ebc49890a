//! Models of a ring whose kernel refuses, is interrupted, takes nothing, or keeps completions to itself: what becomes of
//! operations, how often the kernel is asked, and when the driver is woken. Most have one thread only.

use super::loom::{CHANGES, READS, is_done, op, poll_once, ring};
use crate::uring::kernel::{Answer, Kernel};
use crate::uring::{Done, Op, Ring};
use loom::future::block_on;
use loom::thread;
use runtime_core::base::contain;
use std::future::Future;
use std::io;
use std::panic::panic_any;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// How often `try_flush` asks a kernel that makes no progress.
const MOST_ATTEMPTS: usize = 8;

/// The standard library's atomic: a model concludes nothing from its order.
#[derive(Default)]
pub(super) struct Count(AtomicUsize);

impl Count {
    pub(super) fn get(&self) -> usize {
        // Ordering: Relaxed; a count.
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        // Ordering: Relaxed; a count.
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

pub(super) struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic_any(PanicsToo);
    }
}

/// Panics with a payload that panics when it is dropped.
pub(super) struct PanicsToo;

impl Drop for PanicsToo {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

fn poll_with(op: &mut Op, waker: &Waker) -> Poll<io::Result<Done>> {
    Pin::new(op).poll(&mut Context::from_waker(waker))
}

fn is_error(polled: Poll<io::Result<Done>>, code: i32) -> bool {
    matches!(polled, Poll::Ready(Err(error)) if error.raw_os_error() == Some(code))
}

fn is_ready(op: &mut Op) -> bool {
    match poll_once(op) {
        Poll::Ready(result) => is_done(result),
        Poll::Pending => false,
    }
}

/// `count` operations that the kernel has done: one completion is in the queue, the others have no room there. Each wakes
/// the count.
pub(super) fn done_ops(kernel: &Kernel, ring: &Arc<Ring>, count: usize) -> (Vec<Op>, Arc<Count>) {
    let woken = Arc::new(Count::default());
    let waker = Waker::from(woken.clone());
    let mut ops: Vec<Op> = (0..count).map(|_| op(ring, CHANGES).0).collect();
    for op in &mut ops {
        assert!(poll_with(op, &waker).is_pending());
        assert!(kernel.work());
    }
    (ops, woken)
}

/// The driver is woken once; as long as the stall lasts no other thread asks the kernel.
#[test]
fn a_kernel_without_progress_is_left_to_the_driver() {
    let cases = [
        (Answer::TakesNothing, MOST_ATTEMPTS),
        (Answer::Refuses(libc::EBUSY), MOST_ATTEMPTS),
        (Answer::Refuses(libc::EAGAIN), 1),
        (Answer::Refuses(libc::ENOMEM), 1),
    ];
    for (answer, attempts) in cases {
        loom::model(move || {
            let (kernel, ring) = ring();
            kernel.answer([answer; 2 * MOST_ATTEMPTS]);
            let ([mut first, mut second], witnesses) = two_ops(&ring);
            assert!(poll_once(&mut first).is_pending());
            assert_eq!((kernel.asked(), kernel.unparks()), (attempts, 1));
            assert!(poll_once(&mut second).is_pending());
            drop(second);
            assert!(ring.is_stalled());
            assert_eq!((kernel.asked(), kernel.unparks()), (attempts, 1));
            // The driver is not woken for a stall that it sees itself.
            assert!(ring.retry().is_none());
            assert_eq!((kernel.asked(), kernel.unparks()), (2 * attempts, 1));
            assert!(ring.is_stalled());
            kernel.answer([]);
            assert!(ring.retry().is_none());
            assert!(!ring.is_stalled() && !kernel.has_submissions());
            // What was given up is cancelled.
            assert!(ring.drain().is_none());
            assert_eq!((kernel.unfinished(), kernel.unparks()), (1, 1));
            assert!(witnesses[1].is_freed());
            drop(first);
        });
    }
}

fn two_ops(ring: &Arc<Ring>) -> ([Op; 2], [crate::uring::memory::Witness; 2]) {
    let (first, second) = (op(ring, READS), op(ring, READS));
    ([first.0, second.0], [first.1, second.1])
}

/// Attempts are counted from the last progress on.
#[test]
fn a_kernel_that_is_slow_to_take_is_not_given_up() {
    loom::model(|| {
        let (kernel, ring) = ring();
        kernel.refuse(1);
        let ([mut first, mut second], _) = two_ops(&ring);
        assert!(poll_once(&mut first).is_pending());
        assert!(poll_once(&mut second).is_pending());
        let mut slow = [Answer::TakesNothing; MOST_ATTEMPTS];
        slow[MOST_ATTEMPTS - 1] = Answer::Takes;
        kernel.answer([slow, slow].concat());
        ring.flush();
        assert_eq!(kernel.asked(), 1 + 2 * MOST_ATTEMPTS);
        assert_eq!((kernel.unfinished(), kernel.unparks()), (2, 1));
        assert!(!ring.is_stalled() && !kernel.has_submissions());
    });
}

/// An interruption by a signal says nothing about the kernel: it is asked again, however often.
#[test]
fn interruptions_do_not_count() {
    loom::model(|| {
        let (kernel, ring) = ring();
        let interruptions = [Answer::Refuses(libc::EINTR); 2 * MOST_ATTEMPTS];
        kernel.answer(interruptions);
        let mut op = op(&ring, CHANGES).0;
        assert!(poll_once(&mut op).is_pending());
        assert_eq!(kernel.asked(), 1 + 2 * MOST_ATTEMPTS);
        assert!(kernel.work());
        assert!(ring.drain().is_none());
        assert!(is_ready(&mut op));

        let (mut ops, woken) = done_ops(&kernel, &ring, 2);
        kernel.answer(interruptions);
        let before = kernel.asked();
        assert!(ring.drain().is_none());
        assert_eq!(kernel.asked(), before + 1 + 2 * MOST_ATTEMPTS);
        assert_eq!((woken.get(), kernel.unparks()), (2, 0));
        assert!(ops.iter_mut().all(is_ready) && !ring.is_stalled());
    });
}

/// The kernel takes nothing while completions have no room: they are taken in, and the kernel is asked again. A panic
/// of one of their wakers does not reach the submitting thread.
#[test]
fn completions_make_room_for_submissions() {
    loom::model(|| {
        let (kernel, ring) = ring();
        kernel.be_strict();
        let (mut ops, woken) = done_ops(&kernel, &ring, 2);
        let bad = Waker::from(Arc::new(Panics));
        assert!(poll_with(&mut ops[0], &bad).is_pending());
        let mut third = op(&ring, CHANGES).0;
        assert!(poll_once(&mut third).is_pending());
        assert_eq!((woken.get(), kernel.unparks()), (1, 0));
        assert!(ops.iter_mut().all(is_ready));
        assert!(!ring.is_stalled() && !kernel.has_submissions());
        assert_eq!(kernel.unfinished(), 1);
        kernel.work_off();
    });
}

/// Completions that the kernel cannot hand over for now stall the ring, until they all are.
#[test]
fn a_surplus_that_is_refused_comes_later() {
    for code in [libc::EAGAIN, libc::ENOMEM, libc::EBUSY] {
        loom::model(move || {
            let (kernel, ring) = ring();
            let (mut ops, woken) = done_ops(&kernel, &ring, 2);
            let before = kernel.asked();
            kernel.answer([Answer::Refuses(code); 2]);
            assert!(ring.drain().is_none());
            assert_eq!((woken.get(), kernel.unparks()), (1, 1));
            assert_eq!(kernel.asked(), before + 1);
            assert!(ring.is_stalled());
            // All entries are taken, and there are completions still.
            ring.flush();
            assert!(ring.is_stalled());
            assert!(ring.retry().is_none());
            assert_eq!((woken.get(), kernel.unparks()), (1, 1));
            assert_eq!(kernel.asked(), before + 2);
            assert!(ring.is_stalled());
            assert!(ring.retry().is_none());
            assert_eq!((woken.get(), kernel.unparks()), (2, 1));
            assert!(!ring.is_stalled() && ops.iter_mut().all(is_ready));
        });
    }
}

/// A kernel that hands over a part, and refuses the rest, stalls the ring too.
#[test]
fn a_surplus_comes_part_by_part() {
    loom::model(|| {
        let (kernel, ring) = ring();
        let (mut ops, woken) = done_ops(&kernel, &ring, 4);
        kernel.be_strict();
        for part in 1..=2 {
            assert!(ring.drain().is_none());
            assert_eq!((woken.get(), kernel.unparks()), (part, 1));
            assert!(ring.is_stalled());
        }
        assert!(ring.retry().is_none());
        assert_eq!((woken.get(), kernel.unparks()), (4, 1));
        assert!(!ring.is_stalled() && ops.iter_mut().all(is_ready));
    });
}

/// One thread's flush is refused while others succeed: the ring is stalled only if something is left.
#[test]
fn a_ring_is_not_stalled_by_what_others_have_submitted() {
    loom::model(|| {
        let (kernel, ring) = ring();
        kernel.refuse(1);
        let other = {
            let ring = ring.clone();
            thread::spawn(move || {
                let (mut op, _) = op(&ring, CHANGES);
                assert!(poll_once(&mut op).is_pending());
            })
        };
        let (mut op, _) = op(&ring, CHANGES);
        assert!(poll_once(&mut op).is_pending());
        other.join().unwrap();
        assert_eq!(ring.is_stalled(), kernel.has_submissions());
        assert!(kernel.unparks() == 1 || !ring.is_stalled());
        assert!(ring.retry().is_none());
        assert_eq!(kernel.unfinished(), 2);
        assert!(!ring.is_stalled() && !kernel.has_submissions());
        kernel.work_off();
    });
}

/// A flush with nothing to submit, or of a ring that is over, does not concern the driver.
#[test]
fn nothing_to_submit_wakes_no_driver() {
    loom::model(|| {
        let (kernel, ring) = ring();
        ring.flush();
        let (mut op, _) = op(&ring, READS);
        assert!(poll_once(&mut op).is_pending());
        ring.flush();
        assert_eq!((kernel.asked(), kernel.unparks()), (1, 0));
        ring.shut_down();
        let before = kernel.asked();
        ring.flush();
        assert_eq!((kernel.asked(), kernel.unparks()), (before, 0));
    });
}

/// A stalled ring that breaks is no longer stalled, and does not ask the kernel any more; its waiters get the error.
#[test]
fn a_ring_that_breaks_asks_no_more() {
    loom::model(|| {
        let (kernel, ring) = ring();
        kernel.refuse(1);
        let woken = Arc::new(Count::default());
        let waker = Waker::from(woken.clone());
        let ([mut first, mut second], _) = two_ops(&ring);
        assert!(poll_with(&mut first, &waker).is_pending());
        assert!(poll_with(&mut second, &waker).is_pending());
        kernel.forbid();
        assert!(ring.retry().is_none());
        assert!(!ring.is_stalled());
        assert_eq!((kernel.asked(), kernel.unparks(), woken.get()), (2, 1, 2));
        assert!(is_error(poll_once(&mut first), libc::EPERM));
        drop(second);
        ring.flush();
        assert!(ring.retry().is_none());
        assert!(!ring.is_stalled());
        assert_eq!((kernel.asked(), kernel.unparks(), woken.get()), (2, 1, 2));
    });
}

/// It may break while completions are taken in.
#[test]
fn a_surplus_that_never_comes_breaks_the_ring() {
    loom::model(|| {
        let (kernel, ring) = ring();
        let (mut ops, woken) = done_ops(&kernel, &ring, 3);
        kernel.forbid();
        assert!(ring.drain().is_none());
        assert_eq!((woken.get(), kernel.unparks()), (3, 0));
        assert!(!ring.is_stalled());
        for op in &mut ops {
            assert!(is_error(poll_once(op), libc::EPERM));
        }
    });
}

/// An operation that fails because the ring broke frees its memory then, if the kernel is done with it.
#[test]
fn memory_that_the_kernel_has_done_with_goes_with_the_error() {
    loom::model(|| {
        let (kernel, ring) = ring();
        kernel.work_at_once();
        let (mut first, witness) = op(&ring, CHANGES);
        assert!(poll_once(&mut first).is_pending());
        assert!(ring.drain().is_none());
        kernel.forbid();
        let (mut second, _) = op(&ring, CHANGES);
        assert!(poll_once(&mut second).is_pending());
        assert!(is_error(poll_once(&mut first), libc::EPERM));
        assert!(witness.is_freed());
        assert!(is_error(poll_once(&mut second), libc::EPERM));
    });
}

/// One thread is refused for now, another for good. In either order, a broken ring is not stalled: the driver would try
/// again for ever.
#[test]
fn a_broken_ring_does_not_stall() {
    loom::model(|| {
        let (kernel, ring) = ring();
        let (_ops, _) = done_ops(&kernel, &ring, 2);
        kernel.answer([Answer::Refuses(libc::EAGAIN), Answer::Refuses(libc::EPERM)]);
        let other = {
            let ring = ring.clone();
            thread::spawn(move || {
                let (mut op, _) = op(&ring, CHANGES);
                assert!(poll_once(&mut op).is_pending());
                op
            })
        };
        assert!(ring.drain().is_none());
        let mut op = other.join().unwrap();
        let is_broken = poll_once(&mut op).is_ready();
        assert!(!(is_broken && ring.is_stalled()));
        kernel.work_off();
    });
}

/// A waker panics in a drain that the kernel then refuses to continue: the driver still gets the panic.
#[test]
fn panics_are_told_by_a_drain_that_is_refused() {
    for code in [libc::EAGAIN, libc::EPERM] {
        loom::model(move || {
            let (kernel, ring) = ring();
            let (mut ops, _) = done_ops(&kernel, &ring, 2);
            let bad = Waker::from(Arc::new(Panics));
            assert!(poll_with(&mut ops[0], &bad).is_pending());
            kernel.answer([Answer::Refuses(code)]);
            let panic = ring.drain().expect("no panic is told");
            assert!(panic.is::<PanicsToo>());
            contain::discard(panic);
        });
    }
}

/// Two threads and the driver, on a kernel that is interrupted once and refuses while completions have no room: both
/// operations end.
#[test]
fn a_strict_kernel_serves_two_threads() {
    loom::model(|| {
        let (kernel, ring) = ring();
        kernel.work_at_once();
        kernel.be_strict();
        kernel.answer([Answer::Refuses(libc::EINTR)]);
        let driver = super::loom::driver(&kernel, &ring);
        let other = {
            let (op, _) = op(&ring, READS);
            thread::spawn(move || assert!(is_done(block_on(op))))
        };
        let (op, _) = op(&ring, READS);
        assert!(is_done(block_on(op)));
        other.join().unwrap();
        kernel.stop();
        driver.join().unwrap();
        assert!(!ring.is_stalled());
    });
}
