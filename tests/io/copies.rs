//! `copy`: bytes that were read are written, whatever reader and writer do then.

use std::io::{self};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::support::{both, current, within};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A reader that gives its pieces, then an error.
struct Failing(Vec<&'static [u8]>);

impl AsyncRead for Failing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.0.is_empty() {
            return Poll::Ready(Err(io::Error::other("the reader fails")));
        }
        buf.put_slice(self.0.remove(0));
        Poll::Ready(Ok(()))
    }
}

/// A writer that takes one byte at a time.
struct Slow(Vec<u8>);

impl AsyncWrite for Slow {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.extend_from_slice(&buf[..1]);
        Poll::Ready(Ok(1))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn copy_writes_what_was_read_before_an_error() {
    within(20, || {
        current().block_on(async {
            let (mut reader, mut writer) = (Failing(vec![b"abc", b"def"]), Slow(Vec::new()));
            let error = tokio::io::copy(&mut reader, &mut writer).await;
            assert_eq!(error.unwrap_err().to_string(), "the reader fails");
            assert_eq!(writer.0, b"abcdef");
        });
    });
}

/// A reader that gives one piece of data, then waits, and gives an error once `fail` is called.
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

/// A writer that never takes a byte.
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

/// A reader that gives three bytes, then one, then an error.
struct Cut(u8);

impl AsyncRead for Cut {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0 += 1;
        match self.0 {
            1 => buf.put_slice(b"abc"),
            2 => buf.put_slice(b"d"),
            _ => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
        Poll::Ready(Ok(()))
    }
}

/// A writer that takes one byte at a time.
#[derive(Default)]
struct Narrow(Vec<u8>);

impl AsyncWrite for Narrow {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let n = buf.len().min(1);
        self.0.extend_from_slice(&buf[..n]);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Bytes that were read before the reader failed arrive, even if the writer takes them in pieces.
#[test]
fn a_copy_writes_what_it_has_before_it_reads_on() {
    for runtime in both() {
        runtime.block_on(async {
            let mut out = Narrow::default();
            let copied = tokio::io::copy(&mut Cut(0), &mut out).await;
            assert_eq!(copied.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
            assert_eq!(out.0, b"abcd");
        });
    }
}
