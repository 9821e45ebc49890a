//! The utilities over readers and writers, on memory: what they cost beside the system calls they usually wrap.

use std::time::{Duration, Instant};

use super::rt;
use rt::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use rt::runtime::Runtime;

const LINE: &[u8] = b"a line of some forty bytes, as a log has\n";

/// Lines out of a `BufReader`; an iteration is a line.
pub fn lines(runtime: &Runtime, n: u64) -> Duration {
    let text = LINE.repeat(1024);
    runtime.block_on(async move {
        rt::spawn(async move {
            let start = Instant::now();
            for _ in 0..n.div_ceil(1024) {
                let mut lines = BufReader::new(&text[..]).lines();
                let mut bytes = 0;
                while let Some(line) = lines.next_line().await.unwrap() {
                    bytes += line.len() + 1;
                }
                assert_eq!(bytes, text.len());
            }
            start.elapsed()
        })
        .await
        .unwrap()
    })
}

/// 64 KiB through a `duplex` of that size, to the end and into a new vector.
pub fn read_to_end(runtime: &Runtime, n: u64) -> Duration {
    use rt::io::AsyncWriteExt;
    const SIZE: usize = 64 * 1024;
    runtime.block_on(async move {
        rt::spawn(async move {
            let content = vec![5; SIZE];
            let start = Instant::now();
            for _ in 0..n {
                let (mut near, mut far) = rt::io::duplex(SIZE);
                near.write_all(&content).await.unwrap();
                drop(near);
                let mut read = Vec::new();
                assert_eq!(far.read_to_end(&mut read).await.unwrap(), SIZE);
            }
            start.elapsed()
        })
        .await
        .unwrap()
    })
}
