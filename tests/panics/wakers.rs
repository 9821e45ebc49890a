//! Wakers that panic when they are called: other waiting tasks are woken, and the runtime works on.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use crate::support::{assert_works, on_both, within};
use tokio::time::sleep;

struct PanicWaker;

impl Wake for PanicWaker {
    fn wake(self: Arc<Self>) {
        panic!("a waker's");
    }
}

fn panic_waker() -> Waker {
    Waker::from(Arc::new(PanicWaker))
}

/// Polls a future with a waker that panics; the waker stays registered.
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
        assert_works(&runtime);
        assert_works(&runtime);
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
        assert_works(&runtime);
        runtime.block_on(async {
            let a = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
            a.send_to(b"y", a.local_addr().unwrap()).await.unwrap();
            assert_eq!(a.recv(&mut [0; 8]).await.unwrap(), 1);
        });
    });
}

/// While a panic unwinds, a destructor passes a notification on to a waker that panics: no abort.
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

/// `yield_now` with a waker that panics, beside others with good wakers.
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
        assert_works(&runtime);
    });
}
