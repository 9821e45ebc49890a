//! [`Take`]: the first so many bytes of a reader.

use super::delegate::accessors;
use crate::io::{AsyncBufRead, AsyncRead, ReadBuf};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project_lite::pin_project! {
    /// Ends after a number of bytes; see `AsyncReadExt::take`.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{AsyncReadExt, Take};
    /// let mut limited: Take<&[u8]> = (&b"data"[..]).take(2);
    /// let mut all = Vec::new();
    /// limited.read_to_end(&mut all).await.unwrap();
    /// assert_eq!(all, b"da");
    /// # }
    /// ```
    #[derive(Debug)]
    #[must_use = "readers do nothing unless read from"]
    pub struct Take<R> {
        #[pin]
        inner: R,
        limit: u64,
    }
}

impl<R> Take<R> {
    pub(super) fn new(inner: R, limit: u64) -> Self {
        Take { inner, limit }
    }

    fn cap(limit: u64) -> usize {
        usize::try_from(limit).unwrap_or(usize::MAX)
    }
}

impl<R: AsyncRead> Take<R> {
    /// How many bytes may still be read.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::AsyncReadExt;
    /// let mut limited = (&b"data"[..]).take(3);
    /// limited.read_u8().await.unwrap();
    /// assert_eq!(limited.limit(), 2);
    /// # }
    /// ```
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Sets how many bytes may be read from now on.
    ///
    /// ```
    /// use selvedge::io::AsyncReadExt;
    /// let mut limited = (&b"data"[..]).take(3);
    /// limited.set_limit(1);
    /// assert_eq!(limited.limit(), 1);
    /// ```
    pub fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }

    accessors!(R);
}

impl<R: AsyncRead> AsyncRead for Take<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.project();
        if *this.limit == 0 {
            return Poll::Ready(Ok(()));
        }
        let (result, n) = buf.read_limited(Self::cap(*this.limit), |part| {
            this.inner.poll_read(cx, part)
        });
        *this.limit -= n as u64;
        result
    }
}

impl<R: AsyncBufRead> AsyncBufRead for Take<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.project();
        if *this.limit == 0 {
            return Poll::Ready(Ok(&[]));
        }
        let data = ready!(this.inner.poll_fill_buf(cx))?;
        Poll::Ready(Ok(&data[..data.len().min(Self::cap(*this.limit))]))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.project();
        let amount = amount.min(Self::cap(*this.limit));
        *this.limit -= amount as u64;
        this.inner.consume(amount);
    }
}
