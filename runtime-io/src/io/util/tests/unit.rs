//! Streams that break their contracts, futures dropped half-way, and buffers at their limits.

use crate::io::*;
use runtime_core::task::block_on_current_thread as block_on;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// Replaces the buffer it is given by a larger one, "filled".
struct Swaps;

static KEPT: std::sync::Mutex<Vec<usize>> = std::sync::Mutex::new(Vec::new());

impl AsyncRead for Swaps {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let space: &'static mut [u8] = vec![1; 64].leak();
        // Kept, so that the leak sanitizer has nothing to say.
        KEPT.lock().unwrap().push(space.as_ptr() as usize);
        *buf = ReadBuf::new(space);
        buf.advance(64);
        Poll::Ready(Ok(()))
    }
}

/// Claims to have written one byte more than it was given.
struct Boasts;

impl AsyncWrite for Boasts {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        Poll::Ready(Ok(buf.len() + 1))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[track_caller]
fn panics(future: impl Future) {
    let run = std::panic::AssertUnwindSafe(|| drop(block_on(future)));
    assert!(
        std::panic::catch_unwind(run).is_err(),
        "the lie was believed"
    );
}

#[test]
fn a_reader_that_swaps_the_buffer_is_caught() {
    panics(async { Swaps.read_to_end(&mut Vec::with_capacity(40)).await });
    panics(async { Swaps.read_buf(&mut Vec::with_capacity(40)).await });
    panics(async { Swaps.read_to_end(&mut Vec::new()).await });
    panics(async { Swaps.read(&mut [0; 8]).await });
    panics(async { Swaps.read_exact(&mut [0; 99]).await });
    panics(async { Swaps.read_u64().await });
    panics(async { Swaps.take(3).read(&mut [0; 8]).await });
    panics(async { BufReader::new(Swaps).fill_buf().await.map(<[u8]>::len) });
    panics(async { copy_bidirectional(&mut join(Swaps, sink()), &mut empty()).await });
}

#[test]
fn a_writer_that_claims_too_much_is_caught() {
    panics(async { Boasts.write_all(b"abc").await });
    panics(async { Boasts.write_u32(7).await });
    panics(async { Boasts.write_all_buf(&mut &b"abc"[..]).await });
    panics(async { copy(&mut &b"abc"[..], &mut Boasts).await });
    panics(async { copy_buf(&mut &b"abc"[..], &mut Boasts).await });
    panics(async {
        let mut writer = BufWriter::new(Boasts);
        writer.write_all(b"abc").await?;
        writer.flush().await
    });
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_dropped_read_line_keeps_the_string() {
    let (reader, mut writer) = duplex(64);
    let mut reader = BufReader::new(reader);
    block_on(writer.write_all(b"half")).unwrap();
    let mut line = String::from("before ");
    assert!(poll_once(pin!(reader.read_line(&mut line))).is_pending());
    assert_eq!(line, "before half");
    drop(reader.read_line(&mut line));
    assert_eq!(line, "before half");
}

#[test]
fn a_dropped_read_to_string_keeps_what_was_there() {
    let (mut reader, mut writer) = duplex(64);
    block_on(writer.write_all(b"half\xe2")).unwrap();
    let mut text = String::from("before");
    assert!(poll_once(pin!(reader.read_to_string(&mut text))).is_pending());
    assert_eq!(text, "before");
}

#[test]
fn line_ends_are_cut_once() {
    block_on(async {
        let mut lines = (&b"a\r\r\n\n\r\nb\r"[..]).lines();
        for expected in ["a\r", "", "", "b\r"] {
            assert_eq!(lines.next_line().await.unwrap().as_deref(), Some(expected));
        }
        assert_eq!(lines.next_line().await.unwrap(), None);
        let mut pieces = AsyncBufReadExt::split(&b"a,,b,"[..], b',');
        for expected in ["a", "", "b"] {
            assert_eq!(
                pieces.next_segment().await.unwrap().as_deref(),
                Some(expected.as_bytes())
            );
        }
        assert_eq!(pieces.next_segment().await.unwrap(), None);
    });
}

#[test]
fn delimiters_are_found_at_any_distance() {
    block_on(async {
        for at in 0..100 {
            let mut data = [b'x'; 100];
            data[at] = b'\n';
            let mut got = Vec::new();
            assert_eq!(
                (&data[..]).read_until(b'\n', &mut got).await.unwrap(),
                at + 1
            );
        }
    });
}

#[test]
fn a_pipe_wraps_around_and_drains_after_closing() {
    block_on(async {
        let (mut a, mut b) = duplex(5);
        let mut got = [0; 3];
        for _ in 0..20 {
            a.write_all(b"abc").await.unwrap();
            b.read_exact(&mut got).await.unwrap();
            assert_eq!(&got, b"abc");
        }
        assert_eq!(a.write(b"1234567").await.unwrap(), 5);
        drop(a);
        let mut rest = Vec::new();
        b.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"12345");
        assert_eq!(
            b.write(b"x").await.unwrap_err().kind(),
            ErrorKind::BrokenPipe
        );
    });
}

#[test]
fn a_half_does_not_poison_the_other() {
    struct Panics;
    impl AsyncRead for Panics {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<Result<()>> {
            panic!("as asked")
        }
    }
    let (mut reader, mut writer) = split(join(Panics, Vec::new()));
    panics(async { reader.read_u8().await });
    block_on(writer.write_all(b"on")).unwrap();
    assert_eq!(reader.unsplit(writer).writer(), b"on");
}

#[test]
fn a_cursor_behind_its_end_reads_nothing() {
    let mut cursor = std::io::Cursor::new(b"abc");
    cursor.set_position(u64::MAX);
    assert_eq!(
        block_on(AsyncReadExt::read(&mut cursor, &mut [0; 4])).unwrap(),
        0
    );
}
