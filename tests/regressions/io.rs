//! Rows 21-25 and 34: the reactor's registrations and descriptors.

// `AsyncFd::new` is what programs in the field call; its successor is unsafe.
#![allow(deprecated)]

use std::os::fd::AsFd;
use std::time::Duration;

use super::support::{current, multi, within};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Readiness cleared for an old event must not clear a new one: one byte at a time, many times.
#[test]
fn row21_stale_clear_does_not_erase_new_readiness() {
    within(60, || {
        multi(2).block_on(async {
            let (mut near, mut far) = UnixStream::pair().unwrap();
            let writer = tokio::spawn(async move {
                for i in 0..20_000u32 {
                    near.write_all(&[i as u8]).await.unwrap();
                    if i % 7 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
                near
            });
            let mut one = [0];
            for i in 0..20_000u32 {
                far.read_exact(&mut one).await.unwrap();
                assert_eq!(one[0], i as u8);
            }
            writer.await.unwrap();
        });
    });
}

/// Writes in one direction must not keep the read side busy: the reader sleeps until there is a byte.
#[test]
fn row22_write_events_do_not_wake_the_reader() {
    within(30, || {
        current().block_on(async {
            let (near, far) = UnixStream::pair().unwrap();
            let (mut read, mut write) = near.into_split();
            let (mut far_read, mut far_write) = far.into_split();
            let drain = tokio::spawn(async move {
                tokio::io::copy(&mut far_read, &mut tokio::io::sink()).await
            });
            let reader = tokio::spawn(async move {
                let (mut polls, mut buffer) = (0, [0]);
                let mut reading = std::pin::pin!(read.read(&mut buffer));
                let bytes = std::future::poll_fn(|cx| {
                    polls += 1;
                    reading.as_mut().poll(cx)
                })
                .await
                .unwrap();
                (bytes, polls)
            });
            let chunk = vec![0; 64 * 1024];
            for _ in 0..500 {
                write.write_all(&chunk).await.unwrap();
            }
            far_write.write_all(b"x").await.unwrap();
            let (bytes, polls) = reader.await.unwrap();
            assert_eq!(bytes, 1);
            assert!(polls < 20, "{polls} polls for one byte");
            drop(write);
            drain.await.unwrap().unwrap();
        });
    });
}

/// epoll refuses regular files; a refused registration must free everything that it took.
#[test]
fn row23_refused_registrations_leave_nothing_behind() {
    within(30, || {
        current().block_on(async {
            for _ in 0..10_000 {
                let file = std::fs::File::open("/proc/self/exe").unwrap();
                let error = AsyncFd::new(file).unwrap_err();
                assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
            }
            let (mut near, mut far) = UnixStream::pair().unwrap();
            near.write_all(b"fine").await.unwrap();
            let mut seen = [0; 4];
            far.read_exact(&mut seen).await.unwrap();
        });
    });
}

/// Registrations that are dropped while events for them are on the way.
#[test]
fn row24_events_for_a_registration_that_is_gone() {
    within(60, || {
        let runtime = multi(2);
        runtime.block_on(async {
            for _ in 0..2_000 {
                let (mut near, mut far) = UnixStream::pair().unwrap();
                let reader = tokio::spawn(async move {
                    let mut byte = [0];
                    let _ =
                        tokio::time::timeout(Duration::from_micros(1), far.read(&mut byte)).await;
                });
                // The reader may have gone already.
                let _ = near.write_all(b"x").await;
                reader.await.unwrap();
            }
        });
    });
}

#[test]
fn row25_children_inherit_no_descriptor_of_the_runtime() {
    within(30, || {
        multi(2).block_on(async {
            let _listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let _signal =
                tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).unwrap();
            let output = tokio::process::Command::new("sh")
                .args(["-c", "for fd in /proc/$$/fd/*; do readlink $fd; done"])
                .output()
                .await
                .unwrap();
            let list = String::from_utf8(output.stdout).unwrap();
            assert!(
                !list.contains("eventpoll") && !list.contains("eventfd"),
                "{list}"
            );
            let sockets = list.lines().filter(|line| line.contains("socket:")).count();
            assert_eq!(sockets, 0, "{list}");
        });
    });
}

/// The same descriptor registered again right after it was dropped.
#[test]
fn row23_registering_again_after_drop() {
    within(30, || {
        current().block_on(async {
            let (near, _far) = std::os::unix::net::UnixStream::pair().unwrap();
            near.set_nonblocking(true).unwrap();
            for _ in 0..1_000 {
                let ready = AsyncFd::new(near.as_fd()).unwrap();
                drop(ready.writable().await.unwrap());
            }
        });
    });
}

/// A forked child has the same handlers and descriptors, but its signals must not reach its parent.
#[test]
fn row34_signals_of_a_forked_child_stay_in_the_child() {
    use tokio::signal::unix::{SignalKind, signal};
    within(30, || {
        current().block_on(async {
            let mut arrivals = signal(SignalKind::user_defined2()).unwrap();
            // SAFETY: the child calls nothing but raise and _exit, which are async-signal-safe.
            let child = unsafe { libc::fork() };
            if child == 0 {
                // SAFETY: as above.
                unsafe {
                    libc::raise(libc::SIGUSR2);
                    libc::_exit(0)
                }
            }
            assert!(child > 0);
            let mut status = 0;
            // SAFETY: `status` is valid; the child is ours.
            assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
            assert_eq!(status, 0);
            let wait = tokio::time::timeout(Duration::from_millis(50), arrivals.recv());
            assert!(wait.await.is_err(), "the child's signal arrived here");

            // SAFETY: no memory is involved; the signal is handled.
            assert_eq!(unsafe { libc::kill(libc::getpid(), libc::SIGUSR2) }, 0);
            tokio::time::timeout(Duration::from_secs(10), arrivals.recv())
                .await
                .expect("our own arrives")
                .unwrap();
        });
    });
}
