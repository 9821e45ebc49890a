//! Pipes: the two ends of an anonymous pipe or of a FIFO.
//!
//! Pipes are registered when they are made: unlike an accepted socket, nothing is known of them.

use crate::io::ReadBuf;
use crate::reactor::{Direction, Interest, PollEvented, Ready};
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Makes a pipe.
///
/// ```
/// use selvedge::io::{AsyncReadExt, AsyncWriteExt};
/// use selvedge::net::unix::pipe;
///
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (mut tx, mut rx) = pipe::pipe()?;
/// tx.write_all(b"hello").await?;
/// drop(tx);
/// let mut text = String::new();
/// rx.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # Ok(())
/// # }
/// ```
///
/// # Panics
/// Outside of a runtime with I/O enabled.
#[track_caller]
pub fn pipe() -> io::Result<(Sender, Receiver)> {
    let (tx, rx) = mio::unix::pipe::new()?;
    Ok((Sender::from_mio(tx)?, Receiver::from_mio(rx)?))
}

/// How to open a FIFO.
///
/// ```
/// use selvedge::net::unix::pipe;
///
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let folder = std::env::temp_dir().join(format!("selvedge-doc-fifo-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # std::env::set_current_dir(&folder)?;
/// # assert!(std::process::Command::new("mkfifo").arg("fifo").status()?.success());
/// // In this order: a sender is refused as long as there is no receiver.
/// let rx = pipe::OpenOptions::new().open_receiver("fifo")?;
/// let tx = pipe::OpenOptions::new().open_sender("fifo")?;
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions {
    read_write: bool,
    unchecked: bool,
}

impl OpenOptions {
    /// One direction only, and checked to be a FIFO.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-new117-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use selvedge::net::unix::pipe;
    /// std::process::Command::new("mkfifo").arg("pipe").status()?;
    /// let receiver = pipe::OpenOptions::new().open_receiver("pipe")?;
    /// # drop(receiver);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn new() -> OpenOptions {
        OpenOptions {
            read_write: false,
            unchecked: false,
        }
    }

    /// Opens for both directions (Linux): a sender then needs no receiver to be there, and a
    /// receiver never sees the end.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-read-write118-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use selvedge::net::unix::pipe;
    /// std::process::Command::new("mkfifo").arg("pipe").status()?;
    /// // Does not fail for want of a reader.
    /// let sender = pipe::OpenOptions::new().read_write(true).open_sender("pipe")?;
    /// # drop(sender);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn read_write(&mut self, value: bool) -> &mut OpenOptions {
        self.read_write = value;
        self
    }

    /// Leaves out the check that the file is a FIFO.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-unchecked119-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use selvedge::net::unix::pipe;
    /// std::process::Command::new("mkfifo").arg("pipe").status()?;
    /// let receiver = pipe::OpenOptions::new().unchecked(true).open_receiver("pipe")?;
    /// # drop(receiver);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn unchecked(&mut self, value: bool) -> &mut OpenOptions {
        self.unchecked = value;
        self
    }

    /// Opens the receiving end.
    ///
    /// # Panics
    /// Outside of a runtime with I/O enabled.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-open-receiver120-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use selvedge::net::unix::pipe;
    /// std::process::Command::new("mkfifo").arg("pipe").status()?;
    /// let receiver = pipe::OpenOptions::new().open_receiver("pipe")?;
    /// # drop(receiver);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn open_receiver<P: AsRef<Path>>(&self, path: P) -> io::Result<Receiver> {
        let file = self.open(path.as_ref(), true)?;
        Receiver::from_file_unchecked(file)
    }

    /// Opens the sending end.
    ///
    /// # Errors
    /// `ENXIO` where nobody has the other end open, unless `read_write` is on.
    ///
    /// # Panics
    /// Outside of a runtime with I/O enabled.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-open-sender121-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use selvedge::net::unix::pipe;
    /// std::process::Command::new("mkfifo").arg("pipe").status()?;
    /// let receiver = pipe::OpenOptions::new().open_receiver("pipe")?;
    /// let sender = pipe::OpenOptions::new().open_sender("pipe")?;
    /// # drop((receiver, sender));
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn open_sender<P: AsRef<Path>>(&self, path: P) -> io::Result<Sender> {
        let file = self.open(path.as_ref(), false)?;
        Sender::from_file_unchecked(file)
    }

    fn open(&self, path: &Path, is_reader: bool) -> io::Result<File> {
        let file = std::fs::OpenOptions::new()
            .read(is_reader || self.read_write)
            .write(!is_reader || self.read_write)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)?;
        if !self.unchecked {
            check_fifo(&file)?;
        }
        Ok(file)
    }
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions::new()
    }
}

fn check_fifo(file: &File) -> io::Result<()> {
    match file.metadata()?.file_type().is_fifo() {
        true => Ok(()),
        false => Err(invalid("the file is not a pipe")),
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

/// The status flags, checked to allow `needed` (`O_RDONLY` or `O_WRONLY`).
fn flags_allowing(file: &File, needed: libc::c_int) -> io::Result<libc::c_int> {
    // SAFETY: F_GETFL takes no argument and only reads the flags of an open descriptor.
    let flags = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFL) };
    if flags == -1 {
        return Err(io::Error::last_os_error());
    }
    let mode = flags & libc::O_ACCMODE;
    match mode == needed || mode == libc::O_RDWR {
        true => Ok(flags),
        false if needed == libc::O_RDONLY => Err(invalid("the pipe is not open for reading")),
        false => Err(invalid("the pipe is not open for writing")),
    }
}

fn set_flags(fd: RawFd, flags: libc::c_int) -> io::Result<()> {
    // SAFETY: F_SETFL takes an int and changes the status flags of an open descriptor.
    match unsafe { libc::fcntl(fd, libc::F_SETFL, flags) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

fn into_checked(file: File, needed: libc::c_int) -> io::Result<File> {
    check_fifo(&file)?;
    let flags = flags_allowing(&file, needed)?;
    if flags & libc::O_NONBLOCK == 0 {
        set_flags(file.as_raw_fd(), flags | libc::O_NONBLOCK)?;
    }
    Ok(file)
}

fn into_blocking(fd: OwnedFd) -> io::Result<OwnedFd> {
    let file = File::from(fd);
    // SAFETY: F_GETFL takes no argument and only reads the flags of an open descriptor.
    let flags = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFL) };
    if flags == -1 {
        return Err(io::Error::last_os_error());
    }
    set_flags(file.as_raw_fd(), flags & !libc::O_NONBLOCK)?;
    Ok(file.into())
}

/// Conversions, alike for both ends.
macro_rules! end_conversions {
    ($type:ident, $mio:ty, $interest:expr, $needed:expr) => {
        impl $type {
            #[track_caller]
            fn from_mio(pipe: $mio) -> io::Result<$type> {
                let io = PollEvented::new_with_interest(pipe, $interest)?;
                Ok($type { io })
            }

            /// Takes over a file, which is checked to be a pipe open in this direction, and put
            /// into non-blocking mode.
            ///
            /// # Panics
            /// Outside of a runtime with I/O enabled.
            ///
            /// # Examples
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::net::unix::pipe;
            /// let (_sender, receiver) = pipe::pipe().unwrap();
            /// let file = std::fs::File::from(receiver.into_blocking_fd().unwrap());
            /// let receiver = pipe::Receiver::from_file(file).unwrap();
            /// # drop(receiver);
            /// # }
            /// ```
            #[track_caller]
            pub fn from_file(file: File) -> io::Result<$type> {
                $type::from_file_unchecked(into_checked(file, $needed)?)
            }

            /// Like `from_file`, for a descriptor.
            ///
            /// # Panics
            /// Outside of a runtime with I/O enabled.
            ///
            /// # Examples
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::net::unix::pipe;
            /// let (_sender, receiver) = pipe::pipe().unwrap();
            /// let fd = receiver.into_blocking_fd().unwrap();
            /// let receiver = pipe::Receiver::from_owned_fd(fd).unwrap();
            /// # drop(receiver);
            /// # }
            /// ```
            #[track_caller]
            pub fn from_owned_fd(owned_fd: OwnedFd) -> io::Result<$type> {
                $type::from_file(owned_fd.into())
            }

            /// Takes over a file as it is.
            ///
            /// # Panics
            /// Outside of a runtime with I/O enabled.
            ///
            /// # Examples
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::net::unix::pipe;
            /// let (_sender, receiver) = pipe::pipe().unwrap();
            /// let file = std::fs::File::from(receiver.into_nonblocking_fd().unwrap());
            /// let receiver = pipe::Receiver::from_file_unchecked(file).unwrap();
            /// # drop(receiver);
            /// # }
            /// ```
            #[track_caller]
            pub fn from_file_unchecked(file: File) -> io::Result<$type> {
                $type::from_owned_fd_unchecked(file.into())
            }

            /// Takes over a descriptor as it is.
            ///
            /// # Panics
            /// Outside of a runtime with I/O enabled.
            ///
            /// # Examples
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::net::unix::pipe;
            /// let (_sender, receiver) = pipe::pipe().unwrap();
            /// let fd = receiver.into_nonblocking_fd().unwrap();
            /// let receiver = pipe::Receiver::from_owned_fd_unchecked(fd).unwrap();
            /// # drop(receiver);
            /// # }
            /// ```
            #[track_caller]
            pub fn from_owned_fd_unchecked(owned_fd: OwnedFd) -> io::Result<$type> {
                $type::from_mio(<$mio>::from(owned_fd))
            }

            /// Gives the descriptor away, put into blocking mode.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::net::unix::pipe;
            /// let (sender, _receiver) = pipe::pipe().unwrap();
            /// let fd = sender.into_blocking_fd().unwrap(); // for a child's output, say
            /// # drop(fd);
            /// # }
            /// ```
            pub fn into_blocking_fd(self) -> io::Result<OwnedFd> {
                into_blocking(self.into_nonblocking_fd()?)
            }

            /// Gives the descriptor away as it is, in non-blocking mode.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::net::unix::pipe;
            /// let (sender, _receiver) = pipe::pipe().unwrap();
            /// let fd = sender.into_nonblocking_fd().unwrap();
            /// # drop(fd);
            /// # }
            /// ```
            pub fn into_nonblocking_fd(self) -> io::Result<OwnedFd> {
                Ok(self.io.into_inner()?.into())
            }

            /// Waits for any of `interest`; says which flags were ready.
            ///
            /// # Cancel safety
            /// Safe.
            ///
            /// # Examples
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::{io::Interest, net::unix::pipe};
            /// let (sender, _receiver) = pipe::pipe().unwrap();
            /// assert!(sender.ready(Interest::WRITABLE).await.unwrap().is_writable());
            /// # }
            /// ```
            pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
                let event = self.io.registration().readiness(interest).await?;
                Ok(event.ready())
            }

            /// Runs `f`, a non-blocking operation on this end, if the end is ready as far as is
            /// known. If `f` would block, that readiness is forgotten.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::net::unix::pipe;
            /// let (sender, _receiver) = pipe::pipe().unwrap();
            /// sender.writable().await.unwrap();
            /// assert_eq!(sender.try_io(|| Ok(1)).unwrap(), 1);
            /// # }
            /// ```
            pub fn try_io<R>(&self, f: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
                self.io.registration().try_io($interest, f)
            }
        }

        impl AsRawFd for $type {
            fn as_raw_fd(&self) -> RawFd {
                self.io.as_raw_fd()
            }
        }

        impl AsFd for $type {
            fn as_fd(&self) -> BorrowedFd<'_> {
                // SAFETY: the pipe is open as long as `self` is, which the result borrows.
                unsafe { BorrowedFd::borrow_raw(self.io.as_raw_fd()) }
            }
        }
    };
}

/// The end of a pipe to write to.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::{io::{AsyncReadExt, AsyncWriteExt}, net::unix::pipe};
/// let (mut sender, mut receiver) = pipe::pipe().unwrap();
/// sender.write_all(b"data").await.unwrap();
/// drop(sender);
/// let mut all = Vec::new();
/// receiver.read_to_end(&mut all).await.unwrap();
/// assert_eq!(all, b"data");
/// # }
/// ```
#[derive(Debug)]
pub struct Sender {
    io: PollEvented<mio::unix::pipe::Sender>,
}

end_conversions!(
    Sender,
    mio::unix::pipe::Sender,
    Interest::WRITABLE,
    libc::O_WRONLY
);
try_write_methods!(Sender);

impl Sender {
    /// Waits until writing is worth a try.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::net::unix::pipe;
    /// let (sender, _receiver) = pipe::pipe().unwrap();
    /// sender.writable().await.unwrap();
    /// assert_eq!(sender.try_write(b"data").unwrap(), 4);
    /// # }
    /// ```
    pub async fn writable(&self) -> io::Result<()> {
        self.ready(Interest::WRITABLE).await?;
        Ok(())
    }

    /// Polls for room to write. Only the latest caller is woken.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use selvedge::net::unix::pipe;
    /// let (sender, _receiver) = pipe::pipe().unwrap();
    /// poll_fn(|cx| sender.poll_write_ready(cx)).await.unwrap();
    /// # }
    /// ```
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io
            .registration()
            .poll_ready(cx, Direction::Write)
            .map_ok(drop)
    }
}

impl crate::io::AsyncWrite for Sender {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().io.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().io.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The end of a pipe to read from.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::{io::{AsyncReadExt, AsyncWriteExt}, net::unix::pipe};
/// let (mut sender, mut receiver) = pipe::pipe().unwrap();
/// sender.write_all(b"data").await.unwrap();
/// let mut seen = [0; 4];
/// receiver.read_exact(&mut seen).await.unwrap();
/// assert_eq!(&seen, b"data");
/// # }
/// ```
#[derive(Debug)]
pub struct Receiver {
    io: PollEvented<mio::unix::pipe::Receiver>,
}

end_conversions!(
    Receiver,
    mio::unix::pipe::Receiver,
    Interest::READABLE,
    libc::O_RDONLY
);
try_read_methods!(Receiver);

impl Receiver {
    #[cfg(feature = "io-util")]
    fn read_once(&self, spare: &mut [std::mem::MaybeUninit<u8>]) -> io::Result<usize> {
        crate::reactor::read_uninit(self.io.as_raw_fd(), spare)
    }
}

impl Receiver {
    /// Waits until reading is worth a try.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::{io::AsyncWriteExt, net::unix::pipe};
    /// let (mut sender, receiver) = pipe::pipe().unwrap();
    /// sender.write_all(b"data").await.unwrap();
    /// receiver.readable().await.unwrap();
    /// assert_eq!(receiver.try_read(&mut [0; 8]).unwrap(), 4);
    /// # }
    /// ```
    pub async fn readable(&self) -> io::Result<()> {
        self.ready(Interest::READABLE).await?;
        Ok(())
    }

    /// Polls for something to read. Only the latest caller is woken.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use selvedge::{io::AsyncWriteExt, net::unix::pipe};
    /// let (mut sender, receiver) = pipe::pipe().unwrap();
    /// sender.write_all(b"data").await.unwrap();
    /// poll_fn(|cx| receiver.poll_read_ready(cx)).await.unwrap();
    /// # }
    /// ```
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io
            .registration()
            .poll_ready(cx, Direction::Read)
            .map_ok(drop)
    }
}

impl crate::io::AsyncRead for Receiver {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_mut().io.poll_read(cx, buf)
    }
}
