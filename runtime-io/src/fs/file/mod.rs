//! [`File`]: an open file; [`OpenOptions`] to open one, [`FileTimes`] for its time stamps.
//!
//! Reading, writing, seeking and `set_len` go through the [`engine`]; any other operation on the file (its metadata,
//! a sync) is a task of its own. `&self` operations that must come after the write under way (`sync_all`,
//! `sync_data`, `set_len`, `set_times`, `try_clone`) lock the engine for their whole duration.
//!
//! After a drop the descriptor is closed once the task under way is through: accepted bytes are not lost. `Handle`
//! says which thread closes it.

mod ahead;
mod buf;
mod engine;
mod open;

pub use open::OpenOptions;

use super::handle::Handle;
use super::{at_once, on_pool};
use crate::io::{AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};
use engine::Engine;
use runtime_core::sync::Mutex;
use std::fmt;
use std::fs::{File as StdFile, Metadata, Permissions};
use std::future::poll_fn;
use std::io::{self, IoSlice, SeekFrom};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

/// Most bytes of one read or write, unless changed.
const MAX_BUF_SIZE: usize = 2 * 1024 * 1024;

/// An open file.
///
/// A write returns when the file has a copy of the bytes; they reach the system in the background, at most
/// one write at a time. The next write, flush or sync returns an error that occurs there: **flush before
/// dropping the file** to see it. Bytes that were accepted are written even if the file is dropped or the
/// runtime shuts down.
///
/// Dropped with nothing under way, an ordinary file on a disk of this machine is closed at once, as are pipes and
/// terminals. Where closing may have to wait for an answer (file systems of networks, of user space, and those stacked
/// on others), a worker leaves it to the blocking pool, and goes on.
///
/// ```
/// use selvedge::fs::File;
/// use selvedge::io::AsyncWriteExt;
///
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let folder = std::env::temp_dir().join(format!("selvedge-doc-file-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # std::env::set_current_dir(&folder)?;
/// let mut file = File::create("greeting.txt").await?;
/// file.write_all(b"hello").await?;
/// file.flush().await?;
/// # assert_eq!(std::fs::read("greeting.txt")?, b"hello");
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
pub struct File {
    file: Arc<Handle>,
    engine: Mutex<Engine>,
    max_buf_size: usize,
}

impl File {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// The system's; and if the runtime shuts down first.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-open30-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use selvedge::{fs::File, io::AsyncReadExt};
    /// std::fs::write("a", "data")?;
    /// let mut text = String::new();
    /// File::open("a").await?.read_to_string(&mut text).await?;
    /// assert_eq!(text, "data");
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn open(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().read(true).open(path).await
    }

    /// Opens a file for writing; makes it if there is none, empties it if there is.
    ///
    /// # Errors
    /// As [`open`](File::open).
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-create31-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use selvedge::{fs::File, io::AsyncWriteExt};
    /// let mut file = File::create("a").await?;
    /// file.write_all(b"data").await?;
    /// file.flush().await?; // writes may be under way until then
    /// assert_eq!(std::fs::read("a")?, b"data");
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn create(path: impl AsRef<Path>) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        options.open(path).await
    }

    /// Makes a file and opens it for reading and writing; fails if there is one already.
    ///
    /// # Errors
    /// As [`open`](File::open), and `AlreadyExists`.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-create-new32-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use selvedge::fs::File;
    /// File::create_new("a").await?;
    /// assert!(File::create_new("a").await.is_err()); // it is there already
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn create_new<P: AsRef<Path>>(path: P) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        options.open(path).await
    }

    /// [`OpenOptions::new`], for code that has only `File` at hand.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-options33-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use selvedge::fs::File;
    /// File::options().write(true).create(true).open("a").await?;
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// A file of the standard library's.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-from-std34-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use selvedge::fs::File;
    /// std::fs::write("a", "data")?;
    /// let file = File::from_std(std::fs::File::open("a")?);
    /// assert_eq!(file.metadata().await?.len(), 4);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_std(file: StdFile) -> File {
        // Its maker may have cloned it.
        File::new(Handle::foreign(file), true)
    }

    /// A file that was just opened: its position is not shared.
    pub(super) fn opened(file: Handle) -> File {
        File::new(file, false)
    }

    fn new(file: Handle, is_shared: bool) -> File {
        File {
            file: Arc::new(file),
            engine: Mutex::const_new(Engine::new(is_shared)),
            max_buf_size: MAX_BUF_SIZE,
        }
    }

    /// Waits until everything written so far is on the disk, content and metadata.
    ///
    /// # Errors
    /// The system's, that of an earlier write too; and if the runtime shuts down first.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-sync-all35-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use selvedge::{fs::File, io::AsyncWriteExt};
    /// let mut file = File::create("a").await?;
    /// file.write_all(b"data").await?;
    /// file.sync_all().await?; // on the disk from here on
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn sync_all(&self) -> io::Result<()> {
        self.after_writes(|file| file.sync_all()).await
    }

    /// Like [`sync_all`](File::sync_all), without metadata that reading does not need.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-sync-data36-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use selvedge::{fs::File, io::AsyncWriteExt};
    /// let mut file = File::create("a").await?;
    /// file.write_all(b"data").await?;
    /// file.sync_data().await?;
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn sync_data(&self) -> io::Result<()> {
        self.after_writes(|file| file.sync_data()).await
    }

    async fn after_writes(&self, f: fn(&StdFile) -> io::Result<()>) -> io::Result<()> {
        let mut engine = self.engine.lock().await;
        poll_fn(|cx| engine.poll_settled(cx)).await;
        engine.take_failed_write()?;
        let file = self.file.clone();
        on_pool(move || f(&file)).await
    }

    /// Cuts the file, or extends it with zeros, to `size` bytes. The position stays, even if it is beyond the end then.
    ///
    /// # Errors
    /// The system's, as for a file not open for writing; and if the runtime has shut down.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-set-len37-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use selvedge::fs::File;
    /// let file = File::create("a").await?;
    /// file.set_len(10).await?;
    /// assert_eq!(std::fs::read("a")?, [0; 10]);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn set_len(&self, size: u64) -> io::Result<()> {
        let mut engine = self.engine.lock().await;
        poll_fn(|cx| engine.poll_settled(cx)).await;
        engine.start_set_len(&self.file, size)?;
        poll_fn(|cx| engine.poll_set_len(cx)).await
    }

    /// What the system knows of the file. Flush first for its length to count writes under way.
    ///
    /// # Errors
    /// The system's; and if the runtime shuts down first.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-metadata38-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// let file = selvedge::fs::File::create("a").await?;
    /// assert_eq!(file.metadata().await?.len(), 0);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn metadata(&self) -> io::Result<Metadata> {
        if let Some(metadata) = at_once::metadata_of(&self.file).await {
            return Ok(metadata);
        }
        self.with_file(|file| file.metadata()).await
    }

    /// A second handle with the same position: moving one moves the other.
    ///
    /// Bytes that a dropped read took are read again, by the first of the handles to read. Those of a pipe or a terminal
    /// are read by this handle.
    ///
    /// # Errors
    /// The system's, as when no descriptor is left; and if the runtime shuts down first.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-try-clone39-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use selvedge::{fs::File, io::AsyncReadExt};
    /// std::fs::write("a", "data")?;
    /// let mut file = File::open("a").await?;
    /// let mut other = file.try_clone().await?;
    /// assert_eq!(other.read_u16().await?, u16::from_be_bytes(*b"da"));
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn try_clone(&self) -> io::Result<File> {
        let mut engine = self.engine.lock().await;
        poll_fn(|cx| engine.poll_settled(cx)).await;
        engine.share();
        engine.start_settling(&self.file)?;
        poll_fn(|cx| engine.poll_settled(cx)).await;
        let file = self
            .with_file(|file| file.try_clone().map(Handle::foreign))
            .await?;
        Ok(File {
            max_buf_size: self.max_buf_size,
            ..File::new(file, true)
        })
    }

    /// The standard library's file, after the write under way. An error of that write is not reported: flush
    /// first to see it. Bytes that a dropped read took from a pipe or a terminal are lost: read them first, or use
    /// [`try_into_std`](File::try_into_std).
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-into-std40-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// let file = selvedge::fs::File::create("a").await?;
    /// let std: std::fs::File = file.into_std().await;
    /// assert!(std.metadata()?.is_file());
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn into_std(mut self) -> StdFile {
        let engine = self.engine.get_mut();
        poll_fn(|cx| engine.poll_settled(cx)).await;
        if engine.start_settling(&self.file).is_err() {
            // There is no thread for it, and no way to report that: better wait for the disk here than lose bytes.
            engine.settle_now(&self.file);
        }
        poll_fn(|cx| engine.poll_settled(cx)).await;
        match Arc::try_unwrap(self.file) {
            Ok(file) => file.into_std(),
            // A task of a dropped future (`metadata`, say) still uses it.
            Err(shared) => shared.try_clone().expect("no descriptor for the file"),
        }
    }

    /// The standard library's file, at once.
    ///
    /// # Errors
    /// Gives the file back while an operation is under way, and while it has bytes that a dropped read took from a pipe
    /// or a terminal: the next read gets them.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-try-into-std41-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// let file = selvedge::fs::File::create("a").await?;
    /// let std = file.try_into_std().expect("nothing is under way");
    /// assert!(std.metadata()?.is_file());
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    #[allow(clippy::result_large_err)] // The signature is tokio's, and the file just moves back.
    pub fn try_into_std(mut self) -> Result<StdFile, File> {
        // A task may have ended without its outcome having been taken.
        let mut cx = Context::from_waker(Waker::noop());
        let engine = self.engine.get_mut();
        if engine.poll_settled(&mut cx).is_pending() {
            return Err(self);
        }
        if Arc::get_mut(&mut self.file).is_some() {
            engine.settle_now(&self.file);
        }
        if engine.is_ahead() {
            return Err(self);
        }
        let File {
            file,
            engine,
            max_buf_size,
        } = self;
        match Arc::try_unwrap(file) {
            Ok(file) => Ok(file.into_std()),
            Err(file) => Err(File {
                file,
                engine,
                max_buf_size,
            }),
        }
    }

    /// Changes the file's permissions.
    ///
    /// # Errors
    /// The system's; and if the runtime shuts down first.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-set-permissions42-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// let file = selvedge::fs::File::create("a").await?;
    /// let mut permissions = file.metadata().await?.permissions();
    /// permissions.set_readonly(true);
    /// file.set_permissions(permissions).await?;
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        self.with_file(move |file| file.set_permissions(permissions.clone()))
            .await
    }

    /// Changes the file's time stamps, after the read or write under way: that would change them again.
    ///
    /// # Errors
    /// The system's; and if the runtime shuts down first.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-set-times43-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use std::time::SystemTime;
    /// use selvedge::fs::{File, FileTimes};
    /// let file = File::create("a").await?;
    /// file.set_times(FileTimes::new().set_modified(SystemTime::UNIX_EPOCH)).await?;
    /// assert_eq!(file.metadata().await?.modified()?, SystemTime::UNIX_EPOCH);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn set_times(&self, times: FileTimes) -> io::Result<()> {
        let mut engine = self.engine.lock().await;
        poll_fn(|cx| engine.poll_settled(cx)).await;
        self.with_file(move |file| file.set_times(times.0)).await
    }

    /// Changes the time of the last change.
    ///
    /// # Errors
    /// As [`set_times`](File::set_times).
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-set-modified44-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use std::time::SystemTime;
    /// let file = selvedge::fs::File::create("a").await?;
    /// file.set_modified(SystemTime::UNIX_EPOCH).await?;
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.set_times(FileTimes::new().set_modified(time)).await
    }

    /// Sets the most bytes that one read or write moves; 2 MiB at first.
    ///
    /// # Panics
    /// If it is 0.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-set-max-buf-size45-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// let mut file = selvedge::fs::File::create("a").await?;
    /// file.set_max_buf_size(64 * 1024);
    /// assert_eq!(file.max_buf_size(), 64 * 1024);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn set_max_buf_size(&mut self, max_buf_size: usize) {
        assert!(max_buf_size > 0, "`max_buf_size` must be greater than 0");
        self.max_buf_size = max_buf_size;
    }

    /// The most bytes that one read or write moves.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-max-buf-size46-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// let file = selvedge::fs::File::create("a").await?;
    /// assert_eq!(file.max_buf_size(), 2 * 1024 * 1024);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn max_buf_size(&self) -> usize {
        self.max_buf_size
    }

    /// One task, beside the engine's.
    async fn with_file<T: Send + 'static>(
        &self,
        f: impl Fn(&StdFile) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let file = self.file.clone();
        on_pool(move || f(&file)).await
    }
}

impl AsyncRead for File {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let most = this.max_buf_size;
        this.engine.get_mut().poll_read(&this.file, cx, buf, most)
    }
}

impl AsyncSeek for File {
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        let this = self.get_mut();
        this.engine.get_mut().start_seek(&this.file, position)
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        self.get_mut().engine.get_mut().poll_complete(cx)
    }
}

impl AsyncWrite for File {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let most = this.max_buf_size;
        this.engine.get_mut().poll_write(&this.file, cx, bufs, most)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().engine.get_mut().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("tokio::fs::File")
            .field("std", &**self.file)
            .finish()
    }
}

impl From<StdFile> for File {
    fn from(file: StdFile) -> File {
        File::from_std(file)
    }
}

impl From<OwnedFd> for File {
    fn from(descriptor: OwnedFd) -> File {
        File::from_std(descriptor.into())
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

impl FromRawFd for File {
    unsafe fn from_raw_fd(descriptor: RawFd) -> File {
        // SAFETY: the caller's promise, that the descriptor is open and theirs to give, is the same.
        File::from_std(unsafe { StdFile::from_raw_fd(descriptor) })
    }
}

/// Time stamps for [`File::set_times`]; what is not set stays.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let folder = std::env::temp_dir().join(format!("selvedge-doc-FileTimes47-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # std::env::set_current_dir(&folder)?;
/// use std::time::SystemTime;
/// use selvedge::fs::{File, FileTimes};
/// let now = SystemTime::now();
/// let file = File::create("a").await?;
/// file.set_times(FileTimes::new().set_accessed(now).set_modified(now)).await?;
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct FileTimes(std::fs::FileTimes);

impl FileTimes {
    /// Nothing set.
    ///
    /// ```
    /// let unchanged = selvedge::fs::FileTimes::new();
    /// # let _ = unchanged;
    /// ```
    pub fn new() -> FileTimes {
        FileTimes::default()
    }

    /// The time of the last access.
    ///
    /// ```
    /// use std::time::SystemTime;
    /// let times = selvedge::fs::FileTimes::new().set_accessed(SystemTime::now());
    /// # let _ = times;
    /// ```
    #[must_use]
    pub fn set_accessed(self, time: SystemTime) -> FileTimes {
        FileTimes(self.0.set_accessed(time))
    }

    /// The time of the last change.
    ///
    /// ```
    /// use std::time::SystemTime;
    /// let times = selvedge::fs::FileTimes::new().set_modified(SystemTime::now());
    /// # let _ = times;
    /// ```
    #[must_use]
    pub fn set_modified(self, time: SystemTime) -> FileTimes {
        FileTimes(self.0.set_modified(time))
    }
}
