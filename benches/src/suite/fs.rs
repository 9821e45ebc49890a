//! Files of 64 KiB: read and written whole, one after another or sixteen at once, and through a `File`.

use std::time::{Duration, Instant};

use super::rt;
use rt::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use rt::runtime::Runtime;

const SIZE: usize = 64 * 1024;

pub fn read(runtime: &Runtime, n: u64) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, vec![5; SIZE]).unwrap();
    runtime.block_on(async move {
        rt::spawn(async move {
            let start = Instant::now();
            for _ in 0..n {
                assert_eq!(rt::fs::read(&path).await.unwrap().len(), SIZE);
            }
            start.elapsed()
        })
        .await
        .unwrap()
    })
}

pub fn write(runtime: &Runtime, n: u64) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    runtime.block_on(async move {
        rt::spawn(async move {
            let content = vec![5; SIZE];
            let start = Instant::now();
            for _ in 0..n {
                rt::fs::write(&path, &content).await.unwrap();
            }
            start.elapsed()
        })
        .await
        .unwrap()
    })
}

const TASKS: u64 = 16;

/// Sixteen tasks, each with a file of its own; `n` files in all.
pub fn read_16(runtime: &Runtime, n: u64) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = (0..TASKS)
        .map(|i| folder.path().join(i.to_string()))
        .collect();
    for path in &paths {
        std::fs::write(path, vec![5; SIZE]).unwrap();
    }
    runtime.block_on(async move {
        let start = Instant::now();
        let tasks: Vec<_> = paths
            .into_iter()
            .map(|path| {
                rt::spawn(async move {
                    for _ in 0..n.div_ceil(TASKS) {
                        assert_eq!(rt::fs::read(&path).await.unwrap().len(), SIZE);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        start.elapsed()
    })
}

/// As `read_16`, but the files are written.
pub fn write_16(runtime: &Runtime, n: u64) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = (0..TASKS)
        .map(|i| folder.path().join(i.to_string()))
        .collect();
    runtime.block_on(async move {
        let start = Instant::now();
        let tasks: Vec<_> = paths
            .into_iter()
            .map(|path| {
                rt::spawn(async move {
                    let content = vec![5; SIZE];
                    for _ in 0..n.div_ceil(TASKS) {
                        rt::fs::write(&path, &content).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        start.elapsed()
    })
}

/// Reads an open file in pieces of 4 KiB; at its end it starts again at the beginning.
pub fn file_read(runtime: &Runtime, n: u64) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, vec![5; SIZE]).unwrap();
    runtime.block_on(async move {
        rt::spawn(async move {
            let mut file = rt::fs::File::open(&path).await.unwrap();
            let mut piece = [0; 4096];
            let start = Instant::now();
            for i in 0..n {
                if i % 16 == 0 {
                    file.rewind().await.unwrap();
                }
                file.read_exact(&mut piece).await.unwrap();
            }
            start.elapsed()
        })
        .await
        .unwrap()
    })
}

/// Writes an open file in pieces of 4 KiB; after each sixteen it flushes and starts again at the beginning.
pub fn file_write(runtime: &Runtime, n: u64) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    runtime.block_on(async move {
        rt::spawn(async move {
            let mut file = rt::fs::File::create(&path).await.unwrap();
            let piece = [5; 4096];
            let start = Instant::now();
            for i in 0..n {
                if i % 16 == 0 {
                    file.rewind().await.unwrap();
                }
                file.write_all(&piece).await.unwrap();
            }
            file.flush().await.unwrap();
            start.elapsed()
        })
        .await
        .unwrap()
    })
}

/// Asks for the metadata of one file over and over.
pub fn metadata(runtime: &Runtime, n: u64) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "text").unwrap();
    runtime.block_on(async move {
        rt::spawn(async move {
            let start = Instant::now();
            for _ in 0..n {
                assert_eq!(rt::fs::metadata(&path).await.unwrap().len(), 4);
            }
            start.elapsed()
        })
        .await
        .unwrap()
    })
}

/// An iteration lists a folder of 1,000 entries.
pub fn read_dir(runtime: &Runtime, n: u64) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..1000 {
        std::fs::write(folder.path().join(i.to_string()), "").unwrap();
    }
    runtime.block_on(async move {
        rt::spawn(async move {
            let start = Instant::now();
            for _ in 0..n {
                let mut entries = rt::fs::read_dir(folder.path()).await.unwrap();
                let mut count = 0;
                while entries.next_entry().await.unwrap().is_some() {
                    count += 1;
                }
                assert_eq!(count, 1000);
            }
            start.elapsed()
        })
        .await
        .unwrap()
    })
}

/// An iteration makes a file, writes 100 bytes and removes it.
pub fn create_remove(runtime: &Runtime, n: u64) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    runtime.block_on(async move {
        rt::spawn(async move {
            let start = Instant::now();
            for _ in 0..n {
                let mut file = rt::fs::File::create(&path).await.unwrap();
                file.write_all(&[7; 100]).await.unwrap();
                file.flush().await.unwrap();
                drop(file);
                rt::fs::remove_file(&path).await.unwrap();
            }
            start.elapsed()
        })
        .await
        .unwrap()
    })
}
