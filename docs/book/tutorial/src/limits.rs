//! A server that gives up silent clients, slow clients and endless lines.

use crate::store::Store;
use selvedge::io::{self, AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt};
use selvedge::io::{AsyncWrite, AsyncWriteExt, BufReader};
use selvedge::net::TcpListener;
use selvedge::time::timeout;
use std::time::Duration;

/// How much time and memory a connection may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a client may take for a line.
    pub idle: Duration,
    /// How long a client may take to accept an answer.
    pub slow: Duration,
    /// How many bytes a line may have.
    pub line: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            idle: Duration::from_secs(30),
            slow: Duration::from_secs(10),
            line: 8 * 1024,
        }
    }
}

/// Reads a line of at most `limits.line` bytes. `None`: the client has hung up.
///
/// If this future is dropped, the part of a line that it has read is lost.
pub async fn read_line<R>(reader: &mut R, limits: &Limits) -> io::Result<Option<String>>
where
    R: AsyncBufRead + Unpin,
{
    let mut line = Vec::new();
    let mut limited = reader.take(limits.line as u64 + 1);
    let reading = limited.read_until(b'\n', &mut line);
    let read = match timeout(limits.idle, reading).await {
        Ok(read) => read?,
        Err(_) => return Err(io::Error::new(io::ErrorKind::TimedOut, "silent")),
    };
    if read == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "no end of line"));
    }
    line.pop();
    match String::from_utf8(line) {
        Ok(line) => Ok(Some(line)),
        Err(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "no text")),
    }
}

/// Writes a line, or gives up a client that does not take it.
pub async fn write_line<W>(writer: &mut W, line: &str, limits: &Limits) -> io::Result<()>
where
    W: AsyncWrite + Unpin,
{
    let line = line.to_owned() + "\n";
    match timeout(limits.slow, writer.write_all(line.as_bytes())).await {
        Ok(written) => written,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "slow")),
    }
}

/// Answers one connection. The connection may be any stream.
pub async fn talk<S>(stream: S, store: Store, limits: Limits) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stream = BufReader::new(stream);
    while let Some(line) = read_line(&mut stream, &limits).await? {
        write_line(&mut stream, &store.answer(&line), &limits).await?;
    }
    Ok(())
}

/// Serves for ever.
pub async fn serve(listener: TcpListener, store: Store, limits: Limits) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let store = store.clone();
        selvedge::spawn(async move {
            if let Err(error) = talk(stream, store, limits).await {
                println!("hung up: {error}");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{Limits, talk};
    use crate::store::Store;
    use selvedge::io::{AsyncReadExt, AsyncWriteExt, ErrorKind, duplex};
    use selvedge::time::{Instant, sleep};
    use std::time::Duration;

    #[selvedge::test(start_paused = true)]
    async fn a_silent_client_is_given_up_after_thirty_seconds() {
        let (mut client, server) = duplex(64);
        let start = Instant::now();
        let talking = selvedge::spawn(talk(server, Store::default(), Limits::default()));
        sleep(Duration::from_secs(20)).await;
        client.write_all(b"GET name\n").await.unwrap();
        let error = talking.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        // Each line has thirty seconds of its own.
        assert_eq!(start.elapsed().as_secs(), 50);
    }

    #[selvedge::test(start_paused = true)]
    async fn a_client_that_takes_no_answers_is_given_up() {
        // Room for 16 bytes: the second answer does not fit.
        let (mut client, server) = duplex(16);
        let start = Instant::now();
        let talking = selvedge::spawn(talk(server, Store::default(), Limits::default()));
        client.write_all(b"?\n?\n?\n").await.unwrap();
        let error = talking.await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "slow");
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[selvedge::test(start_paused = true)]
    async fn an_endless_line_is_given_up() {
        let limits = Limits {
            line: 16,
            ..Limits::default()
        };
        let (mut client, server) = duplex(64);
        let talking = selvedge::spawn(talk(server, Store::default(), limits));
        client.write_all(b"GET sixteen-long\n").await.unwrap();
        client.write_all(&[b'x'; 17]).await.unwrap();
        let mut answers = String::new();
        client.read_to_string(&mut answers).await.unwrap();
        assert_eq!(answers, "NONE\n");
        let error = talking.await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "no end of line");
    }
}
