//! Halves of a `TcpStream`.

use super::TcpStream;
use crate::io::ReadBuf;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

halves!(TcpStream, SocketAddr);

impl ReadHalf<'_> {
    /// Polls for data to look at without taking it; returns how much was put into `buf`.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use selvedge::{io::{AsyncWriteExt, ReadBuf}, net::{TcpListener, TcpStream}};
    /// let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    /// let mut near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    /// listener.accept().await.unwrap().0.write_all(b"data").await.unwrap();
    /// let (mut reader, _writer) = near.split();
    /// let mut space = [0; 8];
    /// let mut buf = ReadBuf::new(&mut space);
    /// assert_eq!(poll_fn(|cx| reader.poll_peek(cx, &mut buf)).await.unwrap(), 4);
    /// # }
    /// ```
    pub fn poll_peek(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        self.0.poll_peek(cx, buf)
    }

    /// Looks at data without taking it.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::{io::AsyncWriteExt, net::{TcpListener, TcpStream}};
    /// let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    /// let mut near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    /// listener.accept().await.unwrap().0.write_all(b"data").await.unwrap();
    /// let (mut reader, _writer) = near.split();
    /// assert_eq!(reader.peek(&mut [0; 8]).await.unwrap(), 4);
    /// # }
    /// ```
    pub async fn peek(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.peek(buf).await
    }
}

impl OwnedReadHalf {
    /// Polls for data to look at without taking it; returns how much was put into `buf`.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use selvedge::{io::{AsyncWriteExt, ReadBuf}, net::{TcpListener, TcpStream}};
    /// let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    /// let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    /// listener.accept().await.unwrap().0.write_all(b"data").await.unwrap();
    /// let (mut reader, _writer) = near.into_split();
    /// let mut space = [0; 8];
    /// let mut buf = ReadBuf::new(&mut space);
    /// assert_eq!(poll_fn(|cx| reader.poll_peek(cx, &mut buf)).await.unwrap(), 4);
    /// # }
    /// ```
    pub fn poll_peek(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        self.stream.poll_peek(cx, buf)
    }

    /// Looks at data without taking it.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::{io::AsyncWriteExt, net::{TcpListener, TcpStream}};
    /// let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    /// let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    /// listener.accept().await.unwrap().0.write_all(b"data").await.unwrap();
    /// let (mut reader, _writer) = near.into_split();
    /// assert_eq!(reader.peek(&mut [0; 8]).await.unwrap(), 4);
    /// # }
    /// ```
    pub async fn peek(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.stream.peek(buf).await
    }
}
