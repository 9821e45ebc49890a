//! Forwarding a trait to a pinned field: `delegate!(write => inner)` in an impl of `AsyncWrite`.

macro_rules! delegate {
    (read => $field:ident) => {
        fn poll_read(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            self.project().$field.poll_read(cx, buf)
        }
    };
    (buf_read => $field:ident) => {
        fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
            self.project().$field.poll_fill_buf(cx)
        }

        fn consume(self: Pin<&mut Self>, amount: usize) {
            self.project().$field.consume(amount);
        }
    };
    (seek => $field:ident) => {
        fn start_seek(self: Pin<&mut Self>, position: io::SeekFrom) -> io::Result<()> {
            self.project().$field.start_seek(position)
        }

        fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
            self.project().$field.poll_complete(cx)
        }
    };
    (write => $field:ident) => {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.project().$field.poll_write(cx, buf)
        }

        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.project().$field.poll_flush(cx)
        }

        fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.project().$field.poll_shutdown(cx)
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bufs: &[io::IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.project().$field.poll_write_vectored(cx, bufs)
        }

        fn is_write_vectored(&self) -> bool {
            self.$field.is_write_vectored()
        }
    };
}
/// `get_ref`, `get_mut`, `get_pin_mut` and `into_inner` for the field `inner`.
macro_rules! accessors {
    ($type:ident) => {
        /// What this wraps.
        ///
        /// ```
        /// use selvedge::io::BufReader;
        /// assert_eq!(*BufReader::new(&b"data"[..]).get_ref(), b"data");
        /// ```
        pub fn get_ref(&self) -> &$type {
            &self.inner
        }

        /// What this wraps, mutably; moving its data past the wrapper corrupts the stream.
        ///
        /// ```
        /// use selvedge::io::BufReader;
        /// let mut reader = BufReader::new(&b"data"[..]);
        /// *reader.get_mut() = b"other";
        /// assert_eq!(reader.into_inner(), b"other");
        /// ```
        pub fn get_mut(&mut self) -> &mut $type {
            &mut self.inner
        }

        /// What this wraps, pinned.
        ///
        /// ```
        /// use std::pin::Pin;
        /// use selvedge::io::BufReader;
        /// let mut reader = BufReader::new(&b"data"[..]);
        /// assert_eq!(*Pin::new(&mut reader).get_pin_mut(), b"data");
        /// ```
        pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut $type> {
            self.project().inner
        }

        /// What this wraps, back; buffered data is lost.
        ///
        /// ```
        /// use selvedge::io::BufReader;
        /// assert_eq!(BufReader::new(&b"data"[..]).into_inner(), b"data");
        /// ```
        pub fn into_inner(self) -> $type {
            self.inner
        }
    };
}
pub(super) use {accessors, delegate};
