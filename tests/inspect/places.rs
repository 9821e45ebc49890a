//! The place of the socket, its rights, and old files in its place.

use crate::support::{in_own_process, is_inner, once_more, this_test};
use crate::{Client, alone, options, shown, socket_in};
use selvedge::runtime::{Builder, InspectOptions};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

/// A user id that every system has, and that is not the test's.
const NOBODY: u32 = 65534;

fn is_root() -> bool {
    // SAFETY: has no preconditions.
    unsafe { libc::geteuid() == 0 }
}

#[test]
fn the_socket_is_never_there_with_wider_rights() {
    if !in_own_process!() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // SAFETY: takes a number. The process is this test's.
    unsafe { libc::umask(0) };
    let socket = socket_in(folder.path());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut seen = 0;
            while !done.load(Ordering::Relaxed) {
                if let Ok(file) = fs::symlink_metadata(&socket) {
                    assert_eq!(file.mode() & 0o7777, 0o600);
                    assert!(file.file_type().is_socket());
                    seen += 1;
                }
            }
            seen
        });
        for _ in 0..200 {
            drop(shown(folder.path()));
        }
        done.store(true, Ordering::Relaxed);
        assert!(watch.join().unwrap() > 0);
    });
    // Nothing is left.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_is_left_of_a_dead_process_is_replaced() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let socket = socket_in(folder.path());
    drop(UnixListener::bind(&socket).unwrap());
    // And the folder of a process that died while it made its socket.
    let private = folder.path().join(format!(".{}", std::process::id()));
    fs::create_dir(&private).unwrap();
    drop(UnixListener::bind(private.join("s")).unwrap());
    let runtime = shown(folder.path());
    Client::new(&socket).hello();
    drop(runtime);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[track_caller]
fn refused(options: InspectOptions) -> io::Error {
    let mut builder = Builder::new_current_thread();
    builder.inspect(options).build().unwrap_err()
}

#[test]
fn what_somebody_uses_is_not_replaced() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inspect.sock");
    let other = UnixListener::bind(&path).unwrap();
    let error = refused(options(&path));
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains("inspect.sock"), "{error}");
    drop(other);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "a file").unwrap();
    assert_eq!(refused(options(&path)).kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read_to_string(&path).unwrap(), "a file");
    let nowhere = folder.path().join("no/such/folder/x");
    assert_eq!(refused(options(&nowhere)).kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_socket_that_has_replaced_this_one_is_not_removed() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inspect.sock");
    let runtime = shown(&path);
    fs::remove_file(&path).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    drop(runtime);
    assert!(path.exists());
}

/// Runs the test in a process of its own, as the environment determines the folder.
fn usual_folder(test: &str, prepare: impl Fn(&Path), check: impl Fn(&Path, io::Result<()>)) {
    if is_inner(test) {
        let folder = std::env::var_os("XDG_RUNTIME_DIR").unwrap();
        let folder = Path::new(&folder).join("selvedge");
        let mut builder = Builder::new_current_thread();
        match builder.inspect(InspectOptions::new()).build() {
            Ok(_runtime) => check(&folder, Ok(())),
            Err(error) => check(&folder, Err(error)),
        }
        return;
    }
    let base = tempfile::tempdir().unwrap();
    prepare(&base.path().join("selvedge"));
    let mut again = once_more(test);
    let status = again.env("XDG_RUNTIME_DIR", base.path()).status().unwrap();
    assert!(status.success());
}

#[test]
fn the_usual_folder_is_made_for_this_user_alone() {
    usual_folder(
        this_test!(),
        |_| {},
        |folder, result| {
            result.unwrap();
            assert_eq!(mode(folder), 0o700);
            Client::new(&socket_in(folder)).hello();
        },
    );
}

fn assert_says(result: io::Result<()>, words: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn a_folder_that_others_may_enter_is_refused() {
    for mode in [0o755, 0o701, 0o770] {
        usual_folder(
            this_test!(),
            |folder| {
                fs::create_dir(folder).unwrap();
                fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
            },
            |_, result| assert_says(result, "0700"),
        );
    }
}

#[test]
fn a_folder_of_another_user_is_refused() {
    if !is_root() {
        return;
    }
    usual_folder(
        this_test!(),
        |folder| {
            fs::create_dir(folder).unwrap();
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
            chown(folder, Some(NOBODY), None).unwrap();
        },
        |_, result| assert_says(result, "another user"),
    );
}

#[test]
fn a_link_to_a_folder_is_refused() {
    usual_folder(
        this_test!(),
        |folder| {
            let target = folder.with_extension("target");
            fs::create_dir(&target).unwrap();
            fs::set_permissions(&target, fs::Permissions::from_mode(0o700)).unwrap();
            symlink(target, folder).unwrap();
        },
        |_, result| assert_says(result, "is no folder"),
    );
}

/// The file's rights keep other users out. If they are changed, the server still checks the user of the other end.
#[test]
fn another_user_is_refused_though_the_file_lets_it_in() {
    if !is_root() || !in_own_process!() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inspect.sock");
    let _runtime = shown(&path);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    // SAFETY: the child has this thread only, and leaves by `_exit`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: takes a number; the child has one thread.
        let changed = unsafe { libc::setresuid(NOBODY, NOBODY, NOBODY) };
        let mut told = String::new();
        let stream = UnixStream::connect(&path);
        let read = stream.and_then(|mut stream| {
            // A client that is accepted would wait here without end.
            stream.set_read_timeout(Some(std::time::Duration::from_secs(20)))?;
            stream.read_to_string(&mut told)
        });
        let is_refused = changed == 0 && read.is_ok() && told.contains("\"error\":\"forbidden\"");
        // SAFETY: ends the child without running what the parent registered.
        unsafe { libc::_exit(i32::from(!is_refused)) };
    }
    let mut status = 0;
    // SAFETY: `status` is valid; the child is ours.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0);
    Client::new(&path).hello();
}
