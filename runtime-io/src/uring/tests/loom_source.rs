//! What a ring does in the turns of a reactor, on the model of the kernel. One thread only.

use super::loom::{CHANGES, op, ring};
use super::loom_errors::{Panics, PanicsToo, done_ops};
use super::reactor;
use crate::reactor::{Source, Turn};
use crate::uring::kernel::Kernel;
use crate::uring::source::RingSource;
use crate::uring::{Op, Ring};
use runtime_core::base::contain;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

const MINUTE: Option<Duration> = Some(Duration::from_secs(60));

fn source(ring: &Arc<Ring>) -> RingSource {
    let source = RingSource::default();
    source.ring.set(Some(ring.clone())).unwrap();
    source
}

fn start(op: &mut Op, waker: &Waker) {
    let polled = Pin::new(op).poll(&mut Context::from_waker(waker));
    assert!(polled.is_pending());
}

/// A ring that is stalled shortens the driver's waits, until it is not.
#[test]
fn the_driver_waits_shortly_for_a_stalled_ring() {
    loom::model(|| {
        let (kernel, ring) = ring();
        let reactor = reactor().1;
        let turn = Turn {
            reactor: &reactor,
            is_users_thread: false,
        };
        let source = source(&ring);
        let (short, pause) = (Duration::from_millis(1), Duration::from_millis(5));
        for wait in [None, Some(short), MINUTE] {
            assert_eq!(source.before_wait(&turn, wait), wait);
        }
        assert_eq!(kernel.asked(), 0);
        kernel.refuse(4);
        start(&mut op(&ring, CHANGES).0, Waker::noop());
        for (wait, shortened) in [(None, pause), (Some(short), short), (MINUTE, pause)] {
            assert_eq!(source.before_wait(&turn, wait), Some(shortened));
        }
        assert_eq!(kernel.asked(), 4);
        assert_eq!(source.before_wait(&turn, MINUTE), MINUTE);
        assert!(!ring.is_stalled() && kernel.asked() == 5);
        assert_eq!(source.before_wait(&turn, None), None);
        assert_eq!(kernel.asked(), 5);
        kernel.work_off();
    });
}

/// Calls the source; true if it panicked with the waker's payload.
fn panics(call: impl FnOnce()) -> bool {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(()) => false,
        Err(payload) => {
            assert!(payload.is::<PanicsToo>());
            contain::discard(payload);
            true
        }
    }
}

fn done_op_that_panics(kernel: &Kernel, ring: &Arc<Ring>) -> Op {
    let mut op = done_ops(kernel, ring, 1).0.remove(0);
    start(&mut op, &Waker::from(Arc::new(Panics)));
    op
}

/// A waker's panic propagates if the driver's thread is a user's, from a delivery as from a retry of a stalled ring.
#[test]
fn a_wakers_panic_goes_on_in_a_users_thread() {
    for is_users_thread in [true, false] {
        loom::model(move || {
            let (kernel, ring) = ring();
            let reactor = reactor().1;
            let turn = Turn {
                reactor: &reactor,
                is_users_thread,
            };
            let source = source(&ring);
            let _op = done_op_that_panics(&kernel, &ring);
            assert_eq!(panics(|| source.deliver(&turn)), is_users_thread);
            // The panic is not reported twice.
            assert!(!panics(|| source.deliver(&turn)));

            let _op = done_op_that_panics(&kernel, &ring);
            kernel.refuse(1);
            start(&mut op(&ring, CHANGES).0, Waker::noop());
            let retry = || assert_eq!(source.before_wait(&turn, MINUTE), MINUTE);
            assert_eq!(panics(retry), is_users_thread);
            kernel.work_off();
        });
    }
}
