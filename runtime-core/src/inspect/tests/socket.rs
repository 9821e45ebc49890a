//! Tests of where sockets are, and that `accept` does not block.

use crate::inspect::socket::{Socket, folder_in};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

#[test]
fn a_look_for_clients_does_not_wait_for_one() {
    let path = std::env::temp_dir().join(format!("selvedge-looks-{}", std::process::id()));
    let socket = Socket::open(Some(&path)).unwrap();
    let error = socket.listener.accept().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    socket.file.remove();
    assert!(!path.exists());
}

#[test]
fn the_users_folder_is_used_if_it_is_there() {
    // SAFETY: has no preconditions.
    let user = unsafe { libc::geteuid() };
    let other = PathBuf::from(format!("/tmp/selvedge-{user}"));
    for no_folder in [None, Some("."), Some("/no/such/folder")] {
        assert_eq!(folder_in(no_folder.map(PathBuf::from)), other);
    }
    assert_eq!(folder_in(Some("/".into())), Path::new("/selvedge"));
}
