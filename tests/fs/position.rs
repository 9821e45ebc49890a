//! After a read-ahead, the position of a file is still where the user has read to.

use std::io::{Read, Seek, SeekFrom};
use std::task::Context;

use crate::support::within;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::runtime::{Builder, Runtime};

fn one_pool_thread() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.max_blocking_threads(1).build().unwrap()
}

/// A file of ten digits. A cancelled read has read five of them ahead; then one was read.
async fn read_ahead(folder: &std::path::Path) -> File {
    let path = folder.join("digits");
    std::fs::write(&path, b"0123456789").unwrap();
    // A descriptor that others may share is read on the pool.
    let options = std::fs::File::options().read(true).write(true).open(&path);
    let mut file = File::from_std(options.unwrap());
    let mut buf = [0; 5];
    // The pool's only thread is busy until the read has been dropped.
    let (go_on, blocked) = std::sync::mpsc::channel();
    let blocker = tokio::task::spawn_blocking(move || blocked.recv());
    {
        let mut read = std::pin::pin!(file.read(&mut buf));
        let waker = std::task::Waker::noop();
        let first = read.as_mut().poll(&mut Context::from_waker(waker));
        assert!(first.is_pending());
    }
    go_on.send(()).unwrap();
    blocker.await.unwrap().unwrap();
    let mut one = [0; 1];
    assert_eq!(file.read(&mut one).await.unwrap(), 1);
    assert_eq!(&one, b"0");
    file
}

#[test]
fn a_file_given_to_std_goes_on_where_the_reader_was() {
    within(20, || {
        one_pool_thread().block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let mut rest = String::new();
            let mut file = read_ahead(folder.path()).await.into_std().await;
            file.read_to_string(&mut rest).unwrap();
            assert_eq!(rest, "123456789");

            let file = read_ahead(folder.path()).await;
            let mut file = file.try_into_std().expect("nothing is under way");
            assert_eq!(file.stream_position().unwrap(), 1);
        });
    });
}

#[test]
fn a_cloned_file_goes_on_where_the_reader_was() {
    within(20, || {
        one_pool_thread().block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let mut file = read_ahead(folder.path()).await;
            let mut twin = file.try_clone().await.unwrap();
            let mut three = [0; 3];
            twin.read_exact(&mut three).await.unwrap();
            assert_eq!(&three, b"123");
            file.read_exact(&mut three).await.unwrap();
            assert_eq!(&three, b"456");
        });
    });
}

#[test]
fn a_failed_seek_moves_nothing() {
    within(20, || {
        one_pool_thread().block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let mut file = read_ahead(folder.path()).await;
            assert!(file.seek(SeekFrom::Current(-2)).await.is_err());
            assert_eq!(file.stream_position().await.unwrap(), 1);

            let mut file = read_ahead(folder.path()).await;
            assert!(file.seek(SeekFrom::End(-20)).await.is_err());
            let mut rest = String::new();
            file.read_to_string(&mut rest).await.unwrap();
            assert_eq!(rest, "123456789");
        });
    });
}
