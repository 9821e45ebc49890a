//! [`OpenOptions`]: how a [`File`] is to be opened.

use super::{File, on_pool};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// How to open a file: for what, and whether to make or empty it.
///
/// ```ignore
/// let log = selvedge::fs::OpenOptions::new().append(true).create(true).open("log.txt").await?;
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions(std::fs::OpenOptions);

/// Setters that hand on to `std`'s.
macro_rules! options {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)*) => {$(
        $(#[$doc])*
        pub fn $name(&mut self, $name: $type) -> &mut OpenOptions {
            self.0.$name($name);
            self
        }
    )*};
}

impl OpenOptions {
    /// Nothing is chosen yet.
    pub fn new() -> OpenOptions {
        OpenOptions(std::fs::OpenOptions::new())
    }

    options! {
        /// Open for reading?
        read: bool;
        /// Open for writing, at the start unless moved?
        write: bool;
        /// Open for writing, always at the end?
        append: bool;
        /// Empty the file? Needs `write`.
        truncate: bool;
        /// Make the file if there is none? Needs `write` or `append`.
        create: bool;
        /// Make the file, and fail if there is one? Overrides `create` and `truncate`.
        create_new: bool;
        /// Permission bits of a file that is made, before the umask; 0o666 if not set.
        mode: u32;
        /// Further flags for the system's `open`, like `O_NOFOLLOW`.
        custom_flags: i32;
    }

    /// Opens the file.
    ///
    /// # Errors
    /// The system's; `InvalidInput` for options that make no sense together; and if the runtime shuts down
    /// first.
    pub async fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let (options, path) = (self.0.clone(), path.as_ref().to_owned());
        on_pool(move || options.open(path)).await.map(File::opened)
    }
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl From<std::fs::OpenOptions> for OpenOptions {
    fn from(options: std::fs::OpenOptions) -> OpenOptions {
        OpenOptions(options)
    }
}
