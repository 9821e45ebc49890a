//! The parent's runtime, and what belongs to it, in a forked child.

#![allow(deprecated)] // AsyncFd::new

use super::{REPETITIONS, assert_refused, fork, in_fork, support, use_new_runtime, wait_for};
use crate::support::in_own_process;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixStream};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

/// Starts an echo over a connection that goes on all the time; returns the count of echoes.
fn with_load(runtime: &Runtime) -> Arc<AtomicUsize> {
    let echoes = Arc::new(AtomicUsize::new(0));
    let count = echoes.clone();
    runtime.spawn(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut far, _) = listener.accept().await.unwrap();
            let mut byte = [0];
            while far.read_exact(&mut byte).await.is_ok() {
                far.write_all(&byte).await.unwrap();
            }
        });
        let mut near = TcpStream::connect(address).await.unwrap();
        let mut byte = [0];
        loop {
            near.write_all(b"x").await.unwrap();
            near.read_exact(&mut byte).await.unwrap();
            count.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    });
    echoes
}

#[track_caller]
fn assert_goes_on(echoes: &AtomicUsize) {
    let (before, end) = (
        echoes.load(Ordering::Relaxed),
        Instant::now() + Duration::from_secs(20),
    );
    while echoes.load(Ordering::Relaxed) < before + 3 {
        assert!(Instant::now() < end, "the parent hangs");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_child_drops_the_runtime_and_the_parent_goes_on() {
    if !in_own_process!() {
        return;
    }
    let mut parent = Some(support::multi(2));
    let echoes = with_load(parent.as_ref().unwrap());
    for round in 0..REPETITIONS {
        in_fork(|| {
            let runtime = parent.take().unwrap();
            match round % 3 {
                0 => drop(runtime),
                1 => runtime.shutdown_timeout(Duration::from_secs(100)),
                _ => runtime.shutdown_background(),
            }
            use_new_runtime(support::current());
        });
        assert_goes_on(&echoes);
    }
}

#[test]
fn a_child_drops_a_current_thread_runtime_and_the_parent_goes_on() {
    if !in_own_process!() {
        return;
    }
    let mut parent = Some(support::current());
    let echoes = with_load(parent.as_ref().unwrap());
    for _ in 0..REPETITIONS {
        in_fork(|| drop(parent.take()));
        let runtime = parent.as_ref().unwrap();
        let before = echoes.load(Ordering::Relaxed);
        support_block_on(runtime, async {
            while echoes.load(Ordering::Relaxed) < before + 3 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    }
}

#[track_caller]
fn support_block_on<F: Future>(runtime: &Runtime, f: F) -> F::Output {
    runtime
        .block_on(async { tokio::time::timeout(Duration::from_secs(20), f).await })
        .expect("the parent hangs")
}

/// The child drops one of each kind of source that is registered with the parent's reactor. In the parent they still work.
#[test]
fn a_child_drops_what_belongs_to_the_runtime() {
    if !in_own_process!() {
        return;
    }
    let parent = support::current();
    let _guard = parent.enter();
    let (near, far) = UnixStream::pair().unwrap();
    let (raw_near, raw_far) = std::os::unix::net::UnixStream::pair().unwrap();
    raw_near.set_nonblocking(true).unwrap();
    let ready = AsyncFd::new(raw_near).unwrap();
    let udp = parent.block_on(async { UdpSocket::bind("127.0.0.1:0").await.unwrap() });
    let arrivals = signal(SignalKind::user_defined1()).unwrap();
    let process = tokio::process::Command::new("sleep")
        .arg("1000")
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let file = parent.block_on(async { tokio::fs::File::open("/proc/self/stat").await.unwrap() });
    // All are registered with the parent's reactor.
    let mut all = Some((near, ready, udp, arrivals, process, file));
    let mut far = far;
    for _ in 0..REPETITIONS {
        in_fork(|| drop(all.take()));
        let (near, ready, udp, arrivals, process, _) = all.as_mut().unwrap();
        support_block_on(&parent, async {
            let mut byte = [0];
            let (read, ()) = tokio::join!(near.read_exact(&mut byte), async {
                tokio::task::yield_now().await;
                far.write_all(b"x").await.unwrap();
            });
            read.unwrap();

            let (mut guard, ()) = tokio::join!(async { ready.readable().await.unwrap() }, async {
                tokio::task::yield_now().await;
                std::io::Write::write_all(&mut &raw_far, b"x").unwrap();
            });
            let read = guard.try_io(|fd| std::io::Read::read(&mut fd.get_ref(), &mut byte));
            read.unwrap().unwrap();

            let address = udp.local_addr().unwrap();
            let (received, ()) = tokio::join!(udp.recv(&mut byte), async {
                tokio::task::yield_now().await;
                udp.send_to(b"x", address).await.unwrap();
            });
            received.unwrap();

            // SAFETY: no memory is involved; the signal is handled.
            unsafe { libc::raise(libc::SIGUSR1) };
            arrivals.recv().await.unwrap();
        });
        assert!(process.try_wait().unwrap().is_none(), "the child killed it");
    }
    let (.., mut process, _) = all.take().unwrap();
    support_block_on(&parent, process.kill()).unwrap();
}

#[test]
fn using_the_runtime_in_the_child_panics_and_says_what_to_do() {
    if !in_own_process!() {
        return;
    }
    for parent in support::both() {
        let handle = parent.handle().clone();
        in_fork(|| {
            assert_refused(|| parent.block_on(async {}));
            assert_refused(|| handle.block_on(async {}));
            assert_refused(|| parent.spawn(async {}));
            assert_refused(|| parent.spawn_blocking(|| ()));
            assert_refused(|| handle.spawn_blocking(|| ()));
            assert_refused(|| drop(parent.enter()));
            use_new_runtime(support::multi(2));
        });
        use_new_runtime(parent);
    }
}

#[test]
fn a_socket_of_the_parents_runtime_fails_in_the_child_instead_of_waiting_for_ever() {
    if !in_own_process!() {
        return;
    }
    let parent = support::current();
    let (mut near, _far) = {
        let _guard = parent.enter();
        UnixStream::pair().unwrap()
    };
    let mut byte = [0];
    // Now the socket is registered, and known not to be ready.
    parent.block_on(async {
        let read = near.read(&mut byte);
        assert!(
            tokio::time::timeout(Duration::from_millis(5), read)
                .await
                .is_err()
        );
    });
    in_fork(|| {
        support::current().block_on(async {
            let error = near.read(&mut byte).await.unwrap_err();
            assert!(error.to_string().contains("fork"), "{error}");
        });
    });
}

/// A child that returns into the parent's runtime, as if it were the parent, is stopped. It does not take the parent's
/// events.
#[test]
fn a_child_that_goes_on_in_the_runtime_is_stopped() {
    if !in_own_process!() {
        return;
    }
    for parent in support::both() {
        let echoes = with_load(&parent);
        for _ in 0..REPETITIONS / 3 {
            let goes_on = || {
                assert_refused(|| {
                    // Like a task that has forked: it awaits something that never comes.
                    parent.block_on(std::future::pending::<()>())
                })
            };
            wait_for(fork(goes_on));
            parent.block_on(async {
                // SAFETY: the child has this thread only, and is stopped by a panic or ends by `_exit`.
                let child = unsafe { libc::fork() };
                if child == 0 {
                    let waits = std::panic::AssertUnwindSafe(async {
                        tokio::task::yield_now().await;
                        std::future::pending::<()>().await;
                    });
                    // No `in_fork` catches the panic here: the drop below ends the process.
                    struct Exit;
                    impl Drop for Exit {
                        fn drop(&mut self) {
                            // SAFETY: ends the child.
                            unsafe { libc::_exit(0) };
                        }
                    }
                    let _exit = Exit;
                    waits.0.await;
                }
                wait_for(child);
                let before = echoes.load(Ordering::Relaxed);
                let more = async {
                    while echoes.load(Ordering::Relaxed) < before + 3 {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                };
                tokio::time::timeout(Duration::from_secs(20), more)
                    .await
                    .expect("the child took the parent's events");
            });
        }
    }
}

/// A child that is forked on a thread of the parent's pool ends with the current closure or task: it does not wait for more.
#[test]
fn a_child_forked_on_a_thread_of_the_pool_ends_there() {
    if !in_own_process!() {
        return;
    }
    let parent = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_keep_alive(Duration::from_secs(1000))
        // Without a reactor, as the reactor would stop the child too.
        .build()
        .unwrap();
    // SAFETY: the child has this thread only, which ends soon.
    let fork = || unsafe { libc::fork() };
    parent.block_on(async {
        for _ in 0..3 {
            // The child returns from the closure or task, and goes on in its thread's loop.
            for child in [
                tokio::task::spawn_blocking(fork).await.unwrap(),
                tokio::spawn(async move { fork() }).await.unwrap(),
            ] {
                assert!(child > 0);
                wait_for(child);
            }
        }
        tokio::spawn(async {}).await.unwrap();
    });
}

/// Without a reactor, the park itself must notice the fork.
#[test]
fn a_child_that_waits_in_a_runtime_without_a_reactor_is_stopped() {
    if !in_own_process!() {
        return;
    }
    let parent = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    parent.block_on(async {
        // SAFETY: the child has this thread only, and is stopped by a panic.
        let child = unsafe { libc::fork() };
        if child == 0 {
            struct Exit;
            impl Drop for Exit {
                fn drop(&mut self) {
                    // SAFETY: ends the child.
                    unsafe { libc::_exit(0) };
                }
            }
            let _exit = Exit;
            std::future::pending::<()>().await;
        }
        wait_for(child);
    });
}
