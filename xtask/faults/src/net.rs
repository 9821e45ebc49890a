//! Scenarios of sockets and pipes.

use crate::{check, pattern, run};
use std::io;
use std::sync::LazyLock;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixListener, UnixStream};
use tokio::runtime::Runtime;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

const LEN: usize = 200_000;

/// The first error of two tasks, the second of which is then given up.
async fn both(
    one: impl Future<Output = io::Result<()>> + Send + 'static,
    two: impl Future<Output = io::Result<()>> + Send + 'static,
) -> io::Result<()> {
    let mut set = JoinSet::new();
    set.spawn(one);
    set.spawn(two);
    while let Some(result) = set.join_next().await {
        result.map_err(io::Error::other)??;
    }
    Ok(())
}

/// Sends back what it gets, in small pieces.
async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let mut buffer = vec![0; 7000];
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return stream.shutdown().await;
        }
        stream.write_all(&buffer[..n]).await?;
    }
}

/// Sends a pattern and reads it back at the same time.
async fn ask(stream: impl AsyncRead + AsyncWrite + Unpin, n: u32) -> io::Result<()> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let sent = pattern(LEN, n);
    let write = async {
        writer.write_all(&sent).await?;
        writer.shutdown().await
    };
    let read = async {
        let mut got = Vec::new();
        reader.read_to_end(&mut got).await?;
        Ok(got)
    };
    let ((), got) = tokio::try_join!(write, read)?;
    check(got == sent, "an echo")
}

/// One connection, there and back.
pub fn tcp(runtime: &Runtime, n: u32) -> io::Result<()> {
    run(runtime, async move {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let serve = async move { echo(listener.accept().await?.0).await };
        let call = async move { ask(TcpStream::connect(address).await?, n).await };
        both(serve, call).await
    })
}

pub fn unix(runtime: &Runtime, n: u32) -> io::Result<()> {
    run(runtime, async move {
        let path = std::env::temp_dir().join(format!("faults-{}-{n}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path)?;
        let remove = path.clone();
        let serve = async move { echo(listener.accept().await?.0).await };
        let call = async move { ask(UnixStream::connect(path).await?, n).await };
        let result = both(serve, call).await;
        let _ = std::fs::remove_file(remove);
        result
    })
}

/// One direction, slowly: after every piece a later one comes, with an event of its own.
pub fn stream(runtime: &Runtime, n: u32) -> io::Result<()> {
    run(runtime, async move {
        let (mut reader, mut writer) = UnixStream::pair()?;
        let sent = pattern(40, n);
        let expected = sent.clone();
        let write = async move {
            for byte in sent {
                writer.write_all(&[byte]).await?;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Ok(())
        };
        let read = async move {
            let mut got = Vec::new();
            reader.read_to_end(&mut got).await?;
            check(got == expected, "a byte")
        };
        both(write, read).await
    })
}

/// What the attempts of `accept` have in common: a connection that was not accepted is there for the next. It is made
/// anew if something else went wrong, as then nobody knows what is in the queue.
struct Door {
    listener: TcpListener,
    pending: Option<TcpStream>,
}

static DOOR: LazyLock<Mutex<Option<Door>>> = LazyLock::new(|| Mutex::new(None));

/// Closes what attempts have left open.
pub fn forget() {
    *DOOR.blocking_lock() = None;
}

/// A connection stays in the queue until somebody has accepted it, however often that fails.
pub fn accept(runtime: &Runtime, n: u32) -> io::Result<()> {
    run(runtime, async move {
        let mut known = DOOR.lock().await;
        let mut door = match known.take() {
            Some(door) => door,
            None => Door {
                listener: TcpListener::bind("127.0.0.1:0").await?,
                pending: None,
            },
        };
        if door.pending.is_none() {
            let mut stream = TcpStream::connect(door.listener.local_addr()?).await?;
            stream.write_all(&n.to_le_bytes()).await?;
            door.pending = Some(stream);
        }
        let mut accepted = match door.listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                *known = Some(door);
                return Err(error);
            }
        };
        let asked = accepted.read_u32_le().await?;
        accepted.write_u32_le(asked).await?;
        let answered = door.pending.take().unwrap().read_u32_le().await?;
        *known = Some(door);
        check(answered == asked && answered <= n, "a connection")
    })
}

/// Datagrams that are sent again until the answer comes.
pub fn udp(runtime: &Runtime, n: u32) -> io::Result<()> {
    run(runtime, async move {
        let server = UdpSocket::bind("127.0.0.1:0").await?;
        let client = UdpSocket::bind("127.0.0.1:0").await?;
        client.connect(server.local_addr()?).await?;
        let serve = async move {
            let mut buffer = [0; 64];
            loop {
                let (len, from) = server.recv_from(&mut buffer).await?;
                server.send_to(&buffer[..len], from).await?;
            }
        };
        let call = async move {
            for i in 0..5u32 {
                let question = pattern(32, n * 100 + i);
                let mut answer = [0; 64];
                loop {
                    client.send(&question).await?;
                    let wait = Duration::from_millis(20);
                    if let Ok(len) = tokio::time::timeout(wait, client.recv(&mut answer)).await {
                        // What is not the answer answers an earlier question, sent twice.
                        if answer[..len?] == question {
                            break;
                        }
                    }
                }
            }
            Ok(())
        };
        tokio::select! {
            result = serve => result,
            result = call => result,
        }
    })
}

/// An anonymous pipe, filled beyond what it holds.
pub fn pipe(runtime: &Runtime, n: u32) -> io::Result<()> {
    run(runtime, async move {
        let (mut sender, mut receiver) = tokio::net::unix::pipe::pipe()?;
        let sent = pattern(LEN, n);
        let expected = sent.clone();
        let write = async move { sender.write_all(&sent).await };
        let read = async move {
            let mut got = Vec::new();
            receiver.read_to_end(&mut got).await?;
            check(got == expected, "what went through the pipe")
        };
        both(write, read).await
    })
}

/// A name that the pool looks up.
pub fn lookup(runtime: &Runtime, _: u32) -> io::Result<()> {
    run(runtime, async {
        let mut addresses = tokio::net::lookup_host("localhost:80").await?;
        check(
            addresses.any(|a| a.ip().is_loopback()),
            "the address of localhost",
        )
    })
}
