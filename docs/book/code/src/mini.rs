//! A runtime that works: executor, wakers, timers, reactor.
//!
//! One thread runs all tasks, in `block_on`. Wakers may be used on any thread.

use mio::event::Source;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Registry, Token};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::io::{self, Read, Write};
use std::mem::{replace, take};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// What wakers, timers and sockets share with the runtime.
struct Shared {
    state: Mutex<State>,
    registry: Registry,
    bell: mio::Waker,
    next_id: AtomicUsize,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Arc<Task>>,
    main_woken: bool,
    /// Is the runtime's thread in `epoll_wait`, or about to be?
    asleep: bool,
    timers: BTreeMap<(Instant, usize), Waker>,
    /// The wakers of tasks that wait for a side of a socket.
    waiting: HashMap<(Token, Side), Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Side {
    Read,
    Write,
}

impl Shared {
    /// Gives access to the state under its lock. The caller drops the result after the lock is released.
    fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.state.lock().unwrap())
    }

    /// Adds work, and rings the bell if the runtime's thread sleeps.
    fn add(&self, add: impl FnOnce(&mut State)) {
        let asleep = self.with(|state| {
            add(state);
            take(&mut state.asleep)
        });
        if asleep {
            self.bell.wake().expect("the bell is an eventfd");
        }
    }

    fn id(&self) -> usize {
        // Ordering: Relaxed; a counter.
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }
}

type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A future that is polled to its end.
struct Task {
    future: Mutex<Option<BoxFuture>>,
    /// Is the task in the queue?
    queued: AtomicBool,
    shared: Arc<Shared>,
}

impl Task {
    fn run(self: Arc<Self>) {
        // The flag is cleared before the poll, so that a wake during the poll queues the task again.
        // Ordering: Acquire; pairs with the Release in `wake`: the poll sees what every waker wrote.
        self.queued.swap(false, Ordering::AcqRel);
        let waker = Waker::from(self.clone());
        let mut future = self.future.lock().unwrap();
        if let Some(running) = future.as_mut() {
            let poll = running.as_mut().poll(&mut Context::from_waker(&waker));
            if poll.is_ready() {
                *future = None;
            }
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        // Ordering: Release; pairs with the Acquire in `run`, also if the task is queued already.
        if !self.queued.swap(true, Ordering::AcqRel) {
            let shared = self.shared.clone();
            shared.add(|state| state.queue.push_back(self));
        }
    }
}

/// Wakes the future that `block_on` was given.
struct Main(Arc<Shared>);

impl Wake for Main {
    fn wake(self: Arc<Self>) {
        self.0.add(|state| state.main_woken = true);
    }
}

/// Runs tasks on the thread that calls `block_on`.
pub struct Runtime {
    handle: Handle,
    os: mio::Poll,
    events: Events,
}

impl Runtime {
    pub fn new() -> io::Result<Runtime> {
        let os = mio::Poll::new()?;
        let shared = Shared {
            state: Mutex::default(),
            registry: os.registry().try_clone()?,
            bell: mio::Waker::new(os.registry(), Token(0))?,
            next_id: AtomicUsize::new(1),
        };
        let (handle, events) = (Handle(Arc::new(shared)), Events::with_capacity(256));
        Ok(Runtime { handle, os, events })
    }

    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    pub fn block_on<F: Future>(&mut self, main: F) -> F::Output {
        let shared = self.handle.0.clone();
        let mut main = pin!(main);
        let waker = Waker::from(Arc::new(Main(shared.clone())));
        shared.with(|state| state.main_woken = true);
        loop {
            if shared.with(|state| take(&mut state.main_woken)) {
                let poll = main.as_mut().poll(&mut Context::from_waker(&waker));
                if let Poll::Ready(output) = poll {
                    return output;
                }
            }
            // One batch: tasks that these tasks wake wait until timers and sockets have had their turn.
            let batch = shared.with(|state| take(&mut state.queue));
            batch.into_iter().for_each(Task::run);
            self.turn(&shared);
        }
    }

    /// Waits for the next event or timer, unless there is work. Wakes the tasks that waited for it.
    fn turn(&mut self, shared: &Shared) {
        let timeout = shared.with(|state| {
            // `add` takes the same lock: either this code sees the work, or `add` sees `asleep`.
            state.asleep = state.queue.is_empty() && !state.main_woken;
            let next = state.timers.keys().next();
            let left = next.map(|(at, _)| at.saturating_duration_since(Instant::now()));
            if state.asleep {
                left
            } else {
                Some(Duration::ZERO)
            }
        });
        let result = self.os.poll(&mut self.events, timeout);
        let is_error = result.is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        assert!(!is_error, "epoll_wait failed");
        let mut due = Vec::new();
        shared.with(|state| {
            state.asleep = false;
            for event in &self.events {
                if event.is_readable() {
                    due.extend(state.waiting.remove(&(event.token(), Side::Read)));
                }
                if event.is_writable() {
                    due.extend(state.waiting.remove(&(event.token(), Side::Write)));
                }
            }
            let later = state.timers.split_off(&(Instant::now(), usize::MAX));
            due.extend(replace(&mut state.timers, later).into_values());
        });
        due.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Runtime {
    /// Tasks hold sockets and sleeps, which hold `Shared`, which holds the tasks' wakers. The drop breaks this cycle.
    fn drop(&mut self) {
        let state = self.handle.0.with(take);
        drop(state);
    }
}

/// The runtime as tasks use it: to spawn, to sleep and to listen.
#[derive(Clone)]
pub struct Handle(Arc<Shared>);

impl Handle {
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        let future: BoxFuture = Box::pin(future);
        let task = Task {
            future: Mutex::new(Some(future)),
            queued: AtomicBool::new(false),
            shared: self.0.clone(),
        };
        Arc::new(task).wake();
    }

    pub fn sleep(&self, duration: Duration) -> Sleep {
        let key = (Instant::now() + duration, self.0.id());
        let shared = self.0.clone();
        Sleep { key, shared }
    }

    /// Returns `None` if `future` takes longer than `duration`.
    pub async fn timeout<F: Future>(&self, duration: Duration, future: F) -> Option<F::Output> {
        let (mut future, mut sleep) = (pin!(future), self.sleep(duration));
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => Pin::new(&mut sleep).poll(cx).map(|()| None),
        })
        .await
    }

    pub fn listen(&self, address: SocketAddr) -> io::Result<Socket<TcpListener>> {
        Socket::new(self.0.clone(), TcpListener::bind(address)?)
    }
}

/// A future that ends at a given time.
pub struct Sleep {
    key: (Instant, usize),
    shared: Arc<Shared>,
}

impl Future for Sleep {
    type Output = ();
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.key.0 <= Instant::now() {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        let old = self
            .shared
            .with(|state| state.timers.insert(self.key, waker));
        drop(old);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let waker = self.shared.with(|state| state.timers.remove(&self.key));
        drop(waker);
    }
}

/// A socket that is registered with the reactor.
pub struct Socket<S: Source> {
    source: S,
    token: Token,
    shared: Arc<Shared>,
}

impl<S: Source> Socket<S> {
    fn new(shared: Arc<Shared>, mut source: S) -> io::Result<Self> {
        let token = Token(shared.id());
        let both = Interest::READABLE | Interest::WRITABLE;
        shared.registry.register(&mut source, token, both)?;
        Ok(Socket {
            source,
            token,
            shared,
        })
    }

    /// Tries the call. If it would block, leaves the waker and tries again, as the event may have come in between.
    async fn attempt<T>(
        &self,
        side: Side,
        mut call: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        let is_not_ready = move |result: &io::Result<T>| match result {
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
            Ok(_) => false,
        };
        poll_fn(move |cx| {
            let mut result = call(&self.source);
            if is_not_ready(&result) {
                let (key, waker) = ((self.token, side), cx.waker().clone());
                let old = self.shared.with(|state| state.waiting.insert(key, waker));
                drop(old);
                result = call(&self.source);
            }
            match is_not_ready(&result) {
                true => Poll::Pending,
                false => Poll::Ready(result),
            }
        })
        .await
    }
}

impl<S: Source> Drop for Socket<S> {
    fn drop(&mut self) {
        let _ = self.shared.registry.deregister(&mut self.source);
        let keys = [Side::Read, Side::Write].map(|side| (self.token, side));
        let wakers = self
            .shared
            .with(|state| keys.map(|key| state.waiting.remove(&key)));
        drop(wakers);
    }
}

impl Socket<TcpListener> {
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.source.local_addr()
    }

    pub async fn accept(&self) -> io::Result<Socket<TcpStream>> {
        let (stream, _) = self
            .attempt(Side::Read, |listener| listener.accept())
            .await?;
        Socket::new(self.shared.clone(), stream)
    }
}

impl Socket<TcpStream> {
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.attempt(Side::Read, |mut stream| stream.read(buffer))
            .await
    }

    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = self
                .attempt(Side::Write, |mut stream| stream.write(bytes))
                .await?;
            bytes = &bytes[written..];
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::Runtime;
    use std::future::{Future, poll_fn};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Poll;
    use std::thread;
    use std::time::{Duration, Instant};

    pub(crate) const SECOND: Duration = Duration::from_secs(1);

    /// Runs `f` on another thread; panics if it hangs.
    pub(crate) fn within<T: Send + 'static>(
        limit: Duration,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let (done, result) = std::sync::mpsc::channel();
        thread::spawn(move || done.send(f()));
        result
            .recv_timeout(limit)
            .expect("it hangs, or has panicked")
    }

    #[test]
    fn a_task_that_wakes_itself_is_polled_again() {
        within(10 * SECOND, || {
            let mut runtime = Runtime::new().unwrap();
            let polls = Arc::new(AtomicUsize::new(0));
            let count = polls.clone();
            let (done, is_done) = std::sync::mpsc::channel();
            runtime.handle().spawn(async move {
                poll_fn(|cx| match count.fetch_add(1, Ordering::Relaxed) {
                    0..5 => {
                        cx.waker().wake_by_ref();
                        Poll::Pending
                    }
                    _ => Poll::Ready(()),
                })
                .await;
                done.send(()).unwrap();
            });
            let handle = runtime.handle();
            runtime.block_on(async move {
                while is_done.try_recv().is_err() {
                    handle.sleep(Duration::from_millis(1)).await;
                }
            });
            assert_eq!(polls.load(Ordering::Relaxed), 6);
        });
    }

    #[test]
    fn a_wake_from_another_thread_ends_the_sleep() {
        within(10 * SECOND, || {
            let mut runtime = Runtime::new().unwrap();
            for _ in 0..200 {
                let (mut sent, shared) = (false, Arc::new(AtomicUsize::new(0)));
                runtime.block_on(poll_fn(|cx| {
                    if !std::mem::replace(&mut sent, true) {
                        let (waker, shared) = (cx.waker().clone(), shared.clone());
                        thread::spawn(move || {
                            shared.store(1, Ordering::Relaxed);
                            waker.wake();
                        });
                    }
                    match shared.load(Ordering::Relaxed) {
                        0 => Poll::Pending,
                        _ => Poll::Ready(()),
                    }
                }));
            }
        });
    }

    #[test]
    fn sleeps_end_in_order_and_not_early() {
        let mut runtime = Runtime::new().unwrap();
        let handle = runtime.handle();
        let start = Instant::now();
        let order = runtime.block_on(async move {
            let mut sleeps: Vec<_> = [30, 10, 20]
                .map(|ms| (ms, Box::pin(handle.sleep(Duration::from_millis(ms)))))
                .into();
            let mut order = Vec::new();
            poll_fn(|cx| {
                sleeps.retain_mut(|(ms, sleep)| match sleep.as_mut().poll(cx) {
                    Poll::Ready(()) => {
                        order.push((*ms, start.elapsed()));
                        false
                    }
                    Poll::Pending => true,
                });
                if sleeps.is_empty() {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
            order
        });
        assert!(
            order
                .iter()
                .all(|(ms, after)| *after >= Duration::from_millis(*ms))
        );
    }

    #[test]
    fn a_dropped_runtime_drops_its_tasks() {
        let witness = Arc::new(());
        let runtime = Runtime::new().unwrap();
        let (handle, held) = (runtime.handle(), witness.clone());
        handle.clone().spawn(async move {
            handle.sleep(SECOND).await;
            drop(held);
        });
        drop(runtime);
        assert_eq!(Arc::strong_count(&witness), 1);
    }
}
