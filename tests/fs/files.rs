//! Files: what programs see of a full disk, odd paths, big folders, and files that are removed.

use std::future::Future;
use std::io::{ErrorKind, SeekFrom};
use std::path::PathBuf;
use std::task::Poll;

use crate::folder::Folder;
use crate::support::{both, current, multi, within};
use crate::system::make_fifo;
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

#[test]
fn full_disk_is_told_by_the_next_operation() {
    within(20, || {
        for runtime in both() {
            runtime.block_on(async {
                let full = async || OpenOptions::new().write(true).open("/dev/full").await;
                let mut file = full().await.unwrap();
                assert_eq!(file.write(b"x").await.unwrap(), 1);
                let error = file.flush().await.unwrap_err();
                assert_eq!(error.raw_os_error(), Some(libc::ENOSPC));
                file.flush().await.expect("told once");

                file.write_all(b"x").await.unwrap();
                let error = file.write(b"y").await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::StorageFull);

                // A sync after a write that failed must not succeed.
                let mut file = full().await.unwrap();
                file.write_all(b"x").await.unwrap();
                let error = file.sync_all().await.unwrap_err();
                assert_eq!(error.raw_os_error(), Some(libc::ENOSPC));
                assert!(fs::write("/dev/full", "x").await.is_err());
            });
        }
    });
}

#[test]
fn nul_in_a_path_is_invalid_input() {
    current().block_on(async {
        let kind = |error: std::io::Error| error.kind();
        let path = "a\0b";
        assert_eq!(
            File::open(path).await.map_err(kind).unwrap_err(),
            ErrorKind::InvalidInput
        );
        assert_eq!(
            fs::write(path, "").await.map_err(kind).unwrap_err(),
            ErrorKind::InvalidInput
        );
        assert_eq!(
            fs::read_dir(path).await.map_err(kind).unwrap_err(),
            ErrorKind::InvalidInput
        );
        assert_eq!(
            fs::rename("/nonexistent", path)
                .await
                .map_err(kind)
                .unwrap_err(),
            ErrorKind::InvalidInput
        );
    });
}

#[test]
fn folder_of_100000_is_listed_whole() {
    within(300, || {
        let folder = Folder::new("many");
        for i in 0..100_000 {
            std::fs::File::create(folder.file(&i.to_string())).unwrap();
        }
        for runtime in both() {
            let path = folder.0.clone();
            runtime.block_on(async move {
                let mut entries = fs::read_dir(path).await.unwrap();
                let mut seen = vec![false; 100_000];
                while let Some(entry) = entries.next_entry().await.unwrap() {
                    assert!(entry.file_type().await.unwrap().is_file());
                    let i: usize = entry.file_name().to_str().unwrap().parse().unwrap();
                    assert!(!std::mem::replace(&mut seen[i], true), "{i} twice");
                }
                assert!(seen.iter().all(|seen| *seen));
                assert!(entries.next_entry().await.unwrap().is_none());
            });
        }
    });
}

#[test]
fn removed_while_open_stays_readable() {
    let folder = Folder::new("removed");
    let path = folder.file("file");
    current().block_on(async {
        fs::write(&path, "still here").await.unwrap();
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .await
            .unwrap();
        fs::remove_file(&path).await.unwrap();
        assert!(!fs::try_exists(&path).await.unwrap());
        let mut text = String::new();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "still here");
        file.write_all(b" and there").await.unwrap();
        file.rewind().await.unwrap();
        text.clear();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "still here and there");
    });
}

#[test]
fn accepted_bytes_survive_the_file_and_the_runtime() {
    within(60, || {
        let folder = Folder::new("survive");
        for round in 0..50 {
            for runtime in both() {
                let path = folder.file(&round.to_string());
                let target = path.clone();
                runtime.block_on(async move {
                    let mut file = File::create(&target).await.unwrap();
                    for _ in 0..10 {
                        // No flush: a write that returned is a promise.
                        assert_eq!(file.write(b"0123456789").await.unwrap(), 10);
                    }
                    drop(file);
                });
                drop(runtime);
                assert_eq!(std::fs::read(&path).unwrap().len(), 100);
            }
        }
    });
}

#[test]
fn writes_queued_behind_a_busy_pool_survive_shutdown() {
    within(20, || {
        let folder = Folder::new("queued");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(1)
            .build()
            .unwrap();
        let path = folder.file("file");
        let mut file = File::from_std(std::fs::File::create(&path).unwrap());
        runtime.block_on(async {
            tokio::task::spawn_blocking(|| {
                std::thread::sleep(std::time::Duration::from_millis(100));
            });
            assert_eq!(file.write(b"late").await.unwrap(), 4);
        });
        drop(file);
        drop(runtime);
        assert_eq!(std::fs::read(&path).unwrap(), b"late");
    });
}

#[test]
fn read_given_up_loses_no_bytes_and_position_is_the_users() {
    let folder = Folder::new("given-up");
    let path = folder.file("file");
    std::fs::write(&path, b"0123456789").unwrap();
    current().block_on(async {
        let std_file = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        let mut file = File::from_std(std_file);
        // `from_std` reads on the pool, so the first poll starts a read of 8 bytes and waits, unless the pool is very quick.
        loop {
            let mut buf = [0; 8];
            let mut read = std::pin::pin!(file.read(&mut buf));
            let first = std::future::poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx)));
            if first.await.is_pending() {
                break;
            }
            file.rewind().await.unwrap();
        }
        let mut two = [0; 2];
        assert_eq!(file.read(&mut two).await.unwrap(), 2);
        assert_eq!(&two, b"01");
        // Six bytes are read ahead: the next operations start at the user's position all the same.
        assert_eq!(file.stream_position().await.unwrap(), 2);
        assert_eq!(file.read(&mut two).await.unwrap(), 2);
        assert_eq!(&two, b"23");
        file.write_all(b"XX").await.unwrap();
        file.flush().await.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"0123XX6789");
        assert_eq!(file.seek(SeekFrom::Current(-1)).await.unwrap(), 5);
        file.set_len(5).await.unwrap();
        assert_eq!(file.read(&mut two).await.unwrap(), 0);
    });
}

#[test]
fn both_ways_of_reading_agree() {
    within(60, || {
        let folder = Folder::new("agree");
        let path = folder.file("file");
        let content: Vec<u8> = (0..1_000_000u32).map(|i| (i * 7 % 251) as u8).collect();
        std::fs::write(&path, &content).unwrap();
        multi(2).block_on(async move {
            for size in [1usize << 10, 4096, 65_537, 300_000] {
                let opened = File::open(&path).await.unwrap();
                let wrapped = File::from_std(std::fs::File::open(&path).unwrap());
                let cloned = File::open(&path).await.unwrap().try_clone().await.unwrap();
                for mut file in [opened, wrapped, cloned] {
                    let mut seen = Vec::new();
                    let mut buf = vec![0; size];
                    loop {
                        let n = file.read(&mut buf).await.unwrap();
                        if n == 0 {
                            break;
                        }
                        seen.extend_from_slice(&buf[..n]);
                    }
                    assert!(seen == content, "size {size}");
                    for at in [999_990, 500, 65_536] {
                        file.seek(SeekFrom::Start(at as u64)).await.unwrap();
                        assert_eq!(file.read_u8().await.unwrap(), content[at]);
                        assert_eq!(file.stream_position().await.unwrap(), at as u64 + 1);
                    }
                    assert_eq!(file.seek(SeekFrom::End(-1)).await.unwrap(), 999_999);
                    assert!(file.seek(SeekFrom::Current(-1_000_001)).await.is_err());
                }
            }
        });
    });
}

#[test]
fn clones_share_the_position() {
    let folder = Folder::new("clones");
    let path = folder.file("file");
    std::fs::write(&path, b"abcdef").unwrap();
    current().block_on(async {
        let mut first = File::open(&path).await.unwrap();
        let mut second = first.try_clone().await.unwrap();
        assert_eq!(first.read_u8().await.unwrap(), b'a');
        assert_eq!(second.read_u8().await.unwrap(), b'b');
        assert_eq!(first.stream_position().await.unwrap(), 2);
    });
}

#[test]
fn concurrent_files_keep_apart() {
    within(60, || {
        let folder = Folder::new("apart");
        for runtime in both() {
            runtime.block_on(async {
                let tasks: Vec<_> = (0..64u8)
                    .map(|i| {
                        let path = folder.file(&i.to_string());
                        tokio::spawn(async move {
                            let mut file = OpenOptions::new()
                                .create(true)
                                .truncate(true)
                                .write(true)
                                .read(true)
                                .open(&path)
                                .await
                                .unwrap();
                            for _ in 0..20 {
                                file.write_all(&[i; 1000]).await.unwrap();
                            }
                            file.rewind().await.unwrap();
                            let mut seen = Vec::new();
                            file.read_to_end(&mut seen).await.unwrap();
                            assert!(seen == vec![i; 20_000]);
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await.unwrap();
                }
            });
        }
    });
}

#[test]
fn path_functions_fail_in_order_after_shutdown() {
    let runtime = multi(1);
    let handle = runtime.handle().clone();
    runtime.shutdown_background();
    let error = handle.block_on(fs::metadata("/")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other);
    assert_eq!(error.to_string(), "background task failed");
    let error = handle
        .block_on(fs::write("/nonexistent/x", ""))
        .unwrap_err();
    assert_eq!(error.to_string(), "background task failed");
}

/// Answers that the kernel gives from memory are the same as the pool's, for every kind of path.
#[test]
fn answers_at_once_are_the_pools_answers() {
    use std::os::unix::fs::MetadataExt;
    let folder = Folder::new("at-once");
    let file = folder.file("file");
    std::fs::write(&file, "some text").unwrap();
    std::fs::write(folder.file("empty"), "").unwrap();
    std::fs::write(folder.file("latin"), b"\xe9t\xe9").unwrap();
    std::fs::write(folder.file("big"), vec![7; 1 << 20]).unwrap();
    std::os::unix::fs::symlink(&file, folder.file("link")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.file("dangling")).unwrap();
    std::os::unix::fs::symlink("loop", folder.file("loop")).unwrap();
    let mut paths: Vec<_> = [
        "file", "empty", "latin", "big", "link", "dangling", "loop", "none",
    ]
    .map(|name| folder.file(name))
    .into();
    paths.extend(
        [
            "/proc/self/status",
            "/dev/null",
            "/",
            ".",
            "",
            "/etc/passwd/x",
        ]
        .map(PathBuf::from),
    );
    let facts = |m: std::fs::Metadata| (m.dev(), m.ino(), m.mode(), m.size(), m.nlink());
    let code = |error: std::io::Error| (error.kind(), error.raw_os_error(), error.to_string());
    within(20, move || {
        for runtime in both() {
            runtime.block_on(async {
                for path in &paths {
                    let name = path.display();
                    assert_eq!(
                        fs::metadata(path).await.map(facts).map_err(code),
                        std::fs::metadata(path).map(facts).map_err(code),
                        "metadata of {name}"
                    );
                    assert_eq!(
                        fs::symlink_metadata(path).await.map(facts).map_err(code),
                        std::fs::symlink_metadata(path).map(facts).map_err(code),
                        "symlink_metadata of {name}"
                    );
                    assert_eq!(
                        fs::try_exists(path).await.map_err(code),
                        path.try_exists().map_err(code),
                        "try_exists of {name}"
                    );
                    assert_eq!(
                        fs::read(path).await.map(|b| !b.is_empty()).map_err(code),
                        std::fs::read(path).map(|b| !b.is_empty()).map_err(code),
                        "read of {name}"
                    );
                    assert_eq!(
                        fs::read_to_string(path)
                            .await
                            .map(|s| s.is_empty())
                            .map_err(code),
                        std::fs::read_to_string(path)
                            .map(|s| s.is_empty())
                            .map_err(code),
                        "read_to_string of {name}"
                    );
                    let ours = File::open(path).await;
                    assert_eq!(
                        ours.as_ref().err().map(|e| e.raw_os_error()),
                        std::fs::File::open(path).err().map(|e| e.raw_os_error()),
                        "open of {name}"
                    );
                    if let Ok(ours) = ours {
                        assert_eq!(
                            facts(ours.metadata().await.unwrap()),
                            facts(std::fs::metadata(path).unwrap())
                        );
                        use std::os::fd::AsRawFd;
                        // SAFETY: a call without memory arguments on an open descriptor.
                        let flags = unsafe { libc::fcntl(ours.as_raw_fd(), libc::F_GETFL) };
                        assert_eq!(flags & libc::O_NONBLOCK, 0, "{name}");
                    }
                }
                assert_eq!(
                    fs::read(folder.file("big")).await.unwrap(),
                    vec![7; 1 << 20]
                );
                assert_eq!(fs::read(folder.file("link")).await.unwrap(), b"some text");
            });
        }
    });
}

/// Asking for a named pipe's metadata must not open it: a writer would see a reader.
#[test]
fn looking_at_a_pipe_does_not_open_it() {
    let folder = Folder::new("fifo");
    let path = folder.file("fifo");
    make_fifo(&path);
    within(20, move || {
        multi(2).block_on(async {
            fs::metadata(&path).await.unwrap();
            let reader = tokio::spawn({
                let path = path.clone();
                async move { fs::read(path).await.unwrap() }
            });
            // Blocks until the reader has opened the pipe, then writes.
            let writer = tokio::task::spawn_blocking({
                let path = path.clone();
                move || std::fs::write(path, "through the pipe").unwrap()
            });
            writer.await.unwrap();
            assert_eq!(reader.await.unwrap(), b"through the pipe");
        });
    });
}

/// A loop whose operations are all ready at once still lets the thread's other tasks run.
#[test]
fn answers_at_once_spend_the_budget() {
    let folder = Folder::new("budget");
    let path = folder.file("file");
    std::fs::write(&path, "text").unwrap();
    within(20, move || {
        current().block_on(async {
            let asking = tokio::spawn(async move {
                loop {
                    fs::metadata(&path).await.unwrap();
                    fs::read(&path).await.unwrap();
                }
            });
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            asking.abort();
            assert!(asking.await.unwrap_err().is_cancelled());
        });
    });
}
