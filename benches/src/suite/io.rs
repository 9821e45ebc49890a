//! The utilities over readers and writers, on memory: their own cost, without system calls.

use std::future::Future;
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

/// 64 KiB through a `duplex` of that size, read to the end into a new vector.
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

/// Runs `body` as a task and says how long it took.
fn in_task<F>(runtime: &Runtime, body: F) -> Duration
where
    F: Future<Output = ()> + Send + 'static,
{
    runtime.block_on(async move {
        rt::spawn(async move {
            let start = Instant::now();
            body.await;
            start.elapsed()
        })
        .await
        .unwrap()
    })
}

/// An iteration is 1 MiB from a slice to a sink, by `copy`.
pub fn copy(runtime: &Runtime, n: u64) -> Duration {
    let content = vec![5u8; 1 << 20];
    in_task(runtime, async move {
        for _ in 0..n {
            let copied = rt::io::copy(&mut &content[..], &mut rt::io::sink()).await;
            assert_eq!(copied.unwrap(), 1 << 20);
        }
    })
}

/// An iteration is 4 KiB there and 4 KiB back through a proxy made of `copy_bidirectional`.
pub fn copy_bidirectional(runtime: &Runtime, n: u64) -> Duration {
    use rt::io::{AsyncReadExt, AsyncWriteExt};
    const SIZE: usize = 4096;
    in_task(runtime, async move {
        let (mut client, mut proxy_in) = rt::io::duplex(SIZE);
        let (mut proxy_out, mut server) = rt::io::duplex(SIZE);
        let proxy = rt::spawn(async move {
            rt::io::copy_bidirectional(&mut proxy_in, &mut proxy_out)
                .await
                .unwrap()
        });
        let echo = rt::spawn(async move {
            let mut piece = [0; SIZE];
            while server.read_exact(&mut piece).await.is_ok() {
                server.write_all(&piece).await.unwrap();
            }
        });
        let mut piece = [1; SIZE];
        for _ in 0..n {
            client.write_all(&piece).await.unwrap();
            client.read_exact(&mut piece).await.unwrap();
        }
        drop(client);
        assert_eq!(proxy.await.unwrap(), (n * SIZE as u64, n * SIZE as u64));
        echo.await.unwrap();
    })
}

/// An iteration is a write of 16 bytes to a `BufWriter` over a sink.
pub fn buf_writer(runtime: &Runtime, n: u64) -> Duration {
    use rt::io::AsyncWriteExt;
    in_task(runtime, async move {
        let mut writer = rt::io::BufWriter::new(rt::io::sink());
        for _ in 0..n {
            writer.write_all(b"sixteen bytes ..").await.unwrap();
        }
        writer.flush().await.unwrap();
    })
}

/// An iteration is a `u64` written and a `u64` read.
pub fn integers(runtime: &Runtime, n: u64) -> Duration {
    use rt::io::{AsyncReadExt, AsyncWriteExt};
    in_task(runtime, async move {
        let mut bytes = Vec::with_capacity(8 * 1024);
        for _ in 0..n.div_ceil(1024) {
            bytes.clear();
            for i in 0..1024 {
                bytes.write_u64(i).await.unwrap();
            }
            let mut reader = BufReader::new(&bytes[..]);
            for i in 0..1024 {
                assert_eq!(reader.read_u64().await.unwrap(), i);
            }
        }
    })
}

/// An iteration is 64 bytes from one half of a split stream to the other half of its peer.
pub fn split(runtime: &Runtime, n: u64) -> Duration {
    use rt::io::{AsyncReadExt, AsyncWriteExt};
    in_task(runtime, async move {
        let (near, far) = rt::io::duplex(64 * 1024);
        let (_near_read, mut near_write) = rt::io::split(near);
        let (mut far_read, _far_write) = rt::io::split(far);
        let reader = rt::spawn(async move {
            let mut piece = [0; 64];
            for _ in 0..n {
                far_read.read_exact(&mut piece).await.unwrap();
            }
        });
        for _ in 0..n {
            near_write.write_all(&[7; 64]).await.unwrap();
        }
        reader.await.unwrap();
    })
}
