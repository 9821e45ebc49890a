//! The system gives no thread: operations that can return an error do so, nothing is lost, and the second attempt works.

use crate::support::{self, in_own_process};
use crate::system::{NoThreads, STACK};
use std::io::{self, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};

/// The number of threads of the process without the pool.
static THREADS: AtomicUsize = AtomicUsize::new(0);

fn runtime() -> Runtime {
    THREADS.store(support::threads(), Ordering::Relaxed);
    Builder::new_current_thread()
        .thread_stack_size(STACK)
        // Each thread soon ends, so each call needs a new one.
        .thread_keep_alive(Duration::from_millis(1))
        .enable_all()
        .build()
        .unwrap()
}

/// Waits until the pool's threads have ended, and their stacks are freed.
async fn all_threads_gone() {
    while support::threads() > THREADS.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[track_caller]
fn assert_no_thread<T>(result: io::Result<T>) {
    let Err(error) = result else {
        panic!("there was a thread");
    };
    let text = error.to_string();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{text}");
    assert!(
        text.contains("os error 11") && text.contains("RLIMIT_NPROC"),
        "{text}"
    );
}

#[test]
fn path_functions_and_lookups_return_an_error() {
    if !in_own_process!() {
        return;
    }
    let path = std::env::temp_dir().join(format!("no-thread-{}", std::process::id()));
    runtime().block_on(async {
        {
            let _none = NoThreads::new();
            assert_no_thread(tokio::fs::write(&path, "text").await);
            assert_no_thread(tokio::fs::create_dir(&path).await);
            assert_no_thread(tokio::fs::remove_file(&path).await);
            assert_no_thread(tokio::fs::read_dir("/").await);
            assert_no_thread(tokio::net::lookup_host("localhost:80").await.map(drop));
            assert_no_thread(tokio::net::TcpStream::connect("localhost:80").await);
            assert_no_thread(tokio::task::Builder::new().spawn_blocking(|| ()).map(drop));
            let call = catch_unwind(AssertUnwindSafe(|| tokio::task::spawn_blocking(|| ())));
            assert!(call.is_err(), "a join handle has no place for the error");
        }
        assert!(!path.exists());
        tokio::fs::write(&path, "text").await.unwrap();
        assert_eq!(tokio::fs::read(&path).await.unwrap(), b"text");
        tokio::fs::remove_file(&path).await.unwrap();
        assert!(
            tokio::net::lookup_host("localhost:80")
                .await
                .unwrap()
                .count()
                > 0
        );
    });
}

#[test]
fn a_file_keeps_its_bytes_and_its_position() {
    if !in_own_process!() {
        return;
    }
    let path = std::env::temp_dir().join(format!("no-thread-file-{}", std::process::id()));
    std::fs::write(&path, "0123456789").unwrap();
    runtime().block_on(async {
        let std_file = std::fs::File::options()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        // The position may be shared with others: every operation uses the pool.
        let mut file = tokio::fs::File::from_std(std_file);
        let mut byte = [0];

        all_threads_gone().await;
        let none = NoThreads::new();
        assert_no_thread(file.read_exact(&mut byte).await);
        drop(none);
        // The bytes of a cancelled read are read ahead.
        let mut many = [0; 8];
        loop {
            let is_given_up = {
                let read = file.read(&mut many);
                tokio::pin!(read);
                let once = |cx: &mut std::task::Context<'_>| {
                    std::task::Poll::Ready(read.as_mut().poll(cx).is_pending())
                };
                std::future::poll_fn(once).await
            };
            if is_given_up {
                break;
            }
            // The thread was quicker: the read has ended.
            file.seek(SeekFrom::Start(0)).await.unwrap();
        }
        file.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"0");

        all_threads_gone().await;
        let none = NoThreads::new();
        // Seven bytes are read ahead.
        assert_no_thread(file.write_all(b"X").await);
        assert_no_thread(file.seek(SeekFrom::Current(1)).await);
        assert_no_thread(file.set_len(4).await);
        drop(none);
        file.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"1");

        all_threads_gone().await;
        let none = NoThreads::new();
        assert_no_thread(file.write_all(b"X").await);
        drop(none);
        file.write_all(b"X").await.unwrap();
        file.flush().await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"01X3456789");

        all_threads_gone().await;
        let none = NoThreads::new();
        assert_no_thread(file.set_len(5).await);
        drop(none);
        file.set_len(5).await.unwrap();
        assert_eq!(file.seek(SeekFrom::Current(0)).await.unwrap(), 3);
        assert_eq!(std::fs::read(&path).unwrap(), b"01X34");
    });
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_listing_goes_on_where_it_was() {
    if !in_own_process!() {
        return;
    }
    let path = std::env::temp_dir().join(format!("no-thread-dir-{}", std::process::id()));
    std::fs::create_dir(&path).unwrap();
    for n in 0..300 {
        std::fs::write(path.join(n.to_string()), "").unwrap();
    }
    runtime().block_on(async {
        let mut list = tokio::fs::read_dir(&path).await.unwrap();
        let (mut seen, mut refused) = (0, 0);
        loop {
            all_threads_gone().await;
            let none = NoThreads::new();
            let entry = list.next_entry().await;
            drop(none);
            match entry {
                Ok(Some(_)) => seen += 1,
                Ok(None) => break,
                result => {
                    assert_no_thread(result);
                    refused += 1;
                    seen += usize::from(list.next_entry().await.unwrap().is_some());
                }
            }
        }
        assert_eq!(seen, 300);
        assert!(refused > 0);
    });
    std::fs::remove_dir_all(&path).unwrap();
}

#[test]
fn standard_streams_return_an_error_and_go_on() {
    if !in_own_process!() {
        return;
    }
    // From here on, the standard input is a file of this test.
    let path = std::env::temp_dir().join(format!("no-thread-stdin-{}", std::process::id()));
    std::fs::write(&path, "line\n").unwrap();
    let input = std::fs::File::open(&path).unwrap();
    // SAFETY: both are open descriptors.
    let answer = unsafe { libc::dup2(std::os::fd::AsRawFd::as_raw_fd(&input), 0) };
    assert_eq!(answer, 0);
    runtime().block_on(async {
        let mut stderr = tokio::io::stderr();
        let mut stdin = tokio::io::stdin();
        let none = NoThreads::new();
        assert_no_thread(stderr.write_all(b"lost\n").await);
        let mut text = [0; 5];
        assert_no_thread(stdin.read_exact(&mut text).await);
        drop(none);
        stderr.write_all(b"told\n").await.unwrap();
        // A refused flush happens later.
        let _ = stderr.flush().await;
        stderr.write_all(b"told again\n").await.unwrap();
        stdin.read_exact(&mut text).await.unwrap();
        assert_eq!(&text, b"line\n");
        all_threads_gone().await;
        let none = NoThreads::new();
        assert_no_thread(stdin.read(&mut text).await);
        assert_no_thread(stderr.flush().await);
        drop(none);
        stderr.flush().await.unwrap();
        assert_eq!(stdin.read(&mut text).await.unwrap(), 0);
    });
    std::fs::remove_file(&path).unwrap();
}
