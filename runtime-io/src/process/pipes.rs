//! The parent's ends of a child's standard streams.
//!
//! I1: a pipe is non-blocking from its registration until it is given away. The flag belongs to the open file
//!     description; the child's end has another one, and is not affected.

use crate::io::{AsyncRead, AsyncWrite, ReadBuf};
use crate::reactor::{Interest, PollEvented};
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};

fn set_nonblocking(fd: BorrowedFd<'_>, on: bool) -> io::Result<()> {
    let mut on = libc::c_int::from(on);
    // SAFETY: FIONBIO reads one int through a pointer of ours.
    match unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONBIO, &mut on) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

macro_rules! pipe_end {
    ($(#[$doc:meta])* $name:ident, $interest:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name {
            io: PollEvented<File>,
        }

        impl $name {
            /// Takes over a pipe that std's `Command` made, and puts it into non-blocking mode.
            ///
            /// # Errors
            /// If it cannot be registered.
            ///
            /// # Panics
            /// Outside of a runtime with I/O enabled.
            ///
            /// # Examples
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use std::process::{Command, Stdio};
            /// use selvedge::{io::AsyncReadExt, process::ChildStdout};
            /// let mut child = Command::new("echo").arg("hi").stdout(Stdio::piped()).spawn().unwrap();
            /// let mut output = ChildStdout::from_std(child.stdout.take().unwrap()).unwrap();
            /// let mut text = String::new();
            /// output.read_to_string(&mut text).await.unwrap();
            /// assert_eq!(text, "hi\n");
            /// # child.wait().unwrap();
            /// # }
            /// ```
            #[track_caller]
            pub fn from_std(inner: std::process::$name) -> io::Result<$name> {
                let pipe = File::from(OwnedFd::from(inner));
                set_nonblocking(pipe.as_fd(), true)?;
                let io = PollEvented::new_with_interest(pipe, $interest)?;
                Ok($name { io })
            }

            /// Gives the descriptor away, put into blocking mode.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use std::process::Stdio;
            /// use selvedge::process::Command;
            /// let mut child = Command::new("echo").arg("hi").stdout(Stdio::piped()).spawn().unwrap();
            /// let fd = child.stdout.take().unwrap().into_owned_fd().unwrap();
            /// # drop(fd);
            /// # child.wait().await.unwrap();
            /// # }
            /// ```
            pub fn into_owned_fd(self) -> io::Result<OwnedFd> {
                let fd = OwnedFd::from(self.io.into_inner()?);
                set_nonblocking(fd.as_fd(), false)?;
                Ok(fd)
            }
        }

        /// For another command: the descriptor, put into blocking mode.
        impl TryFrom<$name> for Stdio {
            type Error = io::Error;

            fn try_from(end: $name) -> io::Result<Stdio> {
                Ok(end.into_owned_fd()?.into())
            }
        }

        impl AsRawFd for $name {
            fn as_raw_fd(&self) -> RawFd {
                self.io.as_raw_fd()
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.io.get_ref().as_fd()
            }
        }
    };
}

pipe_end! {
    /// The parent's end of a child's standard input. Dropping it is the end of that input.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::process::Stdio;
    /// use selvedge::{io::AsyncWriteExt, process::{ChildStdin, Command}};
    /// let mut command = Command::new("cat");
    /// let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    /// let mut input: ChildStdin = child.stdin.take().unwrap();
    /// input.write_all(b"hello").await.unwrap();
    /// drop(input);
    /// assert_eq!(child.wait_with_output().await.unwrap().stdout, b"hello");
    /// # }
    /// ```
    ChildStdin, Interest::WRITABLE
}
pipe_end! {
    /// The parent's end of a child's standard output.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::process::Stdio;
    /// use selvedge::{io::{AsyncBufReadExt, BufReader}, process::{ChildStdout, Command}};
    /// let mut child = Command::new("echo").arg("hi").stdout(Stdio::piped()).spawn().unwrap();
    /// let output: ChildStdout = child.stdout.take().unwrap();
    /// let mut lines = BufReader::new(output).lines();
    /// assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("hi"));
    /// child.wait().await.unwrap();
    /// # }
    /// ```
    ChildStdout, Interest::READABLE
}
pipe_end! {
    /// The parent's end of a child's standard error.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::process::Stdio;
    /// use selvedge::{io::AsyncReadExt, process::{ChildStderr, Command}};
    /// let mut command = Command::new("sh");
    /// let mut child = command.args(["-c", "echo oops >&2"]).stderr(Stdio::piped()).spawn().unwrap();
    /// let mut errors: ChildStderr = child.stderr.take().unwrap();
    /// let mut text = String::new();
    /// errors.read_to_string(&mut text).await.unwrap();
    /// assert_eq!(text, "oops\n");
    /// child.wait().await.unwrap();
    /// # }
    /// ```
    ChildStderr, Interest::READABLE
}

impl AsyncWrite for ChildStdin {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.io.poll_write(cx, buf)
    }

    // A pipe buffers nothing on our side, and ends when it is dropped.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io.poll_write_vectored(cx, bufs)
    }
}

impl AsyncRead for ChildStdout {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.io.poll_read(cx, buf)
    }
}

impl AsyncRead for ChildStderr {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.io.poll_read(cx, buf)
    }
}
