//! The events of locks and channels that a subscriber gets: word for word, in order, and in the right span.

use std::fmt::{Debug, Write};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use crate::support::in_own_process;
use selvedge::sync;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Writes down each event, with the name of its innermost span.
#[derive(Clone, Default)]
struct Log {
    names: Arc<Mutex<Vec<String>>>,
    entered: Arc<Mutex<Vec<u64>>>,
    lines: Arc<Mutex<Vec<String>>>,
    next: Arc<AtomicU64>,
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

struct TypeOf(String);

impl Visit for TypeOf {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if ["concrete_type", "source"].contains(&field.name()) {
            self.0 = format!("{value:?}").trim_matches('"').to_owned();
        }
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut name = TypeOf(span.metadata().name().to_owned());
        span.record(&mut name);
        self.names.lock().unwrap().push(name.0);
        // Ordering: Relaxed; a number.
        Id::from_u64(self.next.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let span = self.entered.lock().unwrap().last().copied();
        let span = span.map_or_else(String::new, |id| {
            self.names.lock().unwrap()[id as usize - 1].clone()
        });
        let mut fields = Fields(span);
        event.record(&mut fields);
        self.lines.lock().unwrap().push(fields.0);
    }

    fn enter(&self, id: &Id) {
        self.entered.lock().unwrap().push(id.into_u64());
    }

    fn exit(&self, _: &Id) {
        self.entered.lock().unwrap().pop();
    }
}

/// The events while `f` runs.
fn told(f: impl FnOnce()) -> Vec<String> {
    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), f);
    std::mem::take(&mut *log.lines.lock().unwrap())
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn ready<F: Future>(future: F) -> F::Output {
    match poll(pin!(future)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn a_semaphore_tells_of_permits_one_by_one() {
    let lines = told(|| {
        let semaphore = sync::Semaphore::new(1);
        let mut two = Box::pin(semaphore.acquire_many(2));
        assert!(poll(two.as_mut()).is_pending());
        semaphore.add_permits(1);
        drop(two);
        let mut more = Box::pin(semaphore.acquire_many(3));
        assert!(poll(more.as_mut()).is_pending());
        let mut none = Box::pin(semaphore.acquire());
        assert!(poll(none.as_mut()).is_pending());
        semaphore.close();
        assert!(matches!(poll(more.as_mut()), Poll::Ready(Err(_))));
    });
    let poll =
        |is_ready| format!("runtime.resource.async_op.poll op_name=\"poll\" is_ready={is_ready}");
    let wait = |n| format!("Acquire::new permits_obtained={n} permits.op=\"add\"");
    let own = |n, op| format!("Semaphore permits={n} permits.op=\"{op}\"");
    let expected = [
        own(1, "override"),
        // The first request gets one of its two permits, and the other permit later.
        own(1, "sub"),
        wait(1),
        poll(false),
        wait(1),
        own(1, "add"),
        // The second request gets two of three permits, the third none; then the second is refused.
        own(2, "sub"),
        wait(2),
        poll(false),
        poll(false),
        poll(true),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_lock_tells_who_has_it() {
    let lines = told(|| {
        let lock = Arc::new(sync::RwLock::with_max_readers(0, 3));
        drop(ready(lock.read()));
        drop(ready(lock.write()).downgrade());
        drop(ready(lock.clone().read_owned()));
        drop(ready(lock.clone().write_owned()).downgrade());
        let some = sync::RwLockWriteGuard::try_downgrade_map(ready(lock.write()), |v| Some(v));
        drop(some);
        let write = ready(lock.clone().write_owned());
        let some = sync::OwnedRwLockWriteGuard::try_downgrade_map(write, |v| Some(v));
        drop(some);
    });
    let reads = [
        "Semaphore permits=1 permits.op=\"sub\"",
        "Acquire::new permits_obtained=1 permits.op=\"add\"",
        "RwLock current_readers=1 current_readers.op=\"add\"",
        "runtime.resource.async_op.poll op_name=\"poll\" is_ready=true",
        "Semaphore permits=1 permits.op=\"add\"",
        "RwLock current_readers=1 current_readers.op=\"sub\"",
    ];
    let writes_and_is_downgraded = [
        "Semaphore permits=3 permits.op=\"sub\"",
        "Acquire::new permits_obtained=3 permits.op=\"add\"",
        "RwLock write_locked=true write_locked.op=\"override\"",
        "runtime.resource.async_op.poll op_name=\"poll\" is_ready=true",
        "Semaphore permits=2 permits.op=\"add\"",
        "RwLock write_locked=false write_locked.op=\"override\"",
        "RwLock current_readers=1 current_readers.op=\"add\"",
        "Semaphore permits=1 permits.op=\"add\"",
        "RwLock current_readers=1 current_readers.op=\"sub\"",
    ];
    let is_made = [
        "RwLock max_readers=3",
        "RwLock write_locked=false",
        "RwLock current_readers=0",
        "Semaphore permits=3 permits.op=\"override\"",
    ];
    let expected = [
        &is_made[..],
        &reads,
        &writes_and_is_downgraded,
        &reads,
        &writes_and_is_downgraded,
        &writes_and_is_downgraded,
        &writes_and_is_downgraded,
    ];
    assert_eq!(lines, expected.concat());
}

#[test]
fn a_mutex_tells_that_it_is_locked_and_unlocked() {
    let lines = told(|| {
        let lock = sync::Mutex::new(0);
        drop(lock.try_lock().unwrap());
    });
    let expected = [
        "Mutex locked=false",
        "Semaphore permits=1 permits.op=\"override\"",
        "Mutex locked=true",
        "Semaphore permits=1 permits.op=\"add\"",
        "Mutex locked=false",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_oneshot_tells_what_has_become_of_its_value() {
    let lines = told(|| {
        let (tx, mut rx) = sync::oneshot::channel();
        tx.send(1).unwrap();
        assert_eq!(rx.try_recv(), Ok(1));
        let (tx, rx) = sync::oneshot::channel();
        tx.send(1).unwrap();
        assert_eq!(ready(rx), Ok(1));
        let (tx, mut rx) = sync::oneshot::channel::<u8>();
        drop(tx);
        assert!(rx.try_recv().is_err());
        let (tx, rx) = sync::oneshot::channel::<u8>();
        drop(tx);
        assert!(ready(rx).is_err());
    });
    let flag = |name, is| format!("Sender|Receiver {name}={is} {name}.op=\"override\"");
    let is_made =
        ["tx_dropped", "rx_dropped", "value_sent", "value_received"].map(|n| flag(n, false));
    let polled = "runtime.resource.async_op.poll op_name=\"poll_recv\" is_ready=true".to_owned();
    let passes = [flag("value_sent", true), flag("value_received", true)];
    let ends = [flag("tx_dropped", true)];
    let expected = [
        &is_made[..],
        &passes,
        &is_made,
        &passes,
        std::slice::from_ref(&polled),
        &is_made,
        &ends,
        &is_made,
        &ends,
        std::slice::from_ref(&polled),
    ];
    assert_eq!(lines, expected.concat());
}

#[test]
fn a_barrier_tells_of_its_size_and_of_each_arrival() {
    let lines = told(|| {
        let barrier = sync::Barrier::new(1);
        ready(barrier.wait());
    });
    let expected = [
        "Barrier size=1",
        "Barrier arrived=0",
        "Barrier arrived=1 arrived.op=\"add\"",
        "runtime.resource.async_op.poll op_name=\"poll\" is_ready=true",
    ];
    assert_eq!(lines, expected);
}

/// Findings are reported on a thread of their own, so they go to the global subscriber.
#[test]
fn a_finding_is_an_event() {
    if !in_own_process!() {
        return;
    }
    let log = Log::default();
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    let (send, found) = std::sync::mpsc::channel();
    let send = std::sync::Mutex::new(send);
    let mut builder = selvedge::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all();
    builder.on_finding(move |_| send.lock().unwrap().send(()).unwrap());
    let runtime = builder.build().unwrap();
    runtime.spawn(std::future::pending::<()>());
    // The event comes before the hook's call.
    found.recv().unwrap();
    let lines = log.lines.lock().unwrap();
    let told = |line: &String| line.contains("lost task") && line.contains("nothing can wake it");
    assert!(lines.iter().any(told), "{lines:?}");
}
