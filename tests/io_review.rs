//! The byte streams at their edges: what is not lost, and what does not hang.

mod support;

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use support::{both, within};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Gives one piece of data, then nothing, then an error once `fail` is called.
#[derive(Clone, Default)]
struct Breaking {
    given: Arc<AtomicBool>,
    failed: Arc<AtomicBool>,
    waker: Arc<Mutex<Option<Waker>>>,
}

impl Breaking {
    fn fail(&self) {
        self.failed.store(true, Ordering::SeqCst);
        let waker = self.waker.lock().unwrap().take();
        waker.into_iter().for_each(Waker::wake);
    }
}

impl AsyncRead for Breaking {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.given.swap(true, Ordering::SeqCst) {
            buf.put_slice(b"data");
            return Poll::Ready(Ok(()));
        }
        *self.waker.lock().unwrap() = Some(cx.waker().clone());
        match self.failed.load(Ordering::SeqCst) {
            true => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            false => Poll::Pending,
        }
    }
}

/// A peer that takes nothing, ever.
struct Stuck;

impl AsyncWrite for Stuck {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

/// A proxy whose upstream is stuck notices that its client has gone.
#[test]
fn a_copy_with_a_stuck_writer_sees_its_reader_fail() {
    for runtime in both() {
        within(10, move || {
            runtime.block_on(async {
                let reader = Breaking::default();
                let copy = tokio::spawn({
                    let mut reader = reader.clone();
                    async move { tokio::io::copy(&mut reader, &mut Stuck).await }
                });
                tokio::time::sleep(Duration::from_millis(20)).await;
                reader.fail();
                let copied = tokio::time::timeout(Duration::from_secs(2), copy).await;
                let error = copied.expect("the copy hangs").unwrap().unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
            });
        });
    }
}
