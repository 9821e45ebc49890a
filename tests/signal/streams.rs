//! Signal streams, on their own runtime, on another runtime, and outside of runtimes.

use std::time::{Duration, Instant};

use crate::support::{self, current, multi, within};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

fn send(signal: libc::c_int) {
    // SAFETY: no memory is involved; the signals sent here are handled.
    assert_eq!(unsafe { libc::kill(libc::getpid(), signal) }, 0);
}

async fn comes(arrivals: &mut Signal) {
    let arrived = timeout(Duration::from_secs(5), arrivals.recv()).await;
    assert_eq!(arrived, Ok(Some(())));
}

async fn does_not_come(arrivals: &mut Signal) {
    let arrived = timeout(Duration::from_millis(200), arrivals.recv()).await;
    assert!(arrived.is_err(), "{arrived:?}");
}

#[test]
fn stream_whose_runtime_is_gone_is_served_by_another() {
    within(20, || {
        let first = current();
        let mut arrivals = first.block_on(async { signal(SignalKind::user_defined1()).unwrap() });
        drop(first);
        for runtime in support::both() {
            runtime.block_on(async {
                send(libc::SIGUSR1);
                comes(&mut arrivals).await;
                does_not_come(&mut arrivals).await;
                send(libc::SIGUSR1);
                comes(&mut arrivals).await;
            });
        }
    });
}

#[test]
fn stream_whose_runtime_nobody_drives_is_served_by_another() {
    within(20, || {
        let first = current();
        let mut arrivals = first.block_on(async { signal(SignalKind::user_defined2()).unwrap() });
        current().block_on(async {
            does_not_come(&mut arrivals).await;
            send(libc::SIGUSR2);
            comes(&mut arrivals).await;
            does_not_come(&mut arrivals).await;
        });
        // And on the first runtime again.
        first.block_on(async {
            send(libc::SIGUSR2);
            comes(&mut arrivals).await;
        });
    });
}

#[test]
fn stream_awaited_on_another_runtime_does_not_end_with_its_first() {
    within(20, || {
        let (first, second) = (multi(1), multi(1));
        let mut arrivals = first.block_on(async { signal(SignalKind::hangup()).unwrap() });
        let wait = second.spawn(async move { arrivals.recv().await });
        std::thread::sleep(Duration::from_millis(100));
        drop(first);
        std::thread::sleep(Duration::from_millis(100));
        assert!(!wait.is_finished());
        send(libc::SIGHUP);
        assert_eq!(second.block_on(wait).unwrap(), Some(()));
    });
}

/// A `select!` loop that makes a new listener each time may drop a listener that has an unreported arrival.
#[test]
fn arrival_that_nobody_told_of_is_given_to_the_next_listener() {
    const KEPT: Duration = Duration::from_millis(100);
    // SAFETY: no memory is involved. The handler runs on this thread, before the call returns.
    let raise = || assert_eq!(unsafe { libc::raise(libc::SIGALRM) }, 0);
    let listen = || signal(SignalKind::alarm()).unwrap();
    within(20, move || {
        current().block_on(async {
            loop {
                let start = Instant::now();
                let unheard = listen();
                raise();
                drop(unheard);
                let mut next = listen();
                if start.elapsed() < KEPT {
                    comes(&mut next).await;
                    break;
                }
            }
            // The arrival was reported.
            does_not_come(&mut listen()).await;

            let unheard = listen();
            raise();
            std::thread::sleep(KEPT);
            drop(unheard);
            // The arrival is too old.
            does_not_come(&mut listen()).await;
        });
    });
}

#[test]
fn signals_that_cannot_be_listened_to_are_refused() {
    current().block_on(async {
        let numbers = [i32::MIN, -1, 0, libc::SIGRTMAX() + 1, 1000, i32::MAX];
        let forbidden = [libc::SIGKILL, libc::SIGSTOP, libc::SIGSEGV];
        for number in numbers.into_iter().chain(forbidden) {
            let error = signal(SignalKind::from_raw(number)).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::Other, "{number}");
        }
    });
}

#[test]
fn a_thousand_streams_need_no_descriptor_each() {
    within(20, || {
        for runtime in support::both() {
            runtime.block_on(async {
                let before = support::open_fds();
                let mut streams: Vec<_> = (0..1000)
                    .map(|_| signal(SignalKind::window_change()).unwrap())
                    .collect();
                assert!(support::open_fds() < before + 50);
                for round in 0..3 {
                    let waits: Vec<_> = streams
                        .into_iter()
                        .map(|mut stream| {
                            tokio::spawn(async move {
                                comes(&mut stream).await;
                                stream
                            })
                        })
                        .collect();
                    if round > 0 {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    send(libc::SIGWINCH);
                    streams = Vec::new();
                    for wait in waits {
                        streams.push(wait.await.unwrap());
                    }
                }
                does_not_come(&mut streams[7]).await;
            });
        }
    });
}

/// Outside of a runtime, a stream is served by the runtime that it was made on, and ends with it.
#[test]
fn stream_polled_outside_ends_with_its_runtime() {
    use std::future::Future;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Wake, Waker};

    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    within(20, || {
        let runtime = current();
        let mut arrivals = runtime.block_on(async { signal(SignalKind::quit()).unwrap() });
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(count.clone());
        let mut cx = Context::from_waker(&waker);
        let mut wait = pin!(arrivals.recv());
        assert_eq!(wait.as_mut().poll(&mut cx), Poll::Pending);
        drop(runtime);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert_eq!(wait.as_mut().poll(&mut cx), Poll::Ready(None));
    });
}

/// A stream that is dropped, or moves to another runtime, leaves no waker behind.
#[test]
fn stream_that_goes_leaves_no_waker() {
    use std::sync::Arc;
    use std::task::{Context, Wake, Waker};

    struct Nobody;
    impl Wake for Nobody {
        fn wake(self: Arc<Self>) {}
    }
    within(20, || {
        let (first, second) = (current(), current());
        let listen = || first.block_on(async { signal(SignalKind::io()).unwrap() });
        // This stream keeps alive what serves the others.
        let _stays = listen();
        let count = Arc::new(Nobody);
        let waker = Waker::from(count.clone());
        for is_dropped in [true, false] {
            let mut goes = listen();
            let poll = |stream: &mut Signal| stream.poll_recv(&mut Context::from_waker(&waker));
            assert!(poll(&mut goes).is_pending());
            assert_eq!(Arc::strong_count(&count), 3);
            if !is_dropped {
                second.block_on(async {
                    assert!(
                        goes.poll_recv(&mut Context::from_waker(Waker::noop()))
                            .is_pending()
                    );
                });
                assert_eq!(Arc::strong_count(&count), 2);
            }
            drop(goes);
            assert_eq!(Arc::strong_count(&count), 2);
        }
    });
}

#[test]
fn interrupt_is_awaited_and_the_last_number_is_a_signal() {
    within(20, || {
        current().block_on(async {
            let mut last = signal(SignalKind::from_raw(libc::SIGRTMAX())).unwrap();
            send(libc::SIGRTMAX());
            comes(&mut last).await;
            let mut wait = std::pin::pin!(tokio::signal::ctrl_c());
            assert!(
                timeout(Duration::from_millis(20), wait.as_mut())
                    .await
                    .is_err()
            );
            send(libc::SIGINT);
            timeout(Duration::from_secs(5), wait)
                .await
                .unwrap()
                .unwrap();
        });
    });
}
