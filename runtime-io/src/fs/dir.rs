//! Folders: [`DirBuilder`] makes them, [`read_dir`] lists them.
//!
//! A listing is read in chunks, each one task on the pool. Chunks grow from [`FIRST_CHUNK`] to [`LAST_CHUNK`]
//! entries: a small folder is not read further than needed, a big one costs few tasks. The kind of an entry
//! comes with it from the system, so asking for it is not a task of its own.
//!
//! I1: the iterator of `std` is with the task while `source` is `Busy`; else it is in `source` or, at the end, in
//!     the listing's [`Anchor`].
//! I2: the anchor decides where the folder's descriptor, which entries share with the iterator, is closed: every
//!     entry and every owner of the iterator holds the anchor, and the anchor gets the iterator to close it last.

use super::sys::{self, Nature};
use super::{lost_task, on_pool};
use runtime_core::coop;
use runtime_core::spawn::{drop_off_worker, try_spawn_blocking_with};
use runtime_core::task::JoinHandle;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{FileType, Metadata};
use std::future::{Future, poll_fn};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, DirEntryExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

const FIRST_CHUNK: usize = 32;
const LAST_CHUNK: usize = 1024;

/// Flags to look at a folder without opening it, where the system can.
#[cfg(target_os = "linux")]
const PLACE: i32 = libc::O_PATH | libc::O_DIRECTORY;
#[cfg(not(target_os = "linux"))]
const PLACE: i32 = libc::O_DIRECTORY;

/// Makes folders with given permissions, or with their parents.
///
/// ```
/// use selvedge::fs::DirBuilder;
///
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let folder = std::env::temp_dir().join(format!("selvedge-doc-mkdir-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # std::env::set_current_dir(&folder)?;
/// DirBuilder::new().recursive(true).mode(0o700).create("a/b/c").await?;
/// # assert!(std::path::Path::new("a/b/c").is_dir());
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct DirBuilder {
    recursive: bool,
    mode: Option<u32>,
}

impl DirBuilder {
    /// One folder, with default permissions.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-new17-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// selvedge::fs::DirBuilder::new().create("new").await?;
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Make missing parents too, and accept a folder that exists?
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-recursive18-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// selvedge::fs::DirBuilder::new().recursive(true).create("a/b/c").await?;
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.recursive = recursive;
        self
    }

    /// Permission bits of the new folders, before the umask; 0o777 if not set.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-mode19-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use std::os::unix::fs::PermissionsExt;
    /// selvedge::fs::DirBuilder::new().mode(0o700).create("private").await?;
    /// let mode = selvedge::fs::metadata("private").await?.permissions().mode();
    /// assert_eq!(mode & 0o777, 0o700);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.mode = Some(mode);
        self
    }

    /// Makes the folder.
    ///
    /// # Errors
    /// The system's; and if the runtime shuts down first.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-create20-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// selvedge::fs::DirBuilder::new().create("new").await?;
    /// assert!(selvedge::fs::metadata("new").await?.is_dir());
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn create(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref().to_owned();
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(self.recursive);
        if let Some(mode) = self.mode {
            builder.mode(mode);
        }
        on_pool(move || builder.create(&path)).await
    }
}

/// Lists a folder, in no particular order and without `.` and `..`.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut entries = selvedge::fs::read_dir(".").await?;
/// while let Some(entry) = entries.next_entry().await? {
///     println!("{}", entry.path().display());
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// If the path is not a folder that may be read; and if the runtime shuts down first.
pub async fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    let path = path.as_ref().to_owned();
    let chunk = on_pool(move || Ok(Chunk::read(Rest::open(&path)?, FIRST_CHUNK))).await?;
    Ok(ReadDir {
        entries: chunk.entries,
        source: Source::of(chunk.rest),
        chunk: FIRST_CHUNK,
    })
}

/// Closes a listing's descriptor.
#[derive(Debug)]
struct Anchor {
    source: OnceLock<std::fs::ReadDir>,
    /// It is a folder of a local disk: closing it asks nobody.
    closes_at_once: bool,
}

impl Drop for Anchor {
    fn drop(&mut self) {
        match self.source.take() {
            Some(source) if !self.closes_at_once => drop_off_worker(source),
            _ => {}
        }
    }
}

/// What is yet to be listed. (`source` is there until the drop.)
#[derive(Debug)]
struct Rest {
    source: Option<std::fs::ReadDir>,
    anchor: Arc<Anchor>,
}

impl Rest {
    fn open(path: &Path) -> io::Result<Rest> {
        let source = std::fs::read_dir(path)?;
        // The listing's own descriptor cannot be had. If the path leads elsewhere by now, a close may wait, or go to the
        // pool without need.
        let mut options = std::fs::OpenOptions::new();
        let place = options.read(true).custom_flags(PLACE).open(path);
        let closes_at_once = place.is_ok_and(|place| sys::nature(&place) == Nature::Ordinary);
        Ok(Rest {
            source: Some(source),
            anchor: Arc::new(Anchor {
                source: OnceLock::new(),
                closes_at_once,
            }),
        })
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        if let Some(source) = self.source.take() {
            let _ = self.anchor.source.set(source);
        }
    }
}

/// A folder being listed; made by [`read_dir`].
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let folder = std::env::temp_dir().join(format!("selvedge-doc-ReadDir21-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # std::env::set_current_dir(&folder)?;
/// std::fs::write("a", "data")?;
/// let mut entries = selvedge::fs::read_dir(".").await?;
/// while let Some(entry) = entries.next_entry().await? {
///     assert_eq!(entry.file_name(), "a");
/// }
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "entries are only read when asked for"]
pub struct ReadDir {
    entries: VecDeque<io::Result<DirEntry>>,
    source: Source,
    chunk: usize,
}

#[derive(Debug)]
enum Source {
    Idle(Rest),
    Busy(JoinHandle<Chunk>),
    Ended,
}

impl Source {
    fn of(rest: Option<Rest>) -> Source {
        rest.map_or(Source::Ended, Source::Idle)
    }
}

/// The entries that one task has read, and the rest of the listing.
struct Chunk {
    entries: VecDeque<io::Result<DirEntry>>,
    rest: Option<Rest>,
}

impl Chunk {
    fn read(mut rest: Rest, most: usize) -> Chunk {
        let mut entries = VecDeque::with_capacity(most);
        while entries.len() < most {
            match rest.source.as_mut().and_then(Iterator::next) {
                Some(Ok(entry)) => entries.push_back(Ok(DirEntry {
                    kind: entry.file_type().ok(),
                    entry: Arc::new(entry),
                    _anchor: rest.anchor.clone(),
                })),
                // An error is reported in its place, and ends the chunk but not the listing.
                Some(Err(error)) => {
                    entries.push_back(Err(error));
                    break;
                }
                None => {
                    return Chunk {
                        entries,
                        rest: None,
                    };
                }
            }
        }
        Chunk {
            entries,
            rest: Some(rest),
        }
    }
}

impl ReadDir {
    /// The next entry; `None` after the last.
    ///
    /// # Errors
    /// The system's; and if the runtime shuts down first.
    ///
    /// # Cancel safety
    /// Cancel safe: no entry is lost.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-next-entry22-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// std::fs::write("a", "data")?;
    /// let mut entries = selvedge::fs::read_dir(".").await?;
    /// assert_eq!(entries.next_entry().await?.unwrap().file_name(), "a");
    /// assert!(entries.next_entry().await?.is_none());
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn next_entry(&mut self) -> io::Result<Option<DirEntry>> {
        poll_fn(|cx| self.poll_next_entry(cx)).await
    }

    /// [`next_entry`](ReadDir::next_entry) for hand-written futures.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-poll-next-entry23-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use std::future::poll_fn;
    /// std::fs::write("a", "data")?;
    /// let mut entries = selvedge::fs::read_dir(".").await?;
    /// let entry = poll_fn(|cx| entries.poll_next_entry(cx)).await?;
    /// assert_eq!(entry.unwrap().file_name(), "a");
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn poll_next_entry(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<DirEntry>>> {
        loop {
            if !self.entries.is_empty() {
                let coop = ready!(coop::poll_proceed(cx));
                coop.made_progress();
                return Poll::Ready(self.entries.pop_front().transpose());
            }
            match std::mem::replace(&mut self.source, Source::Ended) {
                Source::Ended => return Poll::Ready(Ok(None)),
                Source::Idle(rest) => {
                    self.chunk = (self.chunk * 4).min(LAST_CHUNK);
                    let most = self.chunk;
                    match try_spawn_blocking_with(rest, move |rest| Chunk::read(rest, most)) {
                        Ok(task) => self.source = Source::Busy(task),
                        Err((error, rest)) => {
                            self.source = Source::Idle(rest);
                            return Poll::Ready(Err(error));
                        }
                    }
                }
                Source::Busy(mut task) => match Pin::new(&mut task).poll(cx) {
                    Poll::Ready(Ok(chunk)) => {
                        self.entries = chunk.entries;
                        self.source = Source::of(chunk.rest);
                    }
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(lost_task())),
                    Poll::Pending => {
                        self.source = Source::Busy(task);
                        return Poll::Pending;
                    }
                },
            }
        }
    }
}

impl std::fmt::Debug for Chunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chunk")
            .field("entries", &self.entries.len())
            .field("has_rest", &self.rest.is_some())
            .finish()
    }
}

/// Something in a folder; given out by [`ReadDir`].
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let folder = std::env::temp_dir().join(format!("selvedge-doc-DirEntry24-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # std::env::set_current_dir(&folder)?;
/// use selvedge::fs::DirEntry;
/// std::fs::write("a", "data")?;
/// let entry: DirEntry = selvedge::fs::read_dir(".").await?.next_entry().await?.unwrap();
/// assert!(entry.file_type().await?.is_file());
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct DirEntry {
    entry: Arc<std::fs::DirEntry>,
    /// Known from the listing, on most file systems.
    kind: Option<FileType>,
    /// After the entry (I2).
    _anchor: Arc<Anchor>,
}

impl DirEntry {
    /// The folder's path with the name added.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-path25-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// std::fs::write("a", "data")?;
    /// let entry = selvedge::fs::read_dir(".").await?.next_entry().await?.unwrap();
    /// assert_eq!(entry.path(), std::path::Path::new("./a"));
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn path(&self) -> PathBuf {
        self.entry.path()
    }

    /// The name alone.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-file-name26-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// std::fs::write("a", "data")?;
    /// let entry = selvedge::fs::read_dir(".").await?.next_entry().await?.unwrap();
    /// assert_eq!(entry.file_name(), "a");
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn file_name(&self) -> OsString {
        self.entry.file_name()
    }

    /// The inode's number.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-ino27-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// std::fs::write("a", "data")?;
    /// let entry = selvedge::fs::read_dir(".").await?.next_entry().await?.unwrap();
    /// println!("inode {}", entry.ino());
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn ino(&self) -> u64 {
        self.entry.ino()
    }

    /// What the system knows of the entry itself: a symbolic link is not followed.
    ///
    /// # Errors
    /// The system's, as when the entry is gone by now; and if the runtime shuts down first.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-metadata28-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// std::fs::write("a", "data")?;
    /// let entry = selvedge::fs::read_dir(".").await?.next_entry().await?.unwrap();
    /// assert_eq!(entry.metadata().await?.len(), 4);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn metadata(&self) -> io::Result<Metadata> {
        let entry = self.entry.clone();
        on_pool(move || entry.metadata()).await
    }

    /// Is it a file, a folder or a symbolic link? Mostly known without asking the system again.
    ///
    /// # Errors
    /// As [`metadata`](DirEntry::metadata).
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-file-type29-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// std::fs::write("a", "data")?;
    /// let entry = selvedge::fs::read_dir(".").await?.next_entry().await?.unwrap();
    /// assert!(entry.file_type().await?.is_file());
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn file_type(&self) -> io::Result<FileType> {
        if let Some(kind) = self.kind {
            return Ok(kind);
        }
        let entry = self.entry.clone();
        on_pool(move || entry.file_type()).await
    }
}
