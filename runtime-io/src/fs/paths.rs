//! The functions that take a path and are one call of `std::fs`. Each is an operation of a ring where there is one; a mere
//! look at a path is answered at once if the kernel has the answer in memory; else each is one task on the pool.

use super::{at_once, on_pool, on_pool_for_sure, ring};
use std::fs::{Metadata, Permissions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Functions of one path; `or` names the function that may know the answer at once.
macro_rules! of_path {
    ($($(#[$doc:meta])* $name:ident -> $output:ty = $std:path $(, or $at_once:path)?;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// Those of the function of the same name in `std::fs`; and if the runtime shuts down first.
        pub async fn $name(path: impl AsRef<Path>) -> io::Result<$output> {
            let path = path.as_ref().to_owned();
            $(if let Some(answer) = $at_once(&path).await {
                return Ok(answer);
            })?
            on_pool(move || $std(&path)).await
        }
    )*};
}

of_path! {
    /// The absolute form of a path, without symbolic links and dots in it.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-canonicalize1-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// std::fs::write("a", "")?;
    /// assert!(selvedge::fs::canonicalize("./a").await?.is_absolute());
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    canonicalize -> PathBuf = std::fs::canonicalize;
    /// Makes a folder; its parent must exist.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-create-dir2-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// selvedge::fs::create_dir("new").await?;
    /// assert!(selvedge::fs::create_dir("new").await.is_err()); // it is there already
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    create_dir -> () = std::fs::create_dir;
    /// Makes a folder and whichever of its parents are missing.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-create-dir-all3-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// selvedge::fs::create_dir_all("a/b/c").await?;
    /// assert!(selvedge::fs::try_exists("a/b/c").await?);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    create_dir_all -> () = std::fs::create_dir_all;
    /// What the system knows of a file or folder, symbolic links followed.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-metadata4-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// std::fs::write("a", "data")?;
    /// assert_eq!(selvedge::fs::metadata("a").await?.len(), 4);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    metadata -> Metadata = std::fs::metadata, or at_once::metadata;
    /// What the system knows of a path itself, be it a symbolic link.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-symlink-metadata5-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// selvedge::fs::symlink("target", "link").await?;
    /// assert!(selvedge::fs::symlink_metadata("link").await?.is_symlink());
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    symlink_metadata -> Metadata = std::fs::symlink_metadata, or at_once::symlink_metadata;
    /// All of a file, as text. It is an error (`InvalidData`) if it is not UTF-8.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-read-to-string6-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// std::fs::write("a", "data")?;
    /// assert_eq!(selvedge::fs::read_to_string("a").await?, "data");
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    read_to_string -> String = std::fs::read_to_string;
    /// Where a symbolic link points.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-read-link7-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// selvedge::fs::symlink("target", "link").await?;
    /// assert_eq!(selvedge::fs::read_link("link").await?, std::path::Path::new("target"));
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    read_link -> PathBuf = std::fs::read_link;
    /// Removes an empty folder.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-remove-dir8-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// selvedge::fs::create_dir("new").await?;
    /// selvedge::fs::remove_dir("new").await?;
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    remove_dir -> () = std::fs::remove_dir;
    /// Removes a folder with everything in it; symbolic links in it are removed, not followed.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-remove-dir-all9-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// selvedge::fs::create_dir_all("a/b").await?;
    /// selvedge::fs::remove_dir_all("a").await?;
    /// assert!(!selvedge::fs::try_exists("a").await?);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    remove_dir_all -> () = std::fs::remove_dir_all;
    /// Removes a file's name. A file that is open stays readable until it is closed.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-remove-file10-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// std::fs::write("a", "data")?;
    /// selvedge::fs::remove_file("a").await?;
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    remove_file -> () = std::fs::remove_file;
}

/// Functions from one path to another.
macro_rules! of_two_paths {
    ($($(#[$doc:meta])* $name:ident($from:ident, $to:ident) -> $output:ty = $std:path;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// Those of the function's counterpart in `std`; and if the runtime shuts down first.
        pub async fn $name($from: impl AsRef<Path>, $to: impl AsRef<Path>) -> io::Result<$output> {
            let ($from, $to) = ($from.as_ref().to_owned(), $to.as_ref().to_owned());
            on_pool(move || $std(&$from, &$to)).await
        }
    )*};
}

of_two_paths! {
    /// Copies content and permissions of a file, replacing what is at `to`; gives the number of bytes.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-copy11-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// std::fs::write("a", "data")?;
    /// assert_eq!(selvedge::fs::copy("a", "b").await?, 4);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    copy(from, to) -> u64 = std::fs::copy;
    /// A second name for a file.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-hard-link12-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// std::fs::write("a", "data")?;
    /// selvedge::fs::hard_link("a", "b").await?;
    /// assert_eq!(selvedge::fs::read("b").await?, b"data");
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    hard_link(original, link) -> () = std::fs::hard_link;
    /// Makes a symbolic link to `original`, which need not exist.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-symlink13-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// std::fs::write("a", "data")?;
    /// selvedge::fs::symlink("a", "b").await?;
    /// assert_eq!(selvedge::fs::read("b").await?, b"data");
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    symlink(original, link) -> () = std::os::unix::fs::symlink;
}

/// All the bytes of a file.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let folder = std::env::temp_dir().join(format!("selvedge-doc-read-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # std::env::set_current_dir(&folder)?;
/// # std::fs::write("logo.png", "\u{89}PNG")?;
/// let image = selvedge::fs::read("logo.png").await?;
/// # assert!(!image.is_empty());
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Those of `std::fs::read`; and if the runtime shuts down first.
pub async fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let path = path.as_ref().to_owned();
    if let Some(result) = ring::read(&path).await {
        return result;
    }
    on_pool(move || std::fs::read(&path)).await
}

/// Renames a file or folder within its file system, replacing a file at `to`.
///
/// # Errors
/// Those of `std::fs::rename`; and if the runtime shuts down first.
///
/// # Examples
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let folder = std::env::temp_dir().join(format!("selvedge-doc-rename14-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # std::env::set_current_dir(&folder)?;
/// std::fs::write("a", "data")?;
/// selvedge::fs::rename("a", "b").await?;
/// assert!(!selvedge::fs::try_exists("a").await?);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
pub async fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    match ring::rename(&from, &to).await {
        Some(result) => result,
        None => on_pool(move || std::fs::rename(&from, &to)).await,
    }
}

/// Does the path lead to something? An error means that it could not be found out.
///
/// # Errors
/// Those of `std::fs::exists`; and if the runtime shuts down first.
///
/// # Examples
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let folder = std::env::temp_dir().join(format!("selvedge-doc-try-exists15-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # std::env::set_current_dir(&folder)?;
/// assert!(!selvedge::fs::try_exists("a").await?);
/// std::fs::write("a", "data")?;
/// assert!(selvedge::fs::try_exists("a").await?);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
pub async fn try_exists(path: impl AsRef<Path>) -> io::Result<bool> {
    let path = path.as_ref().to_owned();
    if let Some(result) = ring::exists(&path).await {
        return result;
    }
    match at_once::try_exists(&path).await {
        Some(there) => Ok(there),
        None => on_pool(move || std::fs::exists(&path)).await,
    }
}

/// Changes the permissions of a file or folder.
///
/// # Errors
/// Those of `std::fs::set_permissions`; and if the runtime shuts down first.
///
/// # Examples
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let folder = std::env::temp_dir().join(format!("selvedge-doc-set-permissions16-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # std::env::set_current_dir(&folder)?;
/// std::fs::write("a", "data")?;
/// let mut permissions = selvedge::fs::metadata("a").await?.permissions();
/// permissions.set_readonly(true);
/// selvedge::fs::set_permissions("a", permissions).await?;
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
pub async fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    on_pool(move || std::fs::set_permissions(&path, permissions.clone())).await
}

/// Replaces all of a file's content, making the file if there is none.
///
/// Once polled it happens, even if the future is dropped or the runtime shuts down. (Through an io_uring, feature
/// `io-uring`, it is a task: a shutdown ends it where it stands.)
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let folder = std::env::temp_dir().join(format!("selvedge-doc-write-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # std::env::set_current_dir(&folder)?;
/// selvedge::fs::write("greeting.txt", "hello").await?;
/// # assert_eq!(std::fs::read("greeting.txt")?, b"hello");
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Those of `std::fs::write`; and if the runtime has shut down.
pub async fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    let contents = Arc::<[u8]>::from(contents.as_ref());
    if let Some(task) = ring::write(&path, &contents) {
        if let Some(result) = task.await {
            return result;
        }
    }
    on_pool_for_sure(move || std::fs::write(&path, &contents)).await
}
