//! Files: an operation waits for earlier writes of the same file.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::support::{both, within};
use crate::system::make_fifo;
use tokio::fs::{FileTimes, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

fn fifo(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("selvedge-{name}-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    make_fifo(&path);
    path
}

/// A full pipe holds up the write until the test reads.
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
