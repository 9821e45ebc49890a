//! Futures and closures of hundreds of kibibytes, by every way into the runtime, from a thread of 2 MiB. A debug build is
//! the hardest test, as each move is a copy on the stack.

use std::future::Future;
use std::hint::black_box;

use tokio::runtime::{Builder, LocalRuntime, Runtime};
use tokio::task::{JoinSet, LocalSet, spawn_blocking, spawn_local, yield_now};

fn on_a_stack_of(mebibytes: usize, f: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(mebibytes << 20);
    thread.spawn(f).unwrap().join().unwrap();
}

fn runtimes() -> [Runtime; 2] {
    let (mut current, mut multi) = (Builder::new_current_thread(), Builder::new_multi_thread());
    multi.worker_threads(1);
    [&mut current, &mut multi].map(|builder| builder.enable_all().build().unwrap())
}

/// A future of at least `N` bytes.
fn future<const N: usize>() -> impl Future<Output = usize> + Send + 'static {
    let mut bytes = [1_u8; N];
    black_box(&mut bytes);
    async move {
        yield_now().await;
        black_box(&bytes).len()
    }
}

/// A closure of at least `N` bytes.
fn closure<const N: usize>() -> impl FnOnce() -> usize + Send + 'static {
    let mut bytes = [1_u8; N];
    black_box(&mut bytes);
    move || black_box(&bytes).len()
}

fn blocks_on<const N: usize>() {
    for runtime in runtimes() {
        assert_eq!(runtime.block_on(future::<N>()), N);
        assert_eq!(runtime.handle().block_on(future::<N>()), N);
    }
    assert_eq!(LocalRuntime::new().unwrap().block_on(future::<N>()), N);
    let [current, multi] = &runtimes();
    assert_eq!(LocalSet::new().block_on(current, future::<N>()), N);
    assert_eq!(LocalSet::new().block_on(multi, future::<N>()), N);
}

fn spawns<const N: usize>() {
    for runtime in runtimes() {
        let tasks = [
            runtime.spawn(future::<N>()),
            runtime.handle().spawn(future::<N>()),
        ];
        drop(runtime.spawn(future::<N>()));
        runtime.block_on(async {
            for task in tasks {
                assert_eq!(task.await.unwrap(), N);
            }
            assert_eq!(tokio::spawn(future::<N>()).await.unwrap(), N);
        });
    }
    // A task that is never polled.
    let [current, _] = runtimes();
    drop(current.spawn(future::<N>()));
}

fn spawns_locally<const N: usize>() {
    let [current, _] = &runtimes();
    let set = LocalSet::new();
    let task = set.spawn_local(future::<N>());
    set.block_on(current, async {
        assert_eq!(task.await.unwrap(), N);
        assert_eq!(spawn_local(future::<N>()).await.unwrap(), N);
    });
    set.spawn_local(future::<N>());
    current.block_on(set);
    drop(LocalSet::new().spawn_local(future::<N>()));
    let local = LocalRuntime::new().unwrap();
    let task = local.spawn_local(future::<N>());
    local.block_on(async {
        assert_eq!(task.await.unwrap(), N);
        assert_eq!(spawn_local(future::<N>()).await.unwrap(), N);
    });
}

fn spawns_into_a_set<const N: usize>() {
    let [current, _] = &runtimes();
    let local = LocalSet::new();
    let mut set = JoinSet::new();
    set.spawn_on(future::<N>(), current.handle());
    set.spawn_local_on(future::<N>(), &local);
    set.spawn_blocking_on(closure::<N>(), current.handle());
    local.block_on(current, async move {
        set.spawn(future::<N>());
        set.spawn_local(future::<N>());
        set.spawn_blocking(closure::<N>());
        assert_eq!(set.join_all().await, [N; 6]);
    });
}

fn blocks<const N: usize>() {
    for runtime in runtimes() {
        let tasks = [
            runtime.spawn_blocking(closure::<N>()),
            runtime.handle().spawn_blocking(closure::<N>()),
        ];
        runtime.block_on(async {
            for task in tasks {
                assert_eq!(task.await.unwrap(), N);
            }
            assert_eq!(spawn_blocking(closure::<N>()).await.unwrap(), N);
        });
    }
}

fn runs_until<const N: usize>() {
    let [current, _] = &runtimes();
    let set = LocalSet::new();
    assert_eq!(current.block_on(set.run_until(future::<N>())), N);
}

#[test]
fn futures_of_100_kibibytes() {
    on_a_stack_of(2, blocks_on::<{ 100 << 10 }>);
    on_a_stack_of(2, spawns::<{ 100 << 10 }>);
    on_a_stack_of(2, spawns_locally::<{ 100 << 10 }>);
    on_a_stack_of(2, spawns_into_a_set::<{ 100 << 10 }>);
    on_a_stack_of(2, blocks::<{ 100 << 10 }>);
    on_a_stack_of(2, runs_until::<{ 100 << 10 }>);
}

#[test]
fn futures_of_200_kibibytes() {
    on_a_stack_of(2, blocks_on::<{ 200 << 10 }>);
    on_a_stack_of(2, spawns::<{ 200 << 10 }>);
    on_a_stack_of(2, spawns_locally::<{ 200 << 10 }>);
    on_a_stack_of(2, blocks::<{ 200 << 10 }>);
    on_a_stack_of(2, runs_until::<{ 200 << 10 }>);
}

#[test]
fn futures_of_800_kibibytes_from_a_thread_of_8_mebibytes() {
    on_a_stack_of(8, blocks_on::<{ 800 << 10 }>);
    on_a_stack_of(8, spawns::<{ 800 << 10 }>);
    on_a_stack_of(8, spawns_locally::<{ 800 << 10 }>);
    on_a_stack_of(8, blocks::<{ 800 << 10 }>);
    on_a_stack_of(8, runs_until::<{ 800 << 10 }>);
}

/// One way at a time, so that the test's own stack frame holds one future.
#[test]
fn a_single_future_of_800_kibibytes_from_a_thread_of_2_mebibytes() {
    const N: usize = 800 << 10;
    on_a_stack_of(2, || {
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(future::<N>());
    });
    on_a_stack_of(2, || {
        let runtime = Builder::new_multi_thread().build().unwrap();
        runtime.block_on(future::<N>());
    });
    on_a_stack_of(2, || {
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.handle().block_on(future::<N>());
    });
    on_a_stack_of(2, || {
        let runtime = Builder::new_multi_thread().build().unwrap();
        let task = runtime.spawn(future::<N>());
        runtime.block_on(task).unwrap();
    });
    on_a_stack_of(2, || {
        let runtime = Builder::new_current_thread().build().unwrap();
        LocalSet::new().block_on(&runtime, future::<N>());
    });
    on_a_stack_of(2, || {
        let set = LocalSet::new();
        set.spawn_local(future::<N>());
    });
    on_a_stack_of(2, || {
        LocalRuntime::new().unwrap().block_on(future::<N>());
    });
}
