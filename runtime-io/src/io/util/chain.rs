//! [`Chain`]: one reader, then another.

use crate::io::{AsyncBufRead, AsyncRead, ReadBuf};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project_lite::pin_project! {
    /// Reads the first to its end, then the second; see `AsyncReadExt::chain`.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::AsyncReadExt;
    /// let mut both = (&b"da"[..]).chain(&b"ta"[..]);
    /// let mut all = Vec::new();
    /// both.read_to_end(&mut all).await.unwrap();
    /// assert_eq!(all, b"data");
    /// # }
    /// ```
    #[derive(Debug)]
    #[must_use = "readers do nothing unless read from"]
    pub struct Chain<T, U> {
        #[pin]
        first: T,
        #[pin]
        second: U,
        first_ended: bool,
    }
}

impl<T, U> Chain<T, U> {
    pub(super) fn new(first: T, second: U) -> Self {
        Chain {
            first,
            second,
            first_ended: false,
        }
    }
}

impl<T: AsyncRead, U: AsyncRead> Chain<T, U> {
    /// Both readers.
    ///
    /// ```
    /// use selvedge::io::AsyncReadExt;
    /// let both = (&b"da"[..]).chain(&b"ta"[..]);
    /// assert_eq!(both.get_ref(), (&&b"da"[..], &&b"ta"[..]));
    /// ```
    pub fn get_ref(&self) -> (&T, &U) {
        (&self.first, &self.second)
    }

    /// Both readers, mutably.
    ///
    /// ```
    /// use selvedge::io::AsyncReadExt;
    /// let mut both = (&b"da"[..]).chain(&b"ta"[..]);
    /// *both.get_mut().1 = b"other";
    /// assert_eq!(both.into_inner().1, b"other");
    /// ```
    pub fn get_mut(&mut self) -> (&mut T, &mut U) {
        (&mut self.first, &mut self.second)
    }

    /// Both readers, pinned.
    ///
    /// ```
    /// use std::pin::Pin;
    /// use selvedge::io::AsyncReadExt;
    /// let mut both = (&b"da"[..]).chain(&b"ta"[..]);
    /// let (first, _second) = Pin::new(&mut both).get_pin_mut();
    /// assert_eq!(*first, b"da");
    /// ```
    pub fn get_pin_mut(self: Pin<&mut Self>) -> (Pin<&mut T>, Pin<&mut U>) {
        let this = self.project();
        (this.first, this.second)
    }

    /// Both readers back.
    ///
    /// ```
    /// use selvedge::io::AsyncReadExt;
    /// let (first, second) = (&b"da"[..]).chain(&b"ta"[..]).into_inner();
    /// assert_eq!((first, second), (&b"da"[..], &b"ta"[..]));
    /// ```
    pub fn into_inner(self) -> (T, U) {
        (self.first, self.second)
    }
}

impl<T: AsyncRead, U: AsyncRead> AsyncRead for Chain<T, U> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.project();
        if !*this.first_ended {
            let (before, room) = (buf.remaining(), buf.remaining() > 0);
            ready!(this.first.poll_read(cx, buf))?;
            // Reading nothing into a full buffer does not mean the end.
            if buf.remaining() != before || !room {
                return Poll::Ready(Ok(()));
            }
            *this.first_ended = true;
        }
        this.second.poll_read(cx, buf)
    }
}

impl<T: AsyncBufRead, U: AsyncBufRead> AsyncBufRead for Chain<T, U> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.project();
        if !*this.first_ended {
            let data = ready!(this.first.poll_fill_buf(cx))?;
            if !data.is_empty() {
                return Poll::Ready(Ok(data));
            }
            *this.first_ended = true;
        }
        this.second.poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.project();
        if *this.first_ended {
            this.second.consume(amount)
        } else {
            this.first.consume(amount)
        }
    }
}
