//! Files: what an operation must wait for, and what it must not.

mod support;

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use support::{both, within};
use tokio::fs::{FileTimes, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

fn fifo(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("selvedge-{name}-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let name = std::ffi::CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the path ends with a zero byte and lives for the call.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    path
}

/// A pipe that is full holds a write up for as long as the test wants.
#[test]
fn time_stamps_are_set_after_the_write_under_way() {
    within(20, || {
        let path = fifo("time-stamps");
        for runtime in both() {
            runtime.block_on(async {
                let mut options = OpenOptions::new();
                options.read(true).write(true);
                let mut file = options.open(&path).await.unwrap();
                let mut reader = options.open(&path).await.unwrap();
                let data = vec![0; 200_000];
                file.write_all(&data).await.unwrap();

                let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
                let moment = Duration::from_millis(100);
                let times = FileTimes::new().set_modified(old);
                assert!(timeout(moment, file.set_times(times)).await.is_err());
                assert!(timeout(moment, file.set_modified(old)).await.is_err());

                let drain = tokio::spawn(async move {
                    reader.read_exact(&mut vec![0; 200_000]).await.unwrap();
                });
                file.set_modified(old).await.unwrap();
                file.flush().await.unwrap();
                let seen = file.metadata().await.unwrap().modified().unwrap();
                assert_eq!(seen, old);
                drain.await.unwrap();
            });
        }
        std::fs::remove_file(path).unwrap();
    });
}

/// A file system of user space, served by a task: it answers for its root folder, and for nothing else.
async fn serve(channel: std::fs::File) {
    use std::io::{Read, Write};
    use tokio::io::unix::AsyncFd;
    // SAFETY: a file's descriptor stays what it is.
    let channel = unsafe { AsyncFd::register(channel) }.unwrap();
    let mut request = vec![0; 1 << 17];
    loop {
        let mut ready = channel.readable().await.unwrap();
        let Ok(read) = ready.try_io(|channel| channel.get_ref().read(&mut request)) else {
            continue;
        };
        read.unwrap();
        let operation = u32::from_ne_bytes(request[4..8].try_into().unwrap());
        let (error, mut answer) = match operation {
            2 | 36 => continue,
            // GETATTR: valid for a long time, a folder.
            3 => (0, vec![0; 104]),
            // STATFS
            17 => (0, vec![0; 80]),
            // INIT
            26 => (0, vec![0; 64]),
            _ => (-libc::ENOSYS, Vec::new()),
        };
        if operation == 3 {
            answer[..8].copy_from_slice(&1000_u64.to_ne_bytes());
            answer[16..24].copy_from_slice(&1_u64.to_ne_bytes());
            answer[76..80].copy_from_slice(&(libc::S_IFDIR | 0o755).to_ne_bytes());
        }
        if operation == 26 {
            answer[..4].copy_from_slice(&7_u32.to_ne_bytes());
            answer[4..8].copy_from_slice(&31_u32.to_ne_bytes());
            answer[20..24].copy_from_slice(&4096_u32.to_ne_bytes());
        }
        let mut reply = (16 + answer.len() as u32).to_ne_bytes().to_vec();
        reply.extend(i32::to_ne_bytes(error));
        reply.extend(&request[8..16]);
        reply.extend(answer);
        channel.get_ref().write_all(&reply).unwrap();
    }
}

/// Whoever serves a file system may look at it, on a single thread too: nothing but the pool waits for the answer.
#[test]
#[ignore = "needs root and /dev/fuse"]
fn a_file_system_served_by_the_same_thread_can_be_looked_at() {
    use std::os::fd::AsRawFd;
    let Some(folder) = std::env::var_os("SERVED_FOLDER").map(PathBuf::from) else {
        let folder = std::env::temp_dir().join(format!("selvedge-fuse-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let mut command = std::process::Command::new("unshare");
        command
            .arg("-m")
            .arg(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact"])
            .arg("a_file_system_served_by_the_same_thread_can_be_looked_at")
            .env("SERVED_FOLDER", &folder);
        let mut child = command.spawn().unwrap();
        let mut rounds = 0..100;
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if rounds.next().is_none() => {
                    child.kill().unwrap();
                    break child.wait().unwrap();
                }
                None => std::thread::sleep(Duration::from_millis(100)),
            }
        };
        std::fs::remove_dir(&folder).unwrap();
        assert!(status.success(), "{status}");
        return;
    };
    let mut options = std::fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    let channel = options.read(true).write(true).open("/dev/fuse").unwrap();
    let place = std::ffi::CString::new(folder.as_os_str().as_bytes()).unwrap();
    let data = format!(
        "fd={},rootmode=40000,user_id=0,group_id=0",
        channel.as_raw_fd()
    );
    let data = std::ffi::CString::new(data).unwrap();
    let name = c"fuse".as_ptr();
    // SAFETY: all arguments are strings that live for the call.
    let mounted = unsafe { libc::mount(name, place.as_ptr(), name, 0, data.as_ptr().cast()) };
    assert_eq!(mounted, 0);
    support::current().block_on(async {
        tokio::spawn(serve(channel));
        for _ in 0..3 {
            assert!(tokio::fs::metadata(&folder).await.unwrap().is_dir());
            let open = tokio::fs::File::open(&folder).await;
            if let Ok(open) = open {
                assert!(open.metadata().await.unwrap().is_dir());
            }
            assert!(tokio::fs::try_exists(&folder).await.unwrap());
        }
    });
}
