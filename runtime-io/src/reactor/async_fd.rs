//! `AsyncFd`: readiness of any file descriptor, for code that does its own system calls.
//!
//! I1: the descriptor number is read once, at registration; what `as_raw_fd` says later does not
//! matter to the reactor, which is safe with any number.
//! I2: deregistration comes before the inner value is given back or dropped.

use super::readiness::{Direction, ReadyEvent};
use super::registration::Registration;
use super::{Interest, Ready};
use std::error::Error;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll, ready};

const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// A file descriptor whose readiness can be awaited.
///
/// The descriptor must be in non-blocking mode and of a kind the OS can wait for (not a regular
/// file). `AsyncFd` does no I/O of its own: await [`readable`](AsyncFd::readable), try the system
/// call through the guard, and the guard forgets the readiness when the call would block.
///
/// ```
/// use selvedge::io::unix::AsyncFd;
/// use std::os::unix::net::UnixDatagram;
///
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (near, far) = UnixDatagram::pair()?;
/// near.set_nonblocking(true)?;
/// // SAFETY: the socket keeps its descriptor for as long as it lives.
/// let fd = unsafe { AsyncFd::register(near) }?;
/// far.send(b"hello")?;
/// let mut buf = [0; 16];
/// let n = loop {
///     let mut guard = fd.readable().await?;
///     match guard.try_io(|fd| fd.get_ref().recv(&mut buf)) {
///         Ok(result) => break result?,
///         Err(_would_block) => continue,
///     }
/// };
/// assert_eq!(&buf[..n], b"hello");
/// # Ok(())
/// # }
/// ```
pub struct AsyncFd<T: AsRawFd> {
    // Declared, hence dropped, before `inner`: I2.
    registration: Registration,
    inner: T,
}

/// A look at readiness, to be used up or kept; see [`AsyncFd::readable`].
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::io::Read;
/// use selvedge::io::unix::{AsyncFd, AsyncFdReadyGuard};
/// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
/// # near.set_nonblocking(true).unwrap();
/// # std::io::Write::write_all(&mut &far, b"data").unwrap();
/// let fd = AsyncFd::new(near).unwrap();
/// let mut guard: AsyncFdReadyGuard<'_, _> = fd.readable().await.unwrap();
/// match guard.try_io(|fd| fd.get_ref().read(&mut [0; 8])) {
///     Ok(read) => assert_eq!(read.unwrap(), 4),
///     Err(_would_block) => println!("not ready after all: the readiness is forgotten"),
/// }
/// # }
/// ```
#[must_use = "a guard that is ignored leaves the readiness set: say `clear_ready` or `retain_ready`"]
pub struct AsyncFdReadyGuard<'a, T: AsRawFd> {
    async_fd: &'a AsyncFd<T>,
    event: Option<ReadyEvent>,
}

/// Like [`AsyncFdReadyGuard`], with exclusive access to the inner value.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::io::Read;
/// use selvedge::io::unix::{AsyncFd, AsyncFdReadyMutGuard};
/// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
/// # near.set_nonblocking(true).unwrap();
/// # std::io::Write::write_all(&mut &far, b"data").unwrap();
/// let mut fd = AsyncFd::new(near).unwrap();
/// let mut guard: AsyncFdReadyMutGuard<'_, _> = fd.readable_mut().await.unwrap();
/// let read = guard.try_io(|fd| fd.get_mut().read(&mut [0; 8]));
/// assert_eq!(read.unwrap().unwrap(), 4);
/// # }
/// ```
#[must_use = "a guard that is ignored leaves the readiness set: say `clear_ready` or `retain_ready`"]
pub struct AsyncFdReadyMutGuard<'a, T: AsRawFd> {
    async_fd: &'a mut AsyncFd<T>,
    event: Option<ReadyEvent>,
}

impl<T: AsRawFd> AsyncFd<T> {
    /// Registers for reading and writing.
    ///
    /// # Safety
    /// The descriptor stays open, and the same, until the `AsyncFd` is gone.
    ///
    /// # Errors
    /// When the OS cannot wait for this descriptor; the error gives `inner` back.
    ///
    /// # Panics
    /// Outside of a runtime, or where I/O is not enabled.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::unix::AsyncFd;
    /// let (near, _far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// near.set_nonblocking(true).unwrap();
    /// // SAFETY: the descriptor is the stream's, which the `AsyncFd` owns.
    /// let fd = unsafe { AsyncFd::register(near) }.unwrap();
    /// # let _ = fd;
    /// # }
    /// ```
    #[track_caller]
    pub unsafe fn register(inner: T) -> Result<Self, AsyncFdRegisterError<T>> {
        AsyncFd::make(inner, BOTH)
    }

    /// Registers for `interest`.
    ///
    /// # Safety
    /// As for [`register`](AsyncFd::register).
    ///
    /// # Panics
    /// Outside of a runtime, or where I/O is not enabled.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{Interest, unix::AsyncFd};
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// // SAFETY: as above.
    /// let fd = unsafe { AsyncFd::register_with_interest(near, Interest::READABLE) }.unwrap();
    /// # let _ = (fd, far);
    /// # }
    /// ```
    #[track_caller]
    pub unsafe fn register_with_interest(
        inner: T,
        interest: Interest,
    ) -> Result<Self, AsyncFdRegisterError<T>> {
        AsyncFd::make(inner, interest)
    }

    /// Registers for reading and writing, without the promise `register` asks for.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let fd = AsyncFd::new(near).unwrap();
    /// fd.writable().await.unwrap().retain_ready();
    /// # drop(far);
    /// # }
    /// ```
    #[deprecated(note = "use `AsyncFd::register`, which states what the descriptor must keep to")]
    #[track_caller]
    pub fn new(inner: T) -> io::Result<Self> {
        AsyncFd::make(inner, BOTH).map_err(|e| e.cause)
    }

    /// Registers for `interest`, without the promise `register` asks for.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{Interest, unix::AsyncFd};
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let fd = AsyncFd::with_interest(near, Interest::READABLE).unwrap();
    /// # let _ = (fd, far);
    /// # }
    /// ```
    #[deprecated(note = "use `AsyncFd::register_with_interest`")]
    #[track_caller]
    pub fn with_interest(inner: T, interest: Interest) -> io::Result<Self> {
        AsyncFd::make(inner, interest).map_err(|e| e.cause)
    }

    /// Like `new`; the error gives `inner` back.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// # drop((near, far));
    /// let file = std::fs::File::open("/proc/self/exe").unwrap();
    /// // Files cannot be waited for: they come back.
    /// let (file, error) = AsyncFd::try_new(file).unwrap_err().into_parts();
    /// println!("{error}");
    /// # drop(file);
    /// # }
    /// ```
    #[deprecated(note = "use `AsyncFd::register`, which states what the descriptor must keep to")]
    #[track_caller]
    pub fn try_new(inner: T) -> Result<Self, AsyncFdRegisterError<T>> {
        AsyncFd::make(inner, BOTH)
    }

    /// Like `with_interest`; the error gives `inner` back.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{Interest, unix::AsyncFd};
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let fd = AsyncFd::try_with_interest(near, Interest::READABLE).unwrap();
    /// # let _ = (fd, far);
    /// # }
    /// ```
    #[deprecated(note = "use `AsyncFd::register_with_interest`")]
    #[track_caller]
    pub fn try_with_interest(
        inner: T,
        interest: Interest,
    ) -> Result<Self, AsyncFdRegisterError<T>> {
        AsyncFd::make(inner, interest)
    }

    #[track_caller]
    fn make(inner: T, interest: Interest) -> Result<Self, AsyncFdRegisterError<T>> {
        match Registration::new(inner.as_raw_fd(), interest) {
            Ok(registration) => Ok(AsyncFd {
                registration,
                inner,
            }),
            Err(cause) => Err(AsyncFdRegisterError { inner, cause }),
        }
    }

    /// The inner value.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let fd = AsyncFd::new(near).unwrap();
    /// assert!(fd.get_ref().peer_addr().unwrap().is_unnamed());
    /// # drop(far);
    /// # }
    /// ```
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// The inner value, exclusively.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let mut fd = AsyncFd::new(near).unwrap();
    /// fd.get_mut().set_nonblocking(true).unwrap();
    /// # drop(far);
    /// # }
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// Deregisters, and gives the inner value back.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let fd = AsyncFd::new(near).unwrap();
    /// let stream = fd.into_inner(); // the reactor knows it no more
    /// # drop((stream, far));
    /// # }
    /// ```
    pub fn into_inner(self) -> T {
        self.inner
    }

    /// Polls for readability. Only the latest caller is woken.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// # std::io::Write::write_all(&mut &far, b"data").unwrap();
    /// let fd = AsyncFd::new(near).unwrap();
    /// let guard = poll_fn(|cx| fd.poll_read_ready(cx)).await.unwrap();
    /// assert!(!guard.ready().is_empty());
    /// # drop(far);
    /// # }
    /// ```
    pub fn poll_read_ready<'a>(
        &'a self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        let event = ready!(self.registration.poll_ready(cx, Direction::Read))?;
        Poll::Ready(Ok(self.guard(event)))
    }

    /// Polls for readability, with a guard for exclusive access. Only the latest caller is woken.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// # std::io::Write::write_all(&mut &far, b"data").unwrap();
    /// let mut fd = AsyncFd::new(near).unwrap();
    /// poll_fn(|cx| fd.poll_read_ready_mut(cx).map_ok(drop)).await.unwrap();
    /// # drop(far);
    /// # }
    /// ```
    pub fn poll_read_ready_mut<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyMutGuard<'a, T>>> {
        let event = ready!(self.registration.poll_ready(cx, Direction::Read))?;
        Poll::Ready(Ok(self.guard_mut(event)))
    }

    /// Polls for writability. Only the latest caller is woken.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let fd = AsyncFd::new(near).unwrap();
    /// let guard = poll_fn(|cx| fd.poll_write_ready(cx)).await.unwrap();
    /// assert!(!guard.ready().is_empty());
    /// # drop(far);
    /// # }
    /// ```
    pub fn poll_write_ready<'a>(
        &'a self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        let event = ready!(self.registration.poll_ready(cx, Direction::Write))?;
        Poll::Ready(Ok(self.guard(event)))
    }

    /// Polls for writability, with a guard for exclusive access. Only the latest caller is woken.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let mut fd = AsyncFd::new(near).unwrap();
    /// poll_fn(|cx| fd.poll_write_ready_mut(cx).map_ok(drop)).await.unwrap();
    /// # drop(far);
    /// # }
    /// ```
    pub fn poll_write_ready_mut<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyMutGuard<'a, T>>> {
        let event = ready!(self.registration.poll_ready(cx, Direction::Write))?;
        Poll::Ready(Ok(self.guard_mut(event)))
    }

    fn guard(&self, event: ReadyEvent) -> AsyncFdReadyGuard<'_, T> {
        AsyncFdReadyGuard {
            async_fd: self,
            event: Some(event),
        }
    }

    fn guard_mut(&mut self, event: ReadyEvent) -> AsyncFdReadyMutGuard<'_, T> {
        AsyncFdReadyMutGuard {
            async_fd: self,
            event: Some(event),
        }
    }

    /// Waits for any of `interest`.
    ///
    /// # Cancel safety
    /// Safe: nothing is lost when the future is dropped. Any number may wait at once.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{Interest, unix::AsyncFd};
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let fd = AsyncFd::new(near).unwrap();
    /// let guard = fd.ready(Interest::READABLE | Interest::WRITABLE).await.unwrap();
    /// assert!(guard.ready().is_writable());
    /// # drop(far);
    /// # }
    /// ```
    pub async fn ready(&self, interest: Interest) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        let event = self.registration.readiness(interest).await?;
        Ok(self.guard(event))
    }

    /// Waits for any of `interest`, with a guard for exclusive access.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{Interest, unix::AsyncFd};
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let mut fd = AsyncFd::new(near).unwrap();
    /// let guard = fd.ready_mut(Interest::WRITABLE).await.unwrap();
    /// assert!(guard.ready().is_writable());
    /// # drop(far);
    /// # }
    /// ```
    pub async fn ready_mut(
        &mut self,
        interest: Interest,
    ) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        let event = self.registration.readiness(interest).await?;
        Ok(self.guard_mut(event))
    }

    /// Waits until it is readable.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::io::Read;
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// # std::io::Write::write_all(&mut &far, b"data").unwrap();
    /// let fd = AsyncFd::new(near).unwrap();
    /// let mut guard = fd.readable().await.unwrap();
    /// assert_eq!(guard.try_io(|fd| fd.get_ref().read(&mut [0; 8])).unwrap().unwrap(), 4);
    /// # }
    /// ```
    pub async fn readable<'a>(&'a self) -> io::Result<AsyncFdReadyGuard<'a, T>> {
        self.ready(Interest::READABLE).await
    }

    /// Waits until it is readable, with a guard for exclusive access.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::io::Read;
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// # std::io::Write::write_all(&mut &far, b"data").unwrap();
    /// let mut fd = AsyncFd::new(near).unwrap();
    /// let mut guard = fd.readable_mut().await.unwrap();
    /// assert_eq!(guard.get_inner_mut().read(&mut [0; 8]).unwrap(), 4);
    /// # }
    /// ```
    pub async fn readable_mut<'a>(&'a mut self) -> io::Result<AsyncFdReadyMutGuard<'a, T>> {
        self.ready_mut(Interest::READABLE).await
    }

    /// Waits until it is writable.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::io::Write;
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let fd = AsyncFd::new(near).unwrap();
    /// let mut guard = fd.writable().await.unwrap();
    /// assert_eq!(guard.try_io(|fd| fd.get_ref().write(b"data")).unwrap().unwrap(), 4);
    /// # drop(far);
    /// # }
    /// ```
    pub async fn writable<'a>(&'a self) -> io::Result<AsyncFdReadyGuard<'a, T>> {
        self.ready(Interest::WRITABLE).await
    }

    /// Waits until it is writable, with a guard for exclusive access.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::io::Write;
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let mut fd = AsyncFd::new(near).unwrap();
    /// let mut guard = fd.writable_mut().await.unwrap();
    /// assert_eq!(guard.get_inner_mut().write(b"data").unwrap(), 4);
    /// # drop(far);
    /// # }
    /// ```
    pub async fn writable_mut<'a>(&'a mut self) -> io::Result<AsyncFdReadyMutGuard<'a, T>> {
        self.ready_mut(Interest::WRITABLE).await
    }

    /// Waits for `interest` and runs `f`, again and again until it does not block.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::io::Read;
    /// use selvedge::io::{Interest, unix::AsyncFd};
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// # std::io::Write::write_all(&mut &far, b"data").unwrap();
    /// let fd = AsyncFd::new(near).unwrap();
    /// let read = fd.async_io(Interest::READABLE, |mut stream| stream.read(&mut [0; 8])).await;
    /// assert_eq!(read.unwrap(), 4);
    /// # }
    /// ```
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        mut f: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.registration
            .async_io(interest, || f(&self.inner))
            .await
    }

    /// Like [`async_io`](AsyncFd::async_io), with exclusive access.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::io::Read;
    /// use selvedge::io::{Interest, unix::AsyncFd};
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// # std::io::Write::write_all(&mut &far, b"data").unwrap();
    /// let mut fd = AsyncFd::new(near).unwrap();
    /// let read = fd.async_io_mut(Interest::READABLE, |stream| stream.read(&mut [0; 8])).await;
    /// assert_eq!(read.unwrap(), 4);
    /// # }
    /// ```
    pub async fn async_io_mut<R>(
        &mut self,
        interest: Interest,
        mut f: impl FnMut(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        let AsyncFd {
            registration,
            inner,
        } = self;
        registration.async_io(interest, || f(inner)).await
    }

    /// Runs `f` if `interest` is ready as far as is known.
    ///
    /// # Errors
    /// "Would block" if it is not, and then without having run `f`.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::io::{ErrorKind, Read};
    /// use selvedge::io::{Interest, unix::AsyncFd};
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let fd = AsyncFd::new(near).unwrap();
    /// let read = fd.try_io(Interest::READABLE, |mut stream| stream.read(&mut [0; 8]));
    /// assert_eq!(read.unwrap_err().kind(), ErrorKind::WouldBlock);
    /// # drop(far);
    /// # }
    /// ```
    pub fn try_io<R>(
        &self,
        interest: Interest,
        f: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.registration.try_io(interest, || f(&self.inner))
    }

    /// Like [`try_io`](AsyncFd::try_io), with exclusive access.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::io::{ErrorKind, Read};
    /// use selvedge::io::{Interest, unix::AsyncFd};
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let mut fd = AsyncFd::new(near).unwrap();
    /// let read = fd.try_io_mut(Interest::READABLE, |stream| stream.read(&mut [0; 8]));
    /// assert_eq!(read.unwrap_err().kind(), ErrorKind::WouldBlock);
    /// # drop(far);
    /// # }
    /// ```
    pub fn try_io_mut<R>(
        &mut self,
        interest: Interest,
        f: impl FnOnce(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        let AsyncFd {
            registration,
            inner,
        } = self;
        registration.try_io(interest, || f(inner))
    }
}

impl<T: AsRawFd> AsRawFd for AsyncFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }
}

impl<T: AsRawFd> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: `inner` keeps its descriptor open while it is borrowed, as `AsRawFd` types do
        // and `register` demands.
        unsafe { BorrowedFd::borrow_raw(self.inner.as_raw_fd()) }
    }
}

impl<T: AsRawFd + fmt::Debug> fmt::Debug for AsyncFd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFd")
            .field("inner", &self.inner)
            .finish()
    }
}

/// Forgets the flags `cleared` of the guard's event; the guard keeps the rest.
fn clear(registration: &Registration, event: &mut Option<ReadyEvent>, cleared: Ready) {
    let Some(seen) = event.take() else { return };
    registration.clear_seen(&seen, cleared);
    let left = seen.ready() - cleared;
    if !left.is_empty() {
        *event = Some(seen.with_ready(left));
    }
}

impl<'a, T: AsRawFd> AsyncFdReadyGuard<'a, T> {
    /// Says that a system call found the descriptor not ready.
    ///
    /// A side that was seen closed and is still closed stays ready: no later event would report it.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let fd = AsyncFd::new(near).unwrap();
    /// let mut guard = fd.writable().await.unwrap();
    /// guard.clear_ready(); // the next wait is for an event
    /// assert!(guard.ready().is_empty());
    /// # drop(far);
    /// # }
    /// ```
    pub fn clear_ready(&mut self) {
        clear(&self.async_fd.registration, &mut self.event, Ready::ALL);
    }

    /// Like [`clear_ready`](Self::clear_ready), for some of the flags only.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{Ready, unix::AsyncFd};
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let fd = AsyncFd::new(near).unwrap();
    /// let mut guard = fd.writable().await.unwrap();
    /// guard.clear_ready_matching(Ready::WRITABLE);
    /// assert!(!guard.ready().is_writable());
    /// # drop(far);
    /// # }
    /// ```
    pub fn clear_ready_matching(&mut self, ready: Ready) {
        clear(&self.async_fd.registration, &mut self.event, ready);
    }

    /// Keeps the readiness: the next wait ends at once. Nothing happens; it documents intent.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let fd = AsyncFd::new(near).unwrap();
    /// let mut guard = fd.writable().await.unwrap();
    /// guard.retain_ready(); // there may be more to write
    /// # drop(far);
    /// # }
    /// ```
    pub fn retain_ready(&mut self) {}

    /// The flags that were ready, less those cleared through this guard.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let fd = AsyncFd::new(near).unwrap();
    /// let guard = fd.writable().await.unwrap();
    /// assert!(guard.ready().is_writable());
    /// # drop(far);
    /// # }
    /// ```
    pub fn ready(&self) -> Ready {
        self.event.map_or(Ready::EMPTY, |event| event.ready())
    }

    /// Runs `f`, and forgets the readiness if it would block.
    ///
    /// # Errors
    /// [`TryIoError`] when it would block; any other error is `f`'s own.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::io::Write;
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let fd = AsyncFd::new(near).unwrap();
    /// let mut guard = fd.writable().await.unwrap();
    /// assert_eq!(guard.try_io(|fd| fd.get_ref().write(b"data")).unwrap().unwrap(), 4);
    /// # drop(far);
    /// # }
    /// ```
    pub fn try_io<R>(
        &mut self,
        f: impl FnOnce(&'a AsyncFd<T>) -> io::Result<R>,
    ) -> Result<io::Result<R>, TryIoError> {
        match f(self.async_fd) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if let Some(seen) = self.event.take() {
                    self.async_fd.registration.would_block(&seen);
                }
                Err(TryIoError(()))
            }
            result => Ok(result),
        }
    }

    /// The `AsyncFd` this guard is of.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let fd = AsyncFd::new(near).unwrap();
    /// let guard = fd.writable().await.unwrap();
    /// assert!(guard.get_ref().get_ref().peer_addr().is_ok());
    /// # drop(far);
    /// # }
    /// ```
    pub fn get_ref(&self) -> &'a AsyncFd<T> {
        self.async_fd
    }

    /// The value inside the `AsyncFd`.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let fd = AsyncFd::new(near).unwrap();
    /// let guard = fd.writable().await.unwrap();
    /// assert!(guard.get_inner().peer_addr().is_ok());
    /// # drop(far);
    /// # }
    /// ```
    pub fn get_inner(&self) -> &'a T {
        &self.async_fd.inner
    }
}

impl<T: AsRawFd> AsyncFdReadyMutGuard<'_, T> {
    /// Says that a system call found the descriptor not ready.
    ///
    /// A side that was seen closed and is still closed stays ready: no later event would report it.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let mut fd = AsyncFd::new(near).unwrap();
    /// let mut guard = fd.writable_mut().await.unwrap();
    /// guard.clear_ready(); // the next wait is for an event
    /// assert!(guard.ready().is_empty());
    /// # drop(far);
    /// # }
    /// ```
    pub fn clear_ready(&mut self) {
        clear(&self.async_fd.registration, &mut self.event, Ready::ALL);
    }

    /// Like [`clear_ready`](Self::clear_ready), for some of the flags only.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{Ready, unix::AsyncFd};
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let mut fd = AsyncFd::new(near).unwrap();
    /// let mut guard = fd.writable_mut().await.unwrap();
    /// guard.clear_ready_matching(Ready::WRITABLE);
    /// assert!(!guard.ready().is_writable());
    /// # drop(far);
    /// # }
    /// ```
    pub fn clear_ready_matching(&mut self, ready: Ready) {
        clear(&self.async_fd.registration, &mut self.event, ready);
    }

    /// Keeps the readiness: the next wait ends at once. Nothing happens; it documents intent.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let mut fd = AsyncFd::new(near).unwrap();
    /// let mut guard = fd.writable_mut().await.unwrap();
    /// guard.retain_ready(); // there may be more to write
    /// # drop(far);
    /// # }
    /// ```
    pub fn retain_ready(&mut self) {}

    /// The flags that were ready, less those cleared through this guard.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let mut fd = AsyncFd::new(near).unwrap();
    /// let guard = fd.writable_mut().await.unwrap();
    /// assert!(guard.ready().is_writable());
    /// # drop(far);
    /// # }
    /// ```
    pub fn ready(&self) -> Ready {
        self.event.map_or(Ready::EMPTY, |event| event.ready())
    }

    /// Runs `f`, and forgets the readiness if it would block.
    ///
    /// # Errors
    /// [`TryIoError`] when it would block; any other error is `f`'s own.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::io::Write;
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let mut fd = AsyncFd::new(near).unwrap();
    /// let mut guard = fd.writable_mut().await.unwrap();
    /// assert_eq!(guard.try_io(|fd| fd.get_mut().write(b"data")).unwrap().unwrap(), 4);
    /// # drop(far);
    /// # }
    /// ```
    pub fn try_io<R>(
        &mut self,
        f: impl FnOnce(&mut AsyncFd<T>) -> io::Result<R>,
    ) -> Result<io::Result<R>, TryIoError> {
        match f(self.async_fd) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if let Some(seen) = self.event.take() {
                    self.async_fd.registration.would_block(&seen);
                }
                Err(TryIoError(()))
            }
            result => Ok(result),
        }
    }

    /// The `AsyncFd` this guard is of.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let mut fd = AsyncFd::new(near).unwrap();
    /// let guard = fd.writable_mut().await.unwrap();
    /// assert!(guard.get_ref().get_ref().peer_addr().is_ok());
    /// # drop(far);
    /// # }
    /// ```
    pub fn get_ref(&self) -> &AsyncFd<T> {
        self.async_fd
    }

    /// The `AsyncFd` this guard is of, exclusively.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let mut fd = AsyncFd::new(near).unwrap();
    /// let mut guard = fd.writable_mut().await.unwrap();
    /// guard.get_mut().get_mut().set_nonblocking(true).unwrap();
    /// # drop(far);
    /// # }
    /// ```
    pub fn get_mut(&mut self) -> &mut AsyncFd<T> {
        self.async_fd
    }

    /// The value inside the `AsyncFd`.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let mut fd = AsyncFd::new(near).unwrap();
    /// let guard = fd.writable_mut().await.unwrap();
    /// assert!(guard.get_inner().peer_addr().is_ok());
    /// # drop(far);
    /// # }
    /// ```
    pub fn get_inner(&self) -> &T {
        &self.async_fd.inner
    }

    /// The value inside the `AsyncFd`, exclusively.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// let mut fd = AsyncFd::new(near).unwrap();
    /// let mut guard = fd.writable_mut().await.unwrap();
    /// guard.get_inner_mut().set_nonblocking(true).unwrap();
    /// # drop(far);
    /// # }
    /// ```
    pub fn get_inner_mut(&mut self) -> &mut T {
        &mut self.async_fd.inner
    }
}

impl<T: AsRawFd + fmt::Debug> fmt::Debug for AsyncFdReadyGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFdReadyGuard")
            .field("async_fd", &self.async_fd)
            .field("ready", &self.ready())
            .finish()
    }
}

impl<T: AsRawFd + fmt::Debug> fmt::Debug for AsyncFdReadyMutGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFdReadyMutGuard")
            .field("async_fd", &self.async_fd)
            .field("ready", &self.ready())
            .finish()
    }
}

/// `try_io` ran into "would block"; the readiness has been cleared.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::io::Read;
/// use selvedge::io::unix::{AsyncFd, TryIoError};
/// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
/// # near.set_nonblocking(true).unwrap();
/// let fd = AsyncFd::new(near).unwrap();
/// let mut guard = fd.writable().await.unwrap();
/// let would_block: Result<_, TryIoError> = guard.try_io(|fd| fd.get_ref().read(&mut [0; 8]));
/// assert!(would_block.is_err());
/// # drop(far);
/// # }
/// ```
#[derive(Debug)]
pub struct TryIoError(());

/// The OS refused to register a descriptor; gives back what was to be registered.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::io::unix::{AsyncFd, AsyncFdRegisterError};
/// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
/// # near.set_nonblocking(true).unwrap();
/// # drop((near, far));
/// let file = std::fs::File::open("/proc/self/exe").unwrap();
/// let error: AsyncFdRegisterError<_> = AsyncFd::try_new(file).unwrap_err();
/// println!("{error}");
/// # }
/// ```
pub struct AsyncFdRegisterError<T> {
    inner: T,
    cause: io::Error,
}

impl<T> AsyncFdRegisterError<T> {
    /// What was to be registered, and why that failed.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::unix::AsyncFd;
    /// # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    /// # near.set_nonblocking(true).unwrap();
    /// # drop((near, far));
    /// let file = std::fs::File::open("/proc/self/exe").unwrap();
    /// let (file, error) = AsyncFd::try_new(file).unwrap_err().into_parts();
    /// println!("{error}");
    /// # drop(file);
    /// # }
    /// ```
    pub fn into_parts(self) -> (T, io::Error) {
        (self.inner, self.cause)
    }
}

impl<T> From<AsyncFdRegisterError<T>> for io::Error {
    fn from(error: AsyncFdRegisterError<T>) -> io::Error {
        error.into_parts().1
    }
}

impl<T> fmt::Display for AsyncFdRegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.cause, f)
    }
}

impl<T> fmt::Debug for AsyncFdRegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncFdRegisterError")
            .field(&self.cause)
            .finish()
    }
}

impl<T> Error for AsyncFdRegisterError<T> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}
