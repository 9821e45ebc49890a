//! Without free descriptors, a server's accept fails, and works again once some are free. Writes to files that may not
//! grow return the error.

use std::time::Duration;

use crate::support::{self, in_own_process};
use crate::system::{all_descriptors, limit};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[test]
fn server_outlives_the_descriptor_limit() {
    if !in_own_process!() {
        return;
    }
    support::within(30, || {
        support::multi(2).block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let client = TcpStream::connect(address).await.unwrap();
            limit(
                libc::RLIMIT_NOFILE,
                Some(support::open_fds() as libc::rlim_t + 16),
            );
            let spare = all_descriptors();

            let error = listener.accept().await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
            // Timers and tasks go on working.
            tokio::spawn(tokio::time::sleep(Duration::from_millis(5)))
                .await
                .unwrap();

            drop(spare);
            let (mut served, _) = tokio::time::timeout(Duration::from_secs(5), listener.accept())
                .await
                .expect("accepts again")
                .unwrap();
            let mut client = client;
            client.write_all(b"ping").await.unwrap();
            let mut seen = [0; 4];
            served.read_exact(&mut seen).await.unwrap();
            assert_eq!(&seen, b"ping");
        });
    });
}

/// Row 25: a runtime that cannot be made for want of descriptors keeps no descriptor.
#[test]
fn refused_runtimes_keep_no_descriptor() {
    if !in_own_process!() {
        return;
    }
    let old = limit(
        libc::RLIMIT_NOFILE,
        Some(support::open_fds() as libc::rlim_t + 32),
    );
    let mut spare = all_descriptors();
    let mut refused = 0;
    for room in 0..8 {
        let build = || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
        };
        refused += u32::from(build().is_err());
        // As many descriptors can be opened as before.
        let free = all_descriptors();
        assert_eq!(free.len(), room);
        drop(free);
        drop(spare.pop());
    }
    assert!(refused > 0);
    limit(libc::RLIMIT_NOFILE, Some(old));
}

/// A child whose runtime has run out of descriptors since it was spawned is awaited all the same.
#[test]
fn children_are_awaited_without_a_new_descriptor() {
    if !in_own_process!() {
        return;
    }
    for runtime in support::both() {
        runtime.block_on(async {
            let mut child = tokio::process::Command::new("sleep")
                .arg("0.1")
                .spawn()
                .unwrap();
            let orphan = tokio::process::Command::new("sleep")
                .arg("0.1")
                .spawn()
                .unwrap();
            let old = limit(
                libc::RLIMIT_NOFILE,
                Some(support::open_fds() as libc::rlim_t + 8),
            );
            let spare = all_descriptors();
            let pid = orphan.id().unwrap();
            drop(orphan);
            assert!(child.wait().await.unwrap().success());
            let mut rounds = 0..500;
            while std::fs::exists(format!("/proc/{pid}")).unwrap() {
                assert!(rounds.next().is_some(), "a zombie is left");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            drop(spare);
            limit(libc::RLIMIT_NOFILE, Some(old));
        });
    }
}

/// A server's `select!` loop that calls `ctrl_c` anew each time must not end for want of descriptors.
#[test]
fn ctrl_c_in_a_loop_needs_no_new_descriptor() {
    if !in_own_process!() {
        return;
    }
    use tokio::signal::ctrl_c;
    use tokio::signal::unix::{SignalKind, signal};
    support::current().block_on(async {
        let moment = Duration::from_millis(10);
        assert!(tokio::time::timeout(moment, ctrl_c()).await.is_err());
        let old = limit(
            libc::RLIMIT_NOFILE,
            Some(support::open_fds() as libc::rlim_t + 8),
        );
        let spare = all_descriptors();
        for _ in 0..3 {
            let ended = tokio::time::timeout(moment, ctrl_c()).await;
            assert!(ended.is_err(), "{ended:?}");
        }
        let wait = tokio::spawn(ctrl_c());
        tokio::time::sleep(moment).await;
        // SAFETY: no memory is involved; the signal is handled.
        assert_eq!(unsafe { libc::raise(libc::SIGINT) }, 0);
        wait.await.unwrap().unwrap();
        drop(spare);
        limit(libc::RLIMIT_NOFILE, Some(old));

        // An arrival that one stream has not read does not end the wait of another.
        tokio::time::sleep(Duration::from_millis(150)).await;
        let unread = signal(SignalKind::hangup()).unwrap();
        // SAFETY: as above.
        assert_eq!(unsafe { libc::raise(libc::SIGHUP) }, 0);
        drop(unread);
        assert!(tokio::time::timeout(moment, ctrl_c()).await.is_err());
    });
}

/// A copy by path that gets only one of two descriptors fails and closes it; a copy under way needs no descriptor.
#[test]
fn copies_end_in_an_error_or_go_on() {
    if !in_own_process!() {
        return;
    }
    let folder = std::env::temp_dir().join(format!("selvedge-fd-limit-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (from, to) = (folder.join("from"), folder.join("to"));
    std::fs::write(&from, vec![7; 3_000_000]).unwrap();
    let runtime = support::multi(2);
    runtime.block_on(async {
        let mut reader = tokio::fs::File::open(&from).await.unwrap();
        let mut writer = tokio::fs::File::create(folder.join("streamed"))
            .await
            .unwrap();
        let mut start = vec![0; 100_000];
        reader.read_exact(&mut start).await.unwrap();
        writer.write_all(&start).await.unwrap();

        let old = limit(
            libc::RLIMIT_NOFILE,
            Some(support::open_fds() as libc::rlim_t + 16),
        );
        let mut spare = all_descriptors();
        for free in [0, 1] {
            let error = tokio::fs::copy(&from, &to).await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{free}: {error}");
            let left = all_descriptors();
            assert_eq!(left.len(), free, "a descriptor was kept");
            drop(left);
            spare.pop().unwrap();
        }
        spare.extend(all_descriptors());
        let error = tokio::fs::read_dir(&folder).await.map(drop).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
        let copied = tokio::io::copy(&mut reader, &mut writer).await.unwrap();
        assert_eq!(copied, 2_900_000);
        writer.flush().await.unwrap();

        drop(spare);
        assert_eq!(tokio::fs::copy(&from, &to).await.unwrap(), 3_000_000);
        limit(libc::RLIMIT_NOFILE, Some(old));
    });
    assert_eq!(
        std::fs::metadata(folder.join("streamed")).unwrap().len(),
        3_000_000
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

/// There is room for a part of the written bytes: the part arrives, the error follows, and the next file is fine.
#[test]
fn files_end_where_they_may_not_grow() {
    if !in_own_process!() {
        return;
    }
    const ROOM: usize = 100_000;
    let folder = std::env::temp_dir().join(format!("selvedge-size-limit-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (from, to) = (folder.join("from"), folder.join("to"));
    std::fs::write(&from, vec![7; 3 * ROOM]).unwrap();
    // SAFETY: ignoring the signal leaves the error to the writer.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    let size = |to| limit(libc::RLIMIT_FSIZE, Some(to));
    let old = size(ROOM as libc::rlim_t);
    for runtime in support::both() {
        runtime.block_on(async {
            let length = async || tokio::fs::metadata(&to).await.unwrap().len();
            let too_big = |error: std::io::Error| {
                assert_eq!(error.raw_os_error(), Some(libc::EFBIG), "{error}");
            };
            for buffer in [1_000, 2 * ROOM] {
                let mut file = tokio::fs::File::create(&to).await.unwrap();
                file.set_max_buf_size(buffer);
                // All writes may be accepted; then the flush returns the error.
                let written = file.write_all(&vec![7; ROOM + ROOM / 2]).await;
                too_big(match written {
                    Err(error) => error,
                    Ok(()) => file.flush().await.unwrap_err(),
                });
                assert_eq!(length().await, ROOM as u64, "buffer {buffer}");
                // The error is returned once; a write that fits still works.
                file.set_len(0).await.unwrap();
                file.rewind().await.unwrap();
                file.write_all(b"short").await.unwrap();
                file.flush().await.unwrap();
                assert_eq!(length().await, 5);
            }
            too_big(tokio::fs::write(&to, vec![7; 2 * ROOM]).await.unwrap_err());
            too_big(tokio::fs::copy(&from, &to).await.unwrap_err());
            let mut reader = tokio::fs::File::open(&from).await.unwrap();
            let mut file = tokio::fs::File::create(&to).await.unwrap();
            let copied = tokio::io::copy(&mut reader, &mut file).await;
            too_big(match copied {
                Err(error) => error,
                Ok(_) => file.flush().await.unwrap_err(),
            });
            assert_eq!(length().await, ROOM as u64);
        });
    }
    size(old);
    std::fs::remove_dir_all(&folder).unwrap();
}
