//! [`OpenOptions`]: how a [`File`] is to be opened.

use super::File;
use crate::fs::handle::Handle;
use crate::fs::{on_pool, ring};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// How to open a file: for what, and whether to make or empty it.
///
/// ```
/// use selvedge::fs::OpenOptions;
/// use selvedge::io::AsyncWriteExt;
///
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let folder = std::env::temp_dir().join(format!("selvedge-doc-open-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # std::env::set_current_dir(&folder)?;
/// let mut log = OpenOptions::new().append(true).create(true).open("log.txt").await?;
/// log.write_all(b"one more line\n").await?;
/// log.flush().await?;
/// # assert_eq!(std::fs::read("log.txt")?, b"one more line\n");
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions {
    std: std::fs::OpenOptions,
    /// The same options in readable form; none if they came as the standard library's, which cannot be read.
    known: Option<Known>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    read: bool,
    write: bool,
    append: bool,
    truncate: bool,
    create: bool,
    create_new: bool,
    mode: Option<u32>,
    custom_flags: i32,
}

impl Known {
    /// Flags and mode for `open(2)`; none for options that make no sense: the standard library then gives the error.
    fn for_system(&self) -> Option<(i32, u32)> {
        let writes = self.write || self.append;
        let makes = self.create || self.create_new;
        if !writes && (makes || !self.read) {
            return None;
        }
        if self.truncate && !self.create_new && (self.append || !self.write) {
            return None;
        }
        let mut flags = match (self.read, writes) {
            (true, true) => libc::O_RDWR,
            (false, true) => libc::O_WRONLY,
            _ => libc::O_RDONLY,
        };
        let options = [
            (self.append, libc::O_APPEND),
            (makes, libc::O_CREAT),
            (self.create_new, libc::O_EXCL),
            (self.truncate && !self.create_new, libc::O_TRUNC),
        ];
        for (is_on, flag) in options {
            flags |= if is_on { flag } else { 0 };
        }
        flags |= libc::O_CLOEXEC | self.custom_flags & !libc::O_ACCMODE;
        let makes_any = flags & libc::O_CREAT != 0 || flags & libc::O_DIRECTORY != 0;
        Some((
            flags,
            if makes_any {
                self.mode.unwrap_or(0o666)
            } else {
                0
            },
        ))
    }
}

/// Setters that pass the option on to `std`'s.
macro_rules! options {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)*) => {$(
        $(#[$doc])*
        pub fn $name(&mut self, $name: $type) -> &mut OpenOptions {
            self.std.$name($name);
            if let Some(known) = &mut self.known {
                known.$name = $name.into();
            }
            self
        }
    )*};
}

impl OpenOptions {
    /// Nothing is chosen yet.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-new51-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// std::fs::write("a", "data")?;
    /// selvedge::fs::OpenOptions::new().read(true).open("a").await?;
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn new() -> OpenOptions {
        OpenOptions {
            std: std::fs::OpenOptions::new(),
            known: Some(Known::default()),
        }
    }

    options! {
        /// Open for reading?
        ///
        /// ```
        /// # #[selvedge::main(flavor = "current_thread")]
        /// # async fn main() -> std::io::Result<()> {
        /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-read45-{}", std::process::id()));
        /// # std::fs::create_dir_all(&folder)?;
        /// # std::env::set_current_dir(&folder)?;
        /// std::fs::write("a", "data")?;
        /// selvedge::fs::OpenOptions::new().read(true).open("a").await?;
        /// # std::fs::remove_dir_all(&folder)?;
        /// # Ok(())
        /// # }
        /// ```
        read: bool;
        /// Open for writing, at the start unless moved?
        ///
        /// ```
        /// # #[selvedge::main(flavor = "current_thread")]
        /// # async fn main() -> std::io::Result<()> {
        /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-write46-{}", std::process::id()));
        /// # std::fs::create_dir_all(&folder)?;
        /// # std::env::set_current_dir(&folder)?;
        /// selvedge::fs::OpenOptions::new().write(true).create(true).open("a").await?;
        /// # std::fs::remove_dir_all(&folder)?;
        /// # Ok(())
        /// # }
        /// ```
        write: bool;
        /// Open for writing, always at the end?
        ///
        /// ```
        /// # #[selvedge::main(flavor = "current_thread")]
        /// # async fn main() -> std::io::Result<()> {
        /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-append47-{}", std::process::id()));
        /// # std::fs::create_dir_all(&folder)?;
        /// # std::env::set_current_dir(&folder)?;
        /// use selvedge::{fs::OpenOptions, io::AsyncWriteExt};
        /// std::fs::write("a", "da")?;
        /// let mut file = OpenOptions::new().append(true).open("a").await?;
        /// file.write_all(b"ta").await?;
        /// file.flush().await?;
        /// assert_eq!(std::fs::read("a")?, b"data");
        /// # std::fs::remove_dir_all(&folder)?;
        /// # Ok(())
        /// # }
        /// ```
        append: bool;
        /// Empty the file? Needs `write`.
        ///
        /// ```
        /// # #[selvedge::main(flavor = "current_thread")]
        /// # async fn main() -> std::io::Result<()> {
        /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-truncate48-{}", std::process::id()));
        /// # std::fs::create_dir_all(&folder)?;
        /// # std::env::set_current_dir(&folder)?;
        /// std::fs::write("a", "data")?;
        /// selvedge::fs::OpenOptions::new().write(true).truncate(true).open("a").await?;
        /// assert!(std::fs::read("a")?.is_empty());
        /// # std::fs::remove_dir_all(&folder)?;
        /// # Ok(())
        /// # }
        /// ```
        truncate: bool;
        /// Make the file if there is none? Needs `write` or `append`.
        ///
        /// ```
        /// # #[selvedge::main(flavor = "current_thread")]
        /// # async fn main() -> std::io::Result<()> {
        /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-create49-{}", std::process::id()));
        /// # std::fs::create_dir_all(&folder)?;
        /// # std::env::set_current_dir(&folder)?;
        /// selvedge::fs::OpenOptions::new().write(true).create(true).open("a").await?;
        /// # std::fs::remove_dir_all(&folder)?;
        /// # Ok(())
        /// # }
        /// ```
        create: bool;
        /// Make the file, and fail if there is one? Overrides `create` and `truncate`.
        ///
        /// ```
        /// # #[selvedge::main(flavor = "current_thread")]
        /// # async fn main() -> std::io::Result<()> {
        /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-create-new50-{}", std::process::id()));
        /// # std::fs::create_dir_all(&folder)?;
        /// # std::env::set_current_dir(&folder)?;
        /// let mut options = selvedge::fs::OpenOptions::new();
        /// options.write(true).create_new(true);
        /// options.open("a").await?;
        /// assert!(options.open("a").await.is_err()); // it is there already
        /// # std::fs::remove_dir_all(&folder)?;
        /// # Ok(())
        /// # }
        /// ```
        create_new: bool;
        /// Permission bits of a file that is made, before the umask; 0o666 if not set.
        ///
        /// ```
        /// # #[selvedge::main(flavor = "current_thread")]
        /// # async fn main() -> std::io::Result<()> {
        /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-mode51-{}", std::process::id()));
        /// # std::fs::create_dir_all(&folder)?;
        /// # std::env::set_current_dir(&folder)?;
        /// use std::os::unix::fs::PermissionsExt;
        /// let mut options = selvedge::fs::OpenOptions::new();
        /// let file = options.write(true).create(true).mode(0o600).open("a").await?;
        /// assert_eq!(file.metadata().await?.permissions().mode() & 0o777, 0o600);
        /// # std::fs::remove_dir_all(&folder)?;
        /// # Ok(())
        /// # }
        /// ```
        mode: u32;
        /// Further flags for the system's `open`, like `O_NOFOLLOW`.
        ///
        /// ```
        /// # #[selvedge::main(flavor = "current_thread")]
        /// # async fn main() -> std::io::Result<()> {
        /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-custom-flags52-{}", std::process::id()));
        /// # std::fs::create_dir_all(&folder)?;
        /// # std::env::set_current_dir(&folder)?;
        /// const O_CLOEXEC: i32 = 0o2000000; // as the `libc` crate has it
        /// std::fs::write("a", "data")?;
        /// selvedge::fs::OpenOptions::new().read(true).custom_flags(O_CLOEXEC).open("a").await?;
        /// # std::fs::remove_dir_all(&folder)?;
        /// # Ok(())
        /// # }
        /// ```
        custom_flags: i32;
    }

    /// Opens the file.
    ///
    /// # Errors
    /// The system's; `InvalidInput` for options that make no sense together; and if the runtime shuts down
    /// first.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-open52-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// std::fs::write("a", "data")?;
    /// let file = selvedge::fs::OpenOptions::new().read(true).open("a").await?;
    /// assert_eq!(file.metadata().await?.len(), 4);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let (options, path) = (self.std.clone(), path.as_ref().to_owned());
        if let Some((flags, mode)) = self.known.as_ref().and_then(Known::for_system) {
            if let Some(opened) = ring::open(&path, flags, mode).await {
                return opened.map(File::opened);
            }
        }
        on_pool(move || options.open(&path).map(Handle::opened))
            .await
            .map(File::opened)
    }
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl From<std::fs::OpenOptions> for OpenOptions {
    fn from(std: std::fs::OpenOptions) -> OpenOptions {
        OpenOptions { std, known: None }
    }
}
