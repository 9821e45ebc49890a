//! Files of 64 KiB, read and written whole.

use std::time::{Duration, Instant};

use super::rt;
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
