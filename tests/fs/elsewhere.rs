//! No file content is read on a thread that runs tasks. A read that the kernel should do without waiting waits for the
//! disk all the same, if it bypasses the page cache, or if the place of the file's blocks is not in memory.

use std::os::unix::fs::OpenOptionsExt;

use crate::folder::Folder;
use crate::support::{current, within};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

/// How many bytes this thread has read by system calls; `None` where the kernel does not count them.
fn read_so_far() -> Option<u64> {
    let figures = std::fs::read_to_string("/proc/thread-self/io").ok()?;
    let read = figures
        .lines()
        .find_map(|line| line.strip_prefix("rchar: "))?;
    read.parse().ok()
}

const SIZE: usize = 4 << 20;

async fn read_whole(mut file: File) {
    let mut all = vec![0; SIZE];
    file.read_exact(&mut all).await.unwrap();
    assert!(all.iter().all(|&byte| byte == 7));
}

#[test]
fn content_is_read_by_other_threads() {
    within(60, || {
        let folder = Folder::new("elsewhere");
        let path = folder.file("file");
        std::fs::write(&path, vec![7; SIZE]).unwrap();
        let Some(before) = read_so_far() else {
            return eprintln!("not tested: the kernel does not count what a thread reads");
        };
        current().block_on(async {
            assert_eq!(fs::read(&path).await.unwrap().len(), SIZE);
            read_whole(File::open(&path).await.unwrap()).await;
            read_whole(File::from_std(std::fs::File::open(&path).unwrap())).await;
            let mut options = OpenOptions::new();
            options.read(true).custom_flags(libc::O_DIRECT);
            match options.open(&path).await {
                Ok(file) => read_whole(file).await,
                Err(error) => eprintln!("not tested: O_DIRECT ({error})"),
            }
            let mut options = std::fs::OpenOptions::new();
            options.read(true).custom_flags(libc::O_DIRECT);
            if let Ok(file) = options.open(&path) {
                read_whole(File::from_std(file)).await;
            }
        });
        let after = read_so_far().unwrap();
        assert!(after - before < 100_000, "{} bytes", after - before);
    });
}

/// O_DIRECT needs aligned memory, and a `File` reads into its own buffer, not the caller's: reads and writes work.
#[test]
fn a_file_that_bypasses_the_page_cache_is_read_and_written() {
    within(60, || {
        let folder = Folder::new("direct");
        let path = folder.file("file");
        current().block_on(async {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true);
            let Ok(mut file) = options.custom_flags(libc::O_DIRECT).open(&path).await else {
                return eprintln!("not tested: O_DIRECT");
            };
            for byte in [1, 2] {
                file.write_all(&[byte; 8192]).await.unwrap();
            }
            file.flush().await.unwrap();
            file.rewind().await.unwrap();
            let mut seen = [0; 8192];
            for byte in [1, 2] {
                file.read_exact(&mut seen).await.unwrap();
                assert!(seen.iter().all(|&seen| seen == byte));
            }
            assert_eq!(file.read(&mut seen).await.unwrap(), 0);
        });
    });
}

/// Is this an overlayfs? It may close files later than asked.
fn is_overlay(folder: &Folder) -> bool {
    let path = std::ffi::CString::new(folder.0.to_str().unwrap()).unwrap();
    // SAFETY: `statfs` is numbers; zero is good for each.
    let mut seen: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path is a string, and the answer is valid.
    assert_eq!(unsafe { libc::statfs(path.as_ptr(), &mut seen) }, 0);
    seen.f_type == libc::OVERLAYFS_SUPER_MAGIC
}

/// Is there `statmount` (Linux 6.8)? Without it, no disk counts as local. qemu's user mode does not have it.
fn tells_mounts() -> bool {
    // The number is the same on all processors, as for every recent call.
    const STATMOUNT: libc::c_long = 457;
    let none = std::ptr::null_mut::<u8>();
    // SAFETY: without a request the kernel touches no memory.
    let told = unsafe { libc::syscall(STATMOUNT, none, none, 0_usize, 0_usize) };
    let error = std::io::Error::last_os_error().raw_os_error();
    told != -1 || error != Some(libc::ENOSYS)
}

/// A program file that was written and closed can be run at once.
#[test]
fn a_program_that_was_written_can_be_run() {
    within(60, || {
        let folder = Folder::new("program");
        if is_overlay(&folder) || !tells_mounts() {
            return eprintln!("not tested: no disk known as local");
        }
        let path = folder.file("program");
        let program = std::fs::read("/bin/true").unwrap();
        current().block_on(async {
            for _ in 0..20 {
                let mut options = OpenOptions::new();
                options.write(true).create(true).truncate(true).mode(0o755);
                let mut file = options.open(&path).await.unwrap();
                file.write_all(&program).await.unwrap();
                file.flush().await.unwrap();
                drop(file);
                match std::process::Command::new(&path).status() {
                    Ok(status) => assert!(status.success()),
                    Err(error) => panic!("{error}"),
                }
                std::fs::remove_file(&path).unwrap();
            }
        });
    });
}
