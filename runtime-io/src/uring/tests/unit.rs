//! A ring without a reactor: the test is the driver. What waits, waits for a pipe.

use crate::fs::Handle;
use crate::uring::ring::Ring;
use crate::uring::slots::{Key, OnAbandon, OnComplete, OnLook, Slots};
use crate::uring::{Done, Op, Request};
use runtime_core::base::contain;
use runtime_core::base::waker_slot::WakerSlot;
use runtime_core::driver::Unpark;
use std::future::Future;
use std::io::{PipeReader, PipeWriter, Write};
use std::os::fd::OwnedFd;
use std::panic::panic_any;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

struct Bench {
    ring: Arc<Ring>,
    _driver: Arc<dyn Unpark>,
}

/// The test itself, which never parks.
struct Driver;

impl Unpark for Driver {
    fn unpark(&self) {}
}

impl Bench {
    /// None where the machine gives no rings.
    fn new() -> Option<Bench> {
        let driver: Arc<dyn Unpark> = Arc::new(Driver);
        let ring = Arc::new(Ring::new(Arc::downgrade(&driver)).ok()?);
        Some(Bench {
            ring,
            _driver: driver,
        })
    }

    fn read(&self, from: &PipeReader) -> Op {
        let file = OwnedFd::from(from.try_clone().unwrap());
        let file = Arc::new(Handle::opened(file.into()));
        let buf = Vec::with_capacity(16);
        let most = 16;
        Op::new(
            self.ring.clone(),
            Request::Read {
                file,
                buf,
                most,
                at: None,
            },
        )
    }

    /// Delivers what the kernel has completed. Tells whether a waker panicked; what it panicked with is contained,
    /// because its destructor may panic too.
    fn look(&self) -> bool {
        self.ring.drain().map(contain::discard).is_some()
    }

    /// Drives until the operation is through.
    fn finish(&self, op: &mut Op) -> std::io::Result<Done> {
        let start = Instant::now();
        loop {
            if let Poll::Ready(result) = poll_once(op) {
                return result;
            }
            assert!(start.elapsed() < Duration::from_secs(5), "never completes");
            self.look();
            std::thread::sleep(Duration::from_micros(100));
        }
    }
}

fn poll_once(op: &mut Op) -> Poll<std::io::Result<Done>> {
    Pin::new(op).poll(&mut Context::from_waker(Waker::noop()))
}

fn pipe() -> (PipeReader, PipeWriter) {
    std::io::pipe().unwrap()
}

/// How many descriptors lead to the pipe that `to` is the writing end of: none, if writing finds nobody.
fn has_readers(to: &mut PipeWriter) -> bool {
    to.write_all(b"?").is_ok()
}

fn assert_soon(bench: &Bench, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(5), "not in time");
        bench.look();
        std::thread::sleep(Duration::from_micros(100));
    }
}

#[test]
fn a_read_gets_what_is_written_later() {
    let Some(bench) = Bench::new() else { return };
    let (from, mut to) = pipe();
    let mut op = bench.read(&from);
    assert!(poll_once(&mut op).is_pending());
    to.write_all(b"later").unwrap();
    let Ok(Done::Read(buf, 5)) = bench.finish(&mut op) else {
        panic!("no five bytes");
    };
    assert_eq!(buf, b"later");
}

#[test]
fn an_operation_that_was_never_polled_never_happens() {
    let Some(bench) = Bench::new() else { return };
    let (from, mut to) = pipe();
    drop(bench.read(&from));
    drop(from);
    assert!(!has_readers(&mut to));
}

/// The file, which the operation held, is closed; so the kernel has given the operation up.
#[test]
fn a_read_that_is_dropped_is_cancelled() {
    let Some(bench) = Bench::new() else { return };
    for _ in 0..200 {
        let (from, mut to) = pipe();
        let mut op = bench.read(&from);
        assert!(poll_once(&mut op).is_pending());
        drop((op, from));
        let start = Instant::now();
        assert_soon(&bench, || !has_readers(&mut to));
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn more_reads_wait_than_the_queues_hold() {
    let Some(bench) = Bench::new() else { return };
    let (from, mut to) = pipe();
    let mut ops: Vec<_> = (0..1500).map(|_| bench.read(&from)).collect();
    for op in &mut ops {
        assert!(poll_once(op).is_pending());
    }
    drop(to.write_all(&[b'x'; 64]));
    drop(to);
    let read: usize = ops
        .iter_mut()
        .map(|op| match bench.finish(op) {
            Ok(Done::Read(_, n)) => n,
            other => panic!("{other:?}"),
        })
        .sum();
    assert_eq!(read, 64);
}

/// The kernel gives up what a thread has submitted when the thread ends, or not; the operation goes on.
#[test]
fn an_operation_outlives_the_thread_that_submitted_it() {
    let Some(bench) = Bench::new() else { return };
    let (from, mut to) = pipe();
    let mut op = bench.read(&from);
    let mut op = std::thread::spawn(move || {
        assert!(poll_once(&mut op).is_pending());
        op
    })
    .join()
    .unwrap();
    std::thread::sleep(Duration::from_millis(20));
    bench.look();
    assert!(poll_once(&mut op).is_pending());
    to.write_all(b"x").unwrap();
    assert!(matches!(bench.finish(&mut op), Ok(Done::Read(_, 1))));
}

#[test]
fn shutting_down_ends_what_waits() {
    let Some(bench) = Bench::new() else { return };
    let (from, mut to) = pipe();
    let woken = Arc::new(Count::default());
    let waker = Waker::from(woken.clone());
    let mut ops: Vec<_> = (0..600).map(|_| bench.read(&from)).collect();
    for op in &mut ops {
        assert!(
            Pin::new(op)
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
    }
    let mut late = bench.read(&from);
    drop(from);
    let start = Instant::now();
    bench.ring.shut_down();
    bench.ring.shut_down();
    assert!(start.elapsed() < Duration::from_secs(2));
    // Ordering: Relaxed; counted by this thread.
    assert_eq!(woken.0.load(Ordering::Relaxed), 600);
    for op in &mut ops {
        assert!(matches!(poll_once(op), Poll::Ready(Err(_))));
    }
    assert!(matches!(poll_once(&mut late), Poll::Ready(Err(_))));
    // Nothing holds the pipe any more.
    assert!(!has_readers(&mut to));
    assert!(bench.ring.fd().is_none());
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        // Ordering: Relaxed; a count.
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic_any(PanicsToo);
    }
}

/// A payload of the worst kind.
struct PanicsToo;

impl Drop for PanicsToo {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

#[test]
fn a_waker_that_panics_costs_nobody_the_wake_up() {
    let Some(bench) = Bench::new() else { return };
    let (from, to) = pipe();
    let woken = Arc::new(Count::default());
    let (bad, good) = (Waker::from(Arc::new(Panics)), Waker::from(woken.clone()));
    let mut ops: Vec<_> = (0..10).map(|_| bench.read(&from)).collect();
    for (i, op) in ops.iter_mut().enumerate() {
        let waker = if i % 2 == 0 { &bad } else { &good };
        assert!(
            Pin::new(op)
                .poll(&mut Context::from_waker(waker))
                .is_pending()
        );
    }
    drop(to);
    let start = Instant::now();
    let mut panicked = false;
    // Ordering: Relaxed; counted by this thread.
    while woken.0.load(Ordering::Relaxed) < 5 {
        assert!(start.elapsed() < Duration::from_secs(5), "not in time");
        panicked |= bench.look();
        std::thread::sleep(Duration::from_micros(100));
    }
    // The last of the ten may have been delivered a moment after the fifth good one.
    assert!(panicked | bench.look());
    for op in &mut ops {
        assert!(matches!(bench.finish(op), Ok(Done::Read(_, 0))));
    }
}

#[test]
fn the_last_waker_is_the_one_that_is_woken() {
    let Some(bench) = Bench::new() else { return };
    let (from, to) = pipe();
    let (old, new) = (Arc::new(Count::default()), Arc::new(Count::default()));
    let mut op = bench.read(&from);
    for count in [&old, &new] {
        let waker = Waker::from(count.clone());
        assert!(
            Pin::new(&mut op)
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
    }
    drop(to);
    // Ordering: Relaxed; counted by this thread.
    assert_soon(&bench, || new.0.load(Ordering::Relaxed) == 1);
    assert_eq!(old.0.load(Ordering::Relaxed), 0);
    assert_eq!(Arc::strong_count(&old), 1, "the old waker is kept");
}

fn request() -> Request {
    Request::Open {
        path: c"/".to_owned(),
        flags: 0,
        mode: 0,
    }
}

/// Every way through the states; a key of an operation that has ended finds nothing, though its slot is in use.
#[test]
fn slots_go_through_their_states() {
    let mut slots = Slots::default();
    let noop = &Waker::from(Arc::new(Count::default()));
    let first = slots.insert(request(), WakerSlot::holding(noop));
    assert_eq!(slots.in_flight(), 1);
    assert!(matches!(slots.look(first), OnLook::InFlight(slot) if !slot.is_empty()));
    assert!(matches!(slots.complete(first, -1), OnComplete::Wake(_)));
    assert_eq!(slots.in_flight(), 0);
    assert!(matches!(slots.complete(first, -1), OnComplete::Unknown));
    assert!(matches!(slots.look(first), OnLook::Completed(_, -1)));

    let second = slots.insert(request(), WakerSlot::holding(noop));
    assert_ne!(first, second);
    assert!(matches!(slots.complete(first, -1), OnComplete::Unknown));
    assert!(slots.request_mut(first).is_none());
    let may_cancel = true;
    let in_flight = slots.abandon(second);
    assert!(matches!(in_flight, OnAbandon::InFlight { may_cancel: c, .. } if c == may_cancel));
    assert_eq!(slots.in_flight(), 1);
    assert!(slots.request_mut(second).is_some());
    assert!(matches!(
        slots.complete(second, -1),
        OnComplete::Dispose(_, -1)
    ));
    assert_eq!(slots.in_flight(), 0);

    let third = slots.insert(request(), WakerSlot::holding(noop));
    assert!(matches!(slots.complete(third, -2), OnComplete::Wake(_)));
    assert!(matches!(slots.abandon(third), OnAbandon::Dispose(_, -2)));
    assert!(matches!(
        slots.complete(Key::NOBODY, 0),
        OnComplete::Unknown
    ));
}
