//! [`copy_bidirectional`]: both directions of two streams at once.
//!
//! Each direction copies, then shuts its writer down, by itself; an error in either ends both.

use super::{BUFFER_SIZE, copy::Copier};
use crate::io::{AsyncRead, AsyncWrite};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// How far one direction is.
#[derive(Debug)]
enum Direction {
    Copying(Copier),
    ShuttingDown(u64),
    Done(u64),
}

impl Direction {
    fn poll<R: AsyncRead + Unpin + ?Sized, W: AsyncWrite + Unpin + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
        writer: &mut W,
    ) -> Poll<io::Result<u64>> {
        loop {
            *self = match self {
                Direction::Copying(copier) => {
                    let copied = ready!(copier.poll_copy(
                        cx,
                        Pin::new(&mut *reader),
                        Pin::new(&mut *writer)
                    ))?;
                    Direction::ShuttingDown(copied)
                }
                Direction::ShuttingDown(copied) => {
                    ready!(Pin::new(&mut *writer).poll_shutdown(cx))?;
                    Direction::Done(*copied)
                }
                Direction::Done(copied) => return Poll::Ready(Ok(*copied)),
            };
        }
    }
}

/// Copies from `a` to `b` and from `b` to `a` until both have ended, and says how many bytes went each way.
///
/// When one stream ends, the other is shut down, and the way back goes on.
///
/// # Errors
/// Either stream's, at once.
///
/// # Examples
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional, duplex};
/// let ((mut client, mut near), (mut far, mut server)) = (duplex(64), duplex(64));
/// // A tunnel between a client and a server.
/// selvedge::spawn(async move { copy_bidirectional(&mut near, &mut far).await });
/// client.write_all(b"ping").await.unwrap();
/// let mut seen = [0; 4];
/// server.read_exact(&mut seen).await.unwrap();
/// assert_eq!(&seen, b"ping");
/// # }
/// ```
pub async fn copy_bidirectional<A, B>(a: &mut A, b: &mut B) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    copy_bidirectional_with_sizes(a, b, BUFFER_SIZE, BUFFER_SIZE).await
}

/// [`copy_bidirectional`] with buffers of these many bytes.
///
/// # Errors
/// Either stream's, at once.
///
/// # Panics
/// If a size is zero.
///
/// # Examples
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional_with_sizes, duplex};
/// let ((mut client, mut near), (mut far, mut server)) = (duplex(64), duplex(64));
/// selvedge::spawn(async move {
///     copy_bidirectional_with_sizes(&mut near, &mut far, 1024, 8192).await
/// });
/// server.write_all(b"pong").await.unwrap();
/// let mut seen = [0; 4];
/// client.read_exact(&mut seen).await.unwrap();
/// assert_eq!(&seen, b"pong");
/// # }
/// ```
pub async fn copy_bidirectional_with_sizes<A, B>(
    a: &mut A,
    b: &mut B,
    there_size: usize,
    back_size: usize,
) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    assert!(there_size > 0, "`a_to_b_buf_size` must be greater than 0");
    assert!(back_size > 0, "`b_to_a_buf_size` must be greater than 0");
    let mut there = Direction::Copying(Copier::new(there_size));
    let mut back = Direction::Copying(Copier::new(back_size));
    poll_fn(|cx| {
        let there = there.poll(cx, a, b)?;
        let back = back.poll(cx, b, a)?;
        Poll::Ready(Ok((ready!(there), ready!(back))))
    })
    .await
}
