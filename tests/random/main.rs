//! Random operations of all kinds on several runtimes at once, which then end in random ways: nothing hangs, and
//! every task and message is dropped.
//!
//! A round is made from a seed, but the threads' timing differs each time. A failure names the seed, but may need some
//! hundred rounds to come again. `cargo test --release --test random -- --ignored` runs for
//! two minutes.

#[path = "../support/mod.rs"]
mod support;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as StdMutex, Weak};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use support::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use tokio::sync::{Mutex, Notify, RwLock, Semaphore, broadcast, mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet, LocalSet, block_in_place, spawn_blocking, yield_now};
use tokio::time::{sleep, timeout};

/// SplitMix64, shared by all tasks of a round.
#[derive(Clone)]
struct Random(Arc<AtomicU64>);

impl Random {
    fn below(&self, n: u64) -> u64 {
        // Ordering: Relaxed; numbers.
        let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn one_in(&self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn micros(&self, most: u64) -> Duration {
        Duration::from_micros(self.below(most))
    }
}

/// A token that each task and message holds; a round ends when no token is left.
type Token = Arc<()>;

struct World {
    token: Weak<()>,
    folder: PathBuf,
    random: Random,
    semaphore: Semaphore,
    notify: Notify,
    mutex: Mutex<u64>,
    lock: RwLock<u64>,
    sender: mpsc::Sender<Token>,
    receiver: Mutex<mpsc::Receiver<Token>>,
    news: broadcast::Sender<Token>,
    state: watch::Sender<u64>,
    tasks: StdMutex<Vec<AbortHandle>>,
    runtimes: StdMutex<Vec<Handle>>,
}

impl World {
    fn token(&self) -> Token {
        // The caller is a task that holds a token, so there is one.
        self.token.upgrade().unwrap_or_default()
    }

    fn any_runtime(&self) -> Option<Handle> {
        let runtimes = self.runtimes.lock().unwrap();
        let count = runtimes.len() as u64;
        (count > 0).then(|| runtimes[self.random.below(count) as usize].clone())
    }

    fn make_runtime(&self) -> Runtime {
        make_runtime(&self.random)
    }
}

fn make_runtime(random: &Random) -> Runtime {
    let mut builder = match random.one_in(3) {
        true => Builder::new_current_thread(),
        false => Builder::new_multi_thread(),
    };
    builder
        .enable_all()
        .worker_threads(1 + random.below(4) as usize)
        .max_blocking_threads(1 + random.below(4) as usize)
        .thread_keep_alive(Duration::from_millis(random.below(20)));
    builder.build().unwrap()
}

fn may_block_in_place() -> bool {
    Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread
}

/// Some operations, one after the other.
fn operate(world: Arc<World>, depth: u32) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let _token = world.token();
        for _ in 0..1 + world.random.below(6) {
            match world.random.below(6) {
                0 => synchronize(&world).await,
                1 => wait_and_give_up(&world).await,
                2 if depth > 0 => spawn_tasks(&world, depth - 1).await,
                3 => block(&world, depth).await,
                4 => use_io(&world).await,
                _ => misbehave(&world).await,
            }
        }
    })
}

async fn synchronize(world: &Arc<World>) {
    let random = &world.random;
    match random.below(10) {
        0 => {
            let permit = world.semaphore.acquire().await;
            yield_now().await;
            drop(permit);
        }
        1 => world.notify.notify_one(),
        2 => world.notify.notify_waiters(),
        3 => {
            let mut guard = world.mutex.lock().await;
            *guard += 1;
            if random.one_in(4) {
                yield_now().await;
            }
        }
        4 => {
            let _guard = world.lock.read().await;
            if random.one_in(4) {
                yield_now().await;
            }
        }
        5 => *world.lock.write().await += 1,
        6 => drop(world.news.send(world.token())),
        7 => world.state.send_modify(|n| *n += 1),
        8 => {
            let (sender, receiver) = oneshot::channel();
            let (random, token) = (random.clone(), world.token());
            thread::spawn(move || {
                thread::sleep(random.micros(300));
                if !random.one_in(5) {
                    let _ = sender.send(token);
                }
            });
            let _ = receiver.await;
        }
        _ => {
            for _ in 0..random.below(200) {
                tokio::task::consume_budget().await;
            }
        }
    }
}

async fn wait_and_give_up(world: &Arc<World>) {
    let random = &world.random;
    let limit = random.micros(2500);
    match random.below(9) {
        0 => {
            let many = world.semaphore.acquire_many(1 + random.below(3) as u32);
            drop(timeout(limit, many).await);
        }
        1 => drop(timeout(limit, world.notify.notified()).await),
        2 => drop(timeout(limit, world.sender.send(world.token())).await),
        3 => {
            if let Ok(mut receiver) = world.receiver.try_lock() {
                drop(timeout(limit, receiver.recv()).await);
            }
        }
        4 => drop(timeout(limit, world.news.subscribe().recv()).await),
        5 => drop(timeout(limit, world.state.subscribe().changed()).await),
        6 => {
            if let Ok(Ok(permit)) = timeout(limit, world.sender.reserve()).await {
                if random.one_in(2) {
                    permit.send(world.token());
                }
            }
        }
        7 => tokio::select! {
            () = sleep(limit) => {}
            () = world.notify.notified() => {}
            _ = world.semaphore.acquire() => {}
        },
        // Another runtime's timer.
        _ => {
            let other = world.any_runtime().map(|runtime| {
                let _enter = runtime.enter();
                Box::pin(sleep(limit))
            });
            if let Some(other) = other {
                drop(timeout(Duration::from_millis(5), other).await);
            }
        }
    }
}

async fn spawn_tasks(world: &Arc<World>, depth: u32) {
    let random = &world.random;
    let task = || operate(world.clone(), depth);
    match random.below(4) {
        0 => {
            let mut set = JoinSet::new();
            (0..random.below(5)).for_each(|_| drop(set.spawn(task())));
            match random.below(3) {
                0 => drop(set.join_next().await),
                1 => set.shutdown().await,
                _ => {}
            }
        }
        1 => {
            if let Some(runtime) = world.any_runtime() {
                let task = runtime.spawn(task());
                if random.one_in(2) {
                    drop(timeout(Duration::from_millis(5), task).await);
                }
            }
        }
        2 => {
            let aborted = world.tasks.lock().unwrap().pop();
            if let Some(task) = aborted {
                task.abort();
            }
        }
        _ => {
            let task = tokio::spawn(task());
            match random.below(4) {
                0 => drop(task),
                1 => {
                    task.abort();
                    let _ = task.await;
                }
                2 => world.tasks.lock().unwrap().push(task.abort_handle()),
                _ => drop(timeout(Duration::from_millis(20), task).await),
            }
        }
    }
}

async fn block(world: &Arc<World>, depth: u32) {
    let random = &world.random;
    let (inner, token, pause) = (world.clone(), world.token(), random.micros(500));
    match random.below(5) {
        0 => {
            let task = spawn_blocking(move || {
                thread::sleep(pause);
                drop(token);
            });
            match random.one_in(2) {
                true => drop(task.await),
                false => task.abort(),
            }
        }
        // In a local set this panics, which is fine.
        1 if may_block_in_place() => block_in_place(move || {
            Handle::current().block_on(async {
                drop(timeout(pause, inner.notify.notified()).await);
            });
        }),
        2 if depth > 0 => {
            let handle = Handle::current();
            drop(spawn_blocking(move || {
                let _token = token;
                let set = LocalSet::new();
                set.spawn_local(operate(inner.clone(), depth - 1));
                let future = set.run_until(operate(inner, depth - 1));
                handle.block_on(async { drop(timeout(pause * 5, future).await) });
            }));
        }
        // A runtime that mostly ends on one of its own threads.
        3 if depth > 0 => {
            let task = spawn_blocking(move || {
                let _token = token;
                let runtime = Arc::new(inner.make_runtime());
                let own = runtime.clone();
                let task = runtime.spawn(operate(inner.clone(), depth - 1));
                let ends_in_place = runtime.handle().runtime_flavor() == RuntimeFlavor::MultiThread
                    && inner.random.one_in(2);
                match ends_in_place {
                    true => drop(runtime.spawn(async { block_in_place(|| drop(own)) })),
                    false => drop(runtime.spawn_blocking(|| drop(own))),
                }
                if inner.random.one_in(2) {
                    let limit = Duration::from_millis(5);
                    drop(runtime.block_on(async { timeout(limit, task).await }));
                }
            });
            if random.one_in(2) {
                drop(timeout(Duration::from_millis(20), task).await);
            }
        }
        _ => {
            let handle = Handle::current();
            thread::spawn(move || {
                let _token = token;
                let wait = async { drop(timeout(pause, inner.notify.notified()).await) };
                // The runtime may be gone.
                let _ = catch_unwind(AssertUnwindSafe(|| handle.block_on(wait)));
            });
        }
    }
}

async fn use_io(world: &Arc<World>) {
    let random = &world.random;
    let (token, limit) = (world.token(), random.micros(3000));
    match random.below(4) {
        0 => {
            let Ok((mut writer, mut reader)) = tokio::net::UnixStream::pair() else {
                return;
            };
            let bytes = vec![7; 1 + random.below(100_000) as usize];
            let task = tokio::spawn(async move {
                let _token = token;
                let _ = writer.write_all(&bytes).await;
            });
            drop(timeout(limit, reader.read_to_end(&mut Vec::new())).await);
            if random.one_in(2) {
                task.abort();
            }
        }
        1 => {
            let Ok(listener) = tokio::net::TcpListener::bind("127.0.0.1:0").await else {
                return;
            };
            let Ok(to) = listener.local_addr() else {
                return;
            };
            let task = tokio::spawn(async move {
                let _token = token;
                if let Ok(mut stream) = tokio::net::TcpStream::connect(to).await {
                    let _ = stream.write_all(&[1; 5000]).await;
                }
            });
            if let Ok(Ok((mut stream, _))) = timeout(limit, listener.accept()).await {
                drop(timeout(limit, stream.read_to_end(&mut Vec::new())).await);
            }
            if random.one_in(2) {
                task.abort();
            }
        }
        2 => {
            let path = world.folder.join(random.below(20).to_string());
            let bytes = vec![1; random.below(50_000) as usize];
            drop(tokio::fs::write(&path, bytes).await);
            drop(timeout(limit, tokio::fs::read(&path)).await);
            if let Ok(mut file) = tokio::fs::File::open(&path).await {
                drop(timeout(limit / 5, file.read(&mut [0; 100])).await);
            }
        }
        _ => {
            let (near, mut far) = tokio::io::duplex(64);
            let (mut reader, mut writer) = tokio::io::split(near);
            let task = tokio::spawn(async move {
                let _token = token;
                let _ = writer.write_all(&[3; 3000]).await;
            });
            drop(timeout(limit, far.read_exact(&mut [0; 3000])).await);
            drop(far);
            let _ = task.await;
            let _ = reader.read(&mut [0]).await;
        }
    }
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("on purpose: a waker's");
    }
}

async fn misbehave(world: &Arc<World>) {
    let random = &world.random;
    match random.below(20) {
        0 => panic!("on purpose: a task's"),
        1..4 => {
            let mut notified = Box::pin(world.notify.notified());
            let mut sleeping = Box::pin(sleep(random.micros(500)));
            let mut yielding = Box::pin(yield_now());
            {
                let waker = Waker::from(Arc::new(Panics));
                let mut cx = Context::from_waker(&waker);
                let _ = notified.as_mut().poll(&mut cx);
                let _ = sleeping.as_mut().poll(&mut cx);
                let _ = yielding.as_mut().poll(&mut cx);
            }
            sleep(random.micros(1000)).await;
        }
        _ => sleep(random.micros(1000)).await,
    }
}

fn end(runtime: Runtime, random: &Random) {
    match random.below(4) {
        0 => runtime.shutdown_background(),
        1 => runtime.shutdown_timeout(Duration::from_millis(random.below(10))),
        _ => drop(runtime),
    }
}

fn run_runtime(runtime: Runtime, world: &Arc<World>) {
    let random = &world.random;
    let count = 20 + random.below(60);
    let tasks: Vec<_> = (0..count)
        .map(|_| runtime.spawn(operate(world.clone(), 3)))
        .collect();
    let main = AssertUnwindSafe(|| {
        runtime.block_on(async {
            if random.one_in(2) {
                let set = LocalSet::new();
                (0..10).for_each(|_| drop(set.spawn_local(operate(world.clone(), 2))));
                let future = set.run_until(operate(world.clone(), 2));
                drop(timeout(Duration::from_millis(random.below(30)), future).await);
            }
            if random.one_in(2) {
                return sleep(random.micros(5000)).await;
            }
            for task in tasks {
                let _ = task.await;
            }
        })
    });
    let _ = catch_unwind(main);
    end(runtime, random);
}

fn round(seed: u64, folder: PathBuf) {
    let random = Random(Arc::new(AtomicU64::new(seed)));
    let token = Token::default();
    let runtimes: Vec<_> = (0..1 + random.below(3))
        .map(|_| make_runtime(&random))
        .collect();
    let (sender, receiver) = mpsc::channel(4);
    let world = Arc::new(World {
        token: Arc::downgrade(&token),
        folder,
        random,
        semaphore: Semaphore::new(3),
        notify: Notify::new(),
        mutex: Mutex::new(0),
        lock: RwLock::new(0),
        sender,
        receiver: Mutex::new(receiver),
        news: broadcast::channel(4).0,
        state: watch::channel(0).0,
        tasks: StdMutex::default(),
        runtimes: StdMutex::new(runtimes.iter().map(|r| r.handle().clone()).collect()),
    });
    thread::scope(|scope| {
        for runtime in runtimes {
            let world = &world;
            scope.spawn(move || run_runtime(runtime, world));
        }
    });
    world.runtimes.lock().unwrap().clear();
    drop(world);
    // Runtimes that were shut down in the background still need some time.
    let start = Instant::now();
    while Arc::strong_count(&token) > 1 {
        let left = Arc::strong_count(&token) - 1;
        assert!(start.elapsed() < Duration::from_secs(10), "{left} are left");
        thread::sleep(Duration::from_millis(1));
    }
}

fn rounds(first: u64, time: Duration) {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let text = info.to_string();
        let expected = ["on purpose", "being shutdown", "can call blocking only"];
        if !expected.iter().any(|part| text.contains(part)) {
            hook(info);
        }
    }));
    let folder = tempfile::tempdir().unwrap();
    let start = Instant::now();
    for seed in first.. {
        let path = folder.path().to_owned();
        let outcome = catch_unwind(|| within(60, move || round(seed, path)));
        assert!(outcome.is_ok(), "failed at seed {seed}");
        if start.elapsed() > time {
            return;
        }
    }
}

#[test]
fn some_rounds() {
    rounds(1, Duration::from_secs(5));
}

#[test]
#[ignore = "takes two minutes"]
fn many_rounds() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    rounds(now.unwrap().as_nanos() as u64, Duration::from_secs(120));
}
