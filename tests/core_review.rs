//! Ends in strange places: runtimes dropped where they work, hooks and wakers that panic, tasks that hold
//! their worker at shutdown.

mod support;

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use support::{OnDrop, both, current, multi, within};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::LocalSet;
use tokio::time::sleep;

fn still_works(runtime: &Runtime) {
    runtime.block_on(async {
        let task = tokio::spawn(async {
            sleep(Duration::from_millis(2)).await;
            tokio::task::spawn_blocking(|| 5).await.unwrap()
        });
        assert_eq!(task.await.unwrap(), 5);
    });
}

/// Runs on both kinds of runtime.
fn on_both(scenario: impl Fn(Runtime) + Send + Sync + Copy + 'static) {
    for runtime in both() {
        within(20, move || scenario(runtime));
    }
}

// ---- shutdown ----

/// The task waits, without yielding, for a timer of the runtime that is shut down.
#[test]
fn blocked_in_place_on_a_timer_at_shutdown() {
    within(20, || {
        let runtime = multi(2);
        let (began, begins) = mpsc::channel();
        runtime.spawn(async move {
            tokio::task::block_in_place(|| {
                began.send(()).unwrap();
                Handle::current().block_on(async { sleep(Duration::from_secs(3600)).await });
            });
        });
        begins.recv().unwrap();
        thread::sleep(Duration::from_millis(50));
        drop(runtime);
    });
}

/// The shutdown has begun when the task steps out of its worker: somebody has to go on as that worker all the same.
#[test]
fn blocking_in_place_after_the_shutdown_began() {
    within(20, || {
        let runtime = multi(1);
        let (began, begins) = mpsc::channel();
        let (go, goes) = mpsc::channel();
        runtime.spawn(async move {
            began.send(()).unwrap();
            goes.recv().unwrap();
            tokio::task::block_in_place(|| {
                Handle::current().block_on(async { sleep(Duration::from_secs(3600)).await });
            });
        });
        begins.recv().unwrap();
        let dropper = thread::spawn(move || drop(runtime));
        thread::sleep(Duration::from_millis(50));
        go.send(()).unwrap();
        dropper.join().unwrap();
    });
}

#[test]
fn blocked_in_place_on_a_socket_at_shutdown() {
    within(20, || {
        let runtime = multi(2);
        let (began, begins) = mpsc::channel();
        runtime.spawn(async move {
            tokio::task::block_in_place(|| {
                Handle::current().block_on(async {
                    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
                    began.send(()).unwrap();
                    assert!(socket.recv(&mut [0]).await.is_err());
                });
            });
        });
        begins.recv().unwrap();
        thread::sleep(Duration::from_millis(50));
        drop(runtime);
    });
}

fn cpu_time() -> Duration {
    // SAFETY: a plain struct that the call fills in.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, &mut usage), 0);
        usage
    };
    let of = |t: libc::timeval| {
        Duration::from_secs(t.tv_sec as u64) + Duration::from_micros(t.tv_usec as u64)
    };
    of(usage.ru_utime) + of(usage.ru_stime)
}

/// Shutdown does not burn a processor while it waits for a task that blocks.
#[test]
#[ignore = "measures the processor time of the whole process: alone only"]
fn waiting_for_a_task_blocked_in_place_is_idle() {
    within(20, || {
        let runtime = multi(2);
        let (began, begins) = mpsc::channel();
        runtime.spawn(async move {
            tokio::task::block_in_place(|| {
                began.send(()).unwrap();
                thread::sleep(Duration::from_secs(2));
            });
        });
        begins.recv().unwrap();
        let before = cpu_time();
        drop(runtime);
        let used = cpu_time() - before;
        assert!(used < Duration::from_millis(500), "{used:?}");
    });
}

/// The last reference to a runtime goes on one of its own threads that may block.
#[test]
fn dropped_by_its_own_blocking_thread() {
    on_both(|runtime| {
        let runtime = Arc::new(runtime);
        let (done, is_done) = mpsc::channel();
        let own = runtime.clone();
        let gate = Arc::new(std::sync::Barrier::new(2));
        let gate2 = gate.clone();
        runtime.spawn_blocking(move || {
            gate2.wait();
            drop(own);
            done.send(()).unwrap();
        });
        drop(runtime);
        gate.wait();
        is_done.recv().unwrap();
    });
}

#[test]
fn dropped_in_block_in_place_of_its_own_task() {
    within(20, || {
        let runtime = Arc::new(multi(2));
        let (done, is_done) = mpsc::channel();
        let gate = Arc::new(std::sync::Barrier::new(2));
        let (own, gate2) = (runtime.clone(), gate.clone());
        runtime.spawn(async move {
            tokio::task::block_in_place(|| {
                gate2.wait();
                drop(own);
                done.send(()).unwrap();
            });
        });
        drop(runtime);
        gate.wait();
        is_done.recv().unwrap();
    });
}

thread_local! {
    static KEPT: RefCell<Option<Runtime>> = const { RefCell::new(None) };
}

/// A runtime that ends with its thread, after the thread-locals that it uses itself, with tasks in its queue.
#[test]
fn dropped_by_a_thread_local_with_tasks_in_its_queue() {
    for runtime in both() {
        within(20, move || {
            let dropped = Arc::new(AtomicUsize::new(0));
            let count = dropped.clone();
            thread::spawn(move || {
                KEPT.with(|kept| {
                    *kept.borrow_mut() = Some(runtime);
                    let kept = kept.borrow();
                    let runtime = kept.as_ref().unwrap();
                    runtime.block_on(async {});
                    for _ in 0..100 {
                        let count = count.clone();
                        let on_drop = OnDrop::new(move || {
                            // Ordering: Relaxed; counted before the thread is joined.
                            count.fetch_add(1, Ordering::Relaxed);
                        });
                        runtime.spawn(async move {
                            let _on_drop = on_drop;
                            pending::<()>().await;
                        });
                    }
                });
            })
            .join()
            .unwrap();
            // Ordering: Relaxed; the thread was joined.
            assert_eq!(dropped.load(Ordering::Relaxed), 100);
        });
    }
}

/// `shutdown_timeout` where blocking is not allowed.
#[test]
fn shutdown_timeout_inside_of_a_task() {
    within(20, || {
        let (outer, inner) = (current(), multi(1));
        let (began, begins) = mpsc::channel();
        let (end, ends) = mpsc::channel::<()>();
        inner.spawn_blocking(move || {
            began.send(()).unwrap();
            let _ = ends.recv();
        });
        begins.recv().unwrap();
        let result = catch_unwind(AssertUnwindSafe(|| {
            outer.block_on(async move { inner.shutdown_timeout(Duration::from_millis(50)) })
        }));
        drop(end);
        assert!(result.is_err());
    });
}

/// Tasks that spawn when they are dropped, each a task that spawns when it is dropped.
#[test]
fn spawning_from_drops_at_shutdown_ends() {
    struct Respawn(Handle, u32);
    impl Drop for Respawn {
        fn drop(&mut self) {
            if self.1 > 0 {
                let next = Respawn(self.0.clone(), self.1 - 1);
                let join = self.0.spawn(async move {
                    let _next = next;
                    pending::<()>().await;
                });
                drop(join);
                let next = Respawn(self.0.clone(), 0);
                drop(self.0.spawn_blocking(move || drop(next)));
            }
        }
    }
    on_both(|runtime| {
        for _ in 0..10 {
            let respawn = Respawn(runtime.handle().clone(), 20);
            runtime.spawn(async move {
                let _respawn = respawn;
                pending::<()>().await;
            });
        }
        runtime.block_on(tokio::task::yield_now());
        drop(runtime);
    });
}

/// Woken, aborted and dropped from a thread of their own while the runtime goes.
#[test]
fn wakes_and_aborts_from_elsewhere_during_shutdown() {
    for _ in 0..200 {
        on_both(|runtime| {
            let wakers: Arc<Mutex<Vec<Waker>>> = Arc::default();
            let mut handles = Vec::new();
            for _ in 0..20 {
                let wakers = wakers.clone();
                handles.push(runtime.spawn(poll_fn(move |cx| {
                    wakers.lock().unwrap().push(cx.waker().clone());
                    Poll::<()>::Pending
                })));
            }
            runtime.block_on(tokio::task::yield_now());
            let other = thread::spawn(move || {
                for round in 0..50 {
                    let taken = std::mem::take(&mut *wakers.lock().unwrap());
                    taken.iter().for_each(Waker::wake_by_ref);
                    if let Some(handle) = handles.get(round) {
                        handle.abort();
                    }
                    thread::yield_now();
                }
                handles
            });
            drop(runtime);
            for handle in other.join().unwrap() {
                assert!(handle.is_finished());
            }
        });
    }
}

// ---- panics of what is not a task ----

struct PanicWaker;

impl Wake for PanicWaker {
    fn wake(self: Arc<Self>) {
        panic!("a waker's");
    }
}

fn panic_waker() -> Waker {
    Waker::from(Arc::new(PanicWaker))
}

/// Polls a future with a waker that panics, then gives the waker's place back to nobody.
fn leave_panic_waker<F: Future>(future: Pin<&mut F>) {
    assert!(
        future
            .poll(&mut Context::from_waker(&panic_waker()))
            .is_pending()
    );
}

#[test]
fn a_timers_waker_panics() {
    on_both(|runtime| {
        let result = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async {
                let mut first = Box::pin(sleep(Duration::from_millis(20)));
                leave_panic_waker(first.as_mut());
                sleep(Duration::from_millis(60)).await;
            })
        }));
        assert!(result.is_ok());
        still_works(&runtime);
        still_works(&runtime);
    });
}

#[test]
fn a_sockets_waker_panics() {
    on_both(|runtime| {
        let result = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async {
                let a = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
                let b = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
                let mut buf = [0; 8];
                let to = a.local_addr().unwrap();
                {
                    let mut recv = Box::pin(a.recv(&mut buf));
                    leave_panic_waker(recv.as_mut());
                    b.send_to(b"x", to).await.unwrap();
                    sleep(Duration::from_millis(60)).await;
                }
            })
        }));
        assert!(result.is_ok());
        still_works(&runtime);
        runtime.block_on(async {
            let a = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
            a.send_to(b"y", a.local_addr().unwrap()).await.unwrap();
            assert_eq!(a.recv(&mut [0; 8]).await.unwrap(), 1);
        });
    });
}

/// A notification that is passed on by a destructor, while a panic unwinds, to a waker that panics: no abort.
#[test]
fn a_waker_panics_while_another_panic_unwinds() {
    within(20, || {
        let notify = tokio::sync::Notify::new();
        let mut bad = Box::pin(notify.notified());
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut good = Box::pin(notify.notified());
            let mut cx = Context::from_waker(Waker::noop());
            assert!(good.as_mut().poll(&mut cx).is_pending());
            leave_panic_waker(bad.as_mut());
            notify.notify_one();
            panic!("the first");
        }));
        assert_eq!(result.unwrap_err().downcast_ref(), Some(&"the first"));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(bad.as_mut().poll(&mut cx).is_ready());
    });
}

/// `yield_now` with a waker that panics, next to one that does not.
#[test]
fn a_deferred_waker_panics() {
    on_both(|runtime| {
        let task = runtime.spawn(async {
            let mut yields = Box::pin(tokio::task::yield_now());
            leave_panic_waker(yields.as_mut());
        });
        let neighbours: Vec<_> = (0..10)
            .map(|_| runtime.spawn(tokio::task::yield_now()))
            .collect();
        let result = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async {
                let _ = task.await;
                for neighbour in neighbours {
                    neighbour.await.unwrap();
                }
            })
        }));
        assert!(result.is_ok());
        still_works(&runtime);
    });
}

fn hooked(hook: impl Fn(&mut Builder), workers: usize) -> Runtime {
    let mut builder = match workers {
        0 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.enable_all();
    if workers > 0 {
        builder.worker_threads(workers);
    }
    hook(&mut builder);
    builder.build().unwrap()
}

/// Panics at its first calls, then does nothing.
fn panics_at_first(times: usize) -> impl Fn() + Send + Sync + 'static {
    let calls = AtomicUsize::new(0);
    move || {
        // Ordering: Relaxed; a count.
        if calls.fetch_add(1, Ordering::Relaxed) < times {
            panic!("a hook's");
        }
    }
}

#[test]
fn park_hooks_panic() {
    for workers in [0, 1, 2] {
        within(20, move || {
            let runtime = hooked(
                |builder| {
                    builder.on_thread_park(panics_at_first(2));
                    builder.on_thread_unpark(panics_at_first(2));
                },
                workers,
            );
            for _ in 0..5 {
                let result = catch_unwind(AssertUnwindSafe(|| {
                    runtime.block_on(async { sleep(Duration::from_millis(5)).await })
                }));
                assert!(workers == 0 || result.is_ok(), "a worker's panic came here");
            }
            still_works(&runtime);
            drop(runtime);
        });
    }
}

#[test]
fn thread_hooks_panic() {
    within(20, || {
        let runtime = hooked(
            |builder| {
                builder.on_thread_start(panics_at_first(1));
                builder.on_thread_stop(panics_at_first(1));
            },
            2,
        );
        still_works(&runtime);
        drop(runtime);
    });
}

#[test]
fn the_thread_name_function_panics() {
    within(20, || {
        let calls = AtomicUsize::new(0);
        let mut builder = Builder::new_current_thread();
        builder.enable_all().thread_name_fn(move || {
            // Ordering: Relaxed; a count.
            match calls.fetch_add(1, Ordering::Relaxed) {
                0 => panic!("the name's"),
                n => format!("named-{n}"),
            }
        });
        let runtime = builder.build().unwrap();
        let first = catch_unwind(AssertUnwindSafe(|| runtime.spawn_blocking(|| ())));
        assert!(first.is_err());
        still_works(&runtime);
        drop(runtime);
    });
}

/// std wants names without zero bytes.
#[test]
fn a_thread_name_that_cannot_be() {
    within(20, || {
        let mut builder = Builder::new_current_thread();
        let runtime = builder.enable_all().thread_name("a\0b").build().unwrap();
        let result = catch_unwind(AssertUnwindSafe(|| runtime.spawn_blocking(|| ())));
        assert!(result.is_err());
        runtime.block_on(async { sleep(Duration::from_millis(2)).await });
        drop(runtime);
        let mut builder = Builder::new_multi_thread();
        assert!(builder.enable_all().thread_name("a\0b").build().is_err());
    });
}

#[test]
fn poll_hooks_panic() {
    for workers in [0, 2] {
        within(20, move || {
            let runtime = hooked(
                |builder| {
                    let (before, after) = (panics_at_first(3), panics_at_first(3));
                    builder.on_before_task_poll(move |_| before());
                    builder.on_after_task_poll(move |_| after());
                    let ended = panics_at_first(3);
                    builder.on_task_terminate(move |_| ended());
                },
                workers,
            );
            for _ in 0..3 {
                still_works(&runtime);
            }
        });
    }
}

// ---- local sets ----

/// Two futures drive one set; the one that was polled last ends, or is dropped, and the other must still be woken.
#[test]
fn two_drivers_of_one_set() {
    for drops in [false, true] {
        within(20, move || {
            let runtime = current();
            let set = LocalSet::new();
            let (tell, told) = tokio::sync::oneshot::channel::<()>();
            let (go, goes) = mpsc::channel::<()>();
            let sender = thread::spawn(move || {
                goes.recv().unwrap();
                thread::sleep(Duration::from_millis(50));
                let _ = tell.send(());
            });
            let task = set.spawn_local(async move {
                told.await.unwrap();
                3
            });
            runtime.block_on(async {
                let first = async { set.run_until(task).await.unwrap() };
                let mut both: FuturesUnordered<Pin<Box<dyn Future<Output = i32>>>> =
                    FuturesUnordered::new();
                both.push(Box::pin(first));
                // Polls the first, which leaves its waker.
                assert!(futures_util::poll!(both.next()).is_pending());
                {
                    let mut second: FuturesUnordered<Pin<Box<dyn Future<Output = i32>>>> =
                        FuturesUnordered::new();
                    let mut polls = 0;
                    let set = &set;
                    second.push(Box::pin(async move {
                        set.run_until(poll_fn(move |cx| {
                            polls += 1;
                            if drops || polls < 2 {
                                cx.waker().wake_by_ref();
                                return Poll::Pending;
                            }
                            Poll::Ready(1)
                        }))
                        .await
                    }));
                    if drops {
                        assert!(futures_util::poll!(second.next()).is_pending());
                    } else {
                        assert_eq!(second.next().await, Some(1));
                    }
                }
                go.send(()).unwrap();
                assert_eq!(both.next().await, Some(3));
            });
            sender.join().unwrap();
        });
    }
}

/// A set's tasks spawn on it from their drops, when the set is dropped.
#[test]
fn spawn_local_from_a_drop_of_the_set() {
    within(20, || {
        struct Again(u32);
        impl Drop for Again {
            fn drop(&mut self) {
                if self.0 > 0 {
                    let next = Again(self.0 - 1);
                    tokio::task::spawn_local(async move {
                        let _next = next;
                        pending::<()>().await;
                    });
                }
            }
        }
        let runtime = current();
        let set = LocalSet::new();
        set.block_on(&runtime, async {
            let again = Again(5);
            tokio::task::spawn_local(async move {
                let _again = again;
                pending::<()>().await;
            });
            tokio::task::yield_now().await;
        });
        drop(set);
    });
}

/// A set that is kept by a task of its own.
#[test]
fn a_set_inside_of_a_set() {
    within(20, || {
        let runtime = current();
        let outer = LocalSet::new();
        let value = outer.block_on(&runtime, async {
            let inner = LocalSet::new();
            let task = inner.spawn_local(async {
                let innermost = LocalSet::new();
                innermost
                    .run_until(async { tokio::task::spawn_local(async { 7 }).await.unwrap() })
                    .await
            });
            tokio::task::spawn_local(inner);
            task.await.unwrap()
        });
        assert_eq!(value, 7);
    });
}

// ---- join sets ----

#[test]
fn a_join_set_dropped_by_its_own_task() {
    on_both(|runtime| {
        runtime.block_on(async {
            let slot: Arc<Mutex<Option<tokio::task::JoinSet<()>>>> = Arc::default();
            let own = slot.clone();
            let (done, is_done) = tokio::sync::oneshot::channel();
            let mut set = tokio::task::JoinSet::new();
            let gate = Arc::new(tokio::sync::Notify::new());
            let gate2 = gate.clone();
            set.spawn(async move {
                gate2.notified().await;
                let set = own.lock().unwrap().take();
                drop(set);
                done.send(()).unwrap();
                pending::<()>().await;
            });
            set.spawn(pending());
            *slot.lock().unwrap() = Some(set);
            gate.notify_one();
            is_done.await.unwrap();
        });
    });
}

/// A set of tasks of a runtime that is gone: each is told as cancelled.
#[test]
fn a_join_set_outlives_its_runtime() {
    on_both(|runtime| {
        let mut set = tokio::task::JoinSet::new();
        for _ in 0..10 {
            set.spawn_on(pending::<()>(), runtime.handle());
        }
        let handle = runtime.handle().clone();
        drop(runtime);
        set.spawn_on(pending::<()>(), &handle);
        set.spawn_blocking_on(|| (), &handle);
        let other = current();
        other.block_on(async {
            let mut count = 0;
            while let Some(result) = set.join_next().await {
                assert!(result.unwrap_err().is_cancelled());
                count += 1;
            }
            assert_eq!(count, 12);
        });
    });
}

// ---- threads that are not the runtime's ----

/// `Handle::block_on` from outside when the runtime goes.
#[test]
fn handle_block_on_elsewhere_at_shutdown() {
    on_both(|runtime| {
        let handle = runtime.handle().clone();
        let (began, begins) = mpsc::channel();
        let other = thread::spawn(move || {
            catch_unwind(AssertUnwindSafe(|| {
                handle.block_on(async {
                    let mut sleep = Box::pin(sleep(Duration::from_secs(3600)));
                    poll_fn(|cx| {
                        assert!(sleep.as_mut().poll(cx).is_pending());
                        Poll::Ready(())
                    })
                    .await;
                    began.send(()).unwrap();
                    sleep.await;
                })
            }))
            .is_err()
        });
        begins.recv().unwrap();
        drop(runtime);
        assert!(other.join().unwrap(), "not told of the shutdown");
    });
}

/// Many threads in `Runtime::block_on` of one current-thread runtime; the one that drives it leaves, by panic too.
#[test]
fn the_driving_thread_leaves() {
    within(20, || {
        let runtime = Arc::new(current());
        let start = Instant::now();
        let threads: Vec<_> = (0..8u64)
            .map(|i| {
                let runtime = runtime.clone();
                thread::spawn(move || {
                    let result = catch_unwind(AssertUnwindSafe(|| {
                        runtime.block_on(async {
                            sleep(Duration::from_millis(20 * i)).await;
                            tokio::spawn(sleep(Duration::from_millis(10)))
                                .await
                                .unwrap();
                            assert!(i % 2 == 0, "on purpose");
                        })
                    }));
                    assert_eq!(result.is_ok(), i % 2 == 0);
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(start.elapsed() < Duration::from_secs(15));
        still_works(&runtime);
    });
}
