//! A listener that permits or forbids opens and reads (fanotify, as a virus scanner uses it) may be a task of the runtime
//! that uses the files, even on a single thread.

use std::fs::File as StdFile;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::folder::Folder;
use crate::mounts;
use crate::support::{current, within};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

/// Makes a listener that the kernel asks about every open and read in the file system.
fn listener(place: &Path) -> io::Result<StdFile> {
    let place = std::ffi::CString::new(place.as_os_str().as_bytes()).unwrap();
    let flags = libc::FAN_CLASS_CONTENT | libc::FAN_CLOEXEC | libc::FAN_NONBLOCK;
    // SAFETY: a call without memory arguments.
    let fd = unsafe { libc::fanotify_init(flags, libc::O_RDONLY as u32) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just given us this descriptor.
    let listener = StdFile::from(unsafe { OwnedFd::from_raw_fd(fd) });
    let add = libc::FAN_MARK_ADD | libc::FAN_MARK_FILESYSTEM;
    let events = libc::FAN_OPEN_PERM | libc::FAN_ACCESS_PERM;
    let here = libc::AT_FDCWD;
    // SAFETY: the path is a string.
    let marked =
        unsafe { libc::fanotify_mark(listener.as_raw_fd(), add, events, here, place.as_ptr()) };
    match marked {
        0 => Ok(listener),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Permits everything, and counts the permissions.
async fn permit(listener: StdFile, permitted: Arc<AtomicUsize>) {
    const EVENT: usize = size_of::<libc::fanotify_event_metadata>();
    // SAFETY: a file's descriptor stays what it is.
    let listener = unsafe { AsyncFd::register(listener) }.unwrap();
    loop {
        let mut ready = listener.readable().await.unwrap();
        let mut events = [0; 64 * EVENT];
        let Ok(n) = ready.try_io(|listener| listener.get_ref().read(&mut events)) else {
            continue;
        };
        for event in events[..n.unwrap()].chunks_exact(EVENT) {
            // At offset 16: the descriptor of the event's file.
            let fd = i32::from_ne_bytes(event[16..20].try_into().unwrap());
            // SAFETY: the kernel has made it for us.
            let about = unsafe { OwnedFd::from_raw_fd(fd) };
            let mut answer = about.as_raw_fd().to_ne_bytes().to_vec();
            answer.extend(libc::FAN_ALLOW.to_ne_bytes());
            listener.get_ref().write_all(&answer).unwrap();
            // Ordering: Relaxed; a count.
            permitted.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn use_it(path: &Path) {
    fs::metadata(path).await.unwrap();
    assert!(fs::try_exists(path).await.unwrap());
    assert_eq!(fs::read(path).await.unwrap(), b"content");
    assert_eq!(fs::read_to_string(path).await.unwrap(), "content");
    let mut options = OpenOptions::new();
    let mut file = options.read(true).write(true).open(path).await.unwrap();
    let mut seen = [0; 7];
    file.read_exact(&mut seen).await.unwrap();
    assert_eq!(&seen, b"content");
    file.rewind().await.unwrap();
    file.write_all(b"content").await.unwrap();
    file.flush().await.unwrap();
    assert_eq!(file.metadata().await.unwrap().len(), 7);
    file.rewind().await.unwrap();
    let mut std = File::from_std(file.into_std().await);
    std.read_exact(&mut seen).await.unwrap();
    drop(std);
    File::open(path)
        .await
        .unwrap()
        .read_exact(&mut seen)
        .await
        .unwrap();
    fs::write(path, b"content").await.unwrap();
    fs::copy(path, path.with_extension("copy")).await.unwrap();
    let mut entries = fs::read_dir(path.parent().unwrap()).await.unwrap();
    while entries.next_entry().await.unwrap().is_some() {}
}

#[test]
fn who_grants_permissions_may_ask_for_them() {
    within(60, || {
        let folder = Folder::new("permission");
        if !mounts::have_own() {
            return;
        }
        mounts::mount("tmpfs", &folder.0, "").unwrap();
        let path = folder.file("file");
        std::fs::write(&path, "content").unwrap();
        let listener = match listener(&folder.0) {
            Ok(listener) => listener,
            Err(error) => {
                eprintln!("not tested: no listener for permissions ({error})");
                return mounts::unmount(&folder.0);
            }
        };
        let permitted = Arc::new(AtomicUsize::new(0));
        current().block_on(async {
            let listening = tokio::spawn(permit(listener, permitted.clone()));
            for _ in 0..3 {
                use_it(&path).await;
            }
            listening.abort();
        });
        // Ordering: Relaxed; a count, and its task is gone.
        assert!(permitted.load(Ordering::Relaxed) >= 20, "{permitted:?}");
        mounts::unmount(&folder.0);
    });
}
