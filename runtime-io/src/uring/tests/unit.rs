//! A ring without a reactor: the test is the driver. Operations that wait, wait for a pipe.

use crate::fs::Handle;
use crate::uring::kernel::{self, Kernel};
use crate::uring::ring::Ring;
use crate::uring::slots::{Key, OnAbandon, OnComplete, OnLook, Slots};
use crate::uring::{Done, Op, Paths, Request, StatBuf, c_path};
use runtime_core::base::contain;
use runtime_core::base::waker_slot::WakerSlot;
use runtime_core::driver::Unpark;
use std::future::Future;
use std::io::{PipeReader, PipeWriter, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
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

    /// Delivers what the kernel has completed; true if a waker panicked. The payload is contained, as its destructor
    /// may panic too.
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

/// Is the reading end of the pipe of `to` still open?
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

/// The file that the operation held is closed: so the kernel has given the operation up.
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

/// A payload whose destructor panics.
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

/// An operation that is given up twice stays the kernel's; a key of no operation changes nothing.
#[test]
fn an_operation_is_given_up_once() {
    let mut slots = Slots::default();
    let is_nothing = |answer: &OnAbandon| {
        matches!(
            answer,
            OnAbandon::InFlight {
                may_cancel: false,
                ..
            }
        )
    };
    assert!(is_nothing(&slots.abandon(Key::NOBODY)));
    let key = slots.insert(request(), WakerSlot::holding(Waker::noop()));
    let first = slots.abandon(key);
    assert!(matches!(
        first,
        OnAbandon::InFlight {
            may_cancel: true,
            ..
        }
    ));
    assert!(is_nothing(&slots.abandon(key)));
    assert!(matches!(
        slots.complete(key, -1),
        OnComplete::Dispose(_, -1)
    ));
}

/// However an operation ends, its place is free for the next.
#[test]
fn places_are_used_again() {
    let mut slots = Slots::default();
    let mut memory = 0;
    for round in 0..5_000 {
        let new = |slots: &mut Slots| slots.insert(request(), WakerSlot::holding(Waker::noop()));
        let keys = [new(&mut slots), new(&mut slots), new(&mut slots)];
        let _ = slots.abandon(keys[0]);
        let _ = slots.complete(keys[0], -1);
        let _ = slots.complete(keys[1], -1);
        let _ = slots.abandon(keys[1]);
        let _ = slots.complete(keys[2], -1);
        let _ = slots.look(keys[2]);
        if round == 0 {
            memory = slots.memory();
        }
    }
    assert_eq!((slots.memory(), slots.in_flight()), (memory, 0));
}

#[test]
fn what_changes_files_is_not_cancelled() {
    let file = Arc::new(Handle::opened(std::fs::File::open("/dev/null").unwrap()));
    let paths = Paths {
        from: c"/a".to_owned(),
        to: c"/b".to_owned(),
    };
    let write = Request::Write {
        file,
        data: Arc::from(&b"x"[..]),
        from: 0,
    };
    assert!(!Request::Rename(paths).may_cancel() && !write.may_cancel());
    assert!(request().may_cancel());
}

#[test]
fn a_ring_knows_what_its_kernel_can() {
    let Some(bench) = Bench::new() else { return };
    let opcodes = Kernel::new().unwrap().opcodes();
    // The first is to do nothing, which each kernel can.
    let known = opcodes.trailing_ones() as u8;
    assert!(known > Request::READ && known < 64);
    for opcode in 0..64 {
        assert_eq!(bench.ring.can(opcode), (opcodes >> opcode) & 1 == 1);
    }
    assert!((64..=u8::MAX).all(|opcode| !bench.ring.can(opcode)));
}

#[test]
fn a_wait_tells_whether_something_has_completed() {
    let Ok(kernel) = Kernel::new() else { return };
    assert!(!kernel.wait(Duration::from_millis(1)));
    // A cancellation of nothing completes at once.
    // SAFETY: the test has the queue to itself, and a cancellation points nowhere.
    assert!(unsafe { kernel.push(&kernel::cancel(Key::NOBODY)) });
    assert_eq!(kernel.submit().unwrap(), 1);
    assert!(kernel.wait(Duration::from_secs(60)));
    // SAFETY: the test has the queues to itself.
    let has_more = unsafe { kernel.completions(|key, _| assert_eq!(key, Key::NOBODY)) };
    assert!(!has_more && !kernel.wait(Duration::ZERO));
}

#[test]
fn a_rest_takes_its_time() {
    let Ok(kernel) = Kernel::new() else { return };
    let (start, time) = (Instant::now(), Duration::from_millis(20));
    kernel.rest(time);
    assert!(start.elapsed() >= time);
}

/// The kernel's threads for one thread's files, and for its sockets and pipes: of the first at most as many as a pool has,
/// of the second the kernel's default.
#[test]
fn the_kernel_makes_as_many_threads_as_a_pool_has() {
    const REGISTER_IOWQ_MAX_WORKERS: libc::c_uint = 19;

    fn limits(ring: RawFd) -> Option<[u32; 2]> {
        // Zeros change nothing, and are replaced by the limits.
        let mut limits = [0u32; 2];
        // SAFETY: the call reads and writes two numbers.
        let answer = unsafe {
            libc::syscall(
                libc::SYS_io_uring_register,
                ring,
                REGISTER_IOWQ_MAX_WORKERS,
                limits.as_mut_ptr(),
                2,
            )
        };
        (answer == 0).then_some(limits)
    }

    // The limits are those of a thread.
    let bare = std::thread::spawn(|| limits(io_uring::IoUring::new(2).ok()?.as_raw_fd()));
    let ours = std::thread::spawn(|| limits(Kernel::new().ok()?.as_raw_fd()));
    if let (Some(bare), Some(ours)) = (bare.join().unwrap(), ours.join().unwrap()) {
        assert_eq!(ours, [512, bare[1]]);
    }
}

/// Each poll notes what it waits for, the first as well as later ones.
#[test]
fn a_poll_notes_its_wait() {
    use runtime_core::base::waits::{WaitKind, forget, mark, note};

    let Some(bench) = Bench::new() else { return };
    let (from, _to) = pipe();
    let mut op = bench.read(&from);
    let nothing = mark();
    note(WaitKind::Ring, 0);
    let expected = mark();
    for _ in 0..2 {
        forget(nothing);
        assert!(poll_once(&mut op).is_pending());
        assert_eq!(mark(), expected);
    }
    forget(nothing);
}

#[test]
fn a_question_gets_the_standard_librarys_answer() {
    use std::os::unix::fs::MetadataExt;

    let Some(bench) = Bench::new() else { return };
    for path in ["/dev/null", "/proc/self/exe", "/", "/dev/zero"] {
        let request = Request::Stat {
            path: c_path(path.as_ref()).unwrap(),
            file: None,
            answer: StatBuf::new(),
        };
        let mut op = Op::new(bench.ring.clone(), request);
        assert!(poll_once(&mut op).is_pending());
        let Ok(Done::Stat(answer)) = bench.finish(&mut op) else {
            panic!("no answer for {path}");
        };
        let expected = std::fs::metadata(path).unwrap();
        assert_eq!(answer.mode(), expected.mode(), "{path}");
        assert_eq!(answer.size(), expected.size(), "{path}");
        let major = ((expected.rdev() >> 8) & 0xfff) as u32;
        assert_eq!(answer.device_major(), major, "{path}");
    }
}

#[test]
#[should_panic = "polled after its end"]
fn an_operation_that_has_ended_is_not_polled_again() {
    let Some(bench) = Bench::new() else {
        panic!("polled after its end: not here");
    };
    let mut op = Op::new(bench.ring.clone(), request());
    assert!(poll_once(&mut op).is_pending());
    assert!(bench.finish(&mut op).is_ok());
    let _ = poll_once(&mut op);
}

/// An operation costs budget when it completes, as any other.
#[test]
fn an_operation_costs_budget() {
    use runtime_core::coop;

    let Some(bench) = Bench::new() else { return };
    let mut ops: Vec<Op> = (0..200)
        .map(|_| Op::new(bench.ring.clone(), request()))
        .collect();
    let woken = Arc::new(Count::default());
    let waker = Waker::from(woken.clone());
    for op in &mut ops {
        let polled = Pin::new(op).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
    }
    // Ordering: Relaxed; counted by this thread.
    assert_soon(&bench, || woken.0.load(Ordering::Relaxed) == ops.len());
    let count = ops.len();
    let over = coop::budget(|| {
        let ready = ops.iter_mut().map(|op| poll_once(op).is_ready());
        ready.filter(|is_ready| *is_ready).count()
    });
    assert!((1..count).contains(&over), "{over}");
}
