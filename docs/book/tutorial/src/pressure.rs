//! A server that takes no more work than it can do: it bounds the connections, and the changes on their way to the journal.

use crate::limits::{Limits, read_line, write_line};
use crate::protocol::{Request, parse};
use crate::store::Store;
use selvedge::io::{self, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use selvedge::net::{TcpListener, TcpStream};
use selvedge::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use std::sync::Arc;

/// What all connections of a server share.
#[derive(Clone, Debug)]
pub struct Server {
    pub store: Store,
    pub limits: Limits,
    /// A permit for each connection that may be open.
    pub connections: Arc<Semaphore>,
    /// The channel to the journal. It has room for a bounded number of lines.
    pub journal: mpsc::Sender<String>,
}

impl Server {
    /// Answers a line. A change waits for room in the journal before it is made.
    pub async fn answer(&self, line: &str) -> String {
        let request = match parse(line) {
            Ok(request) => request,
            Err(why) => return format!("ERR {why}"),
        };
        let is_change = !matches!(request, Request::Get(_));
        if is_change && self.journal.send(line.to_owned()).await.is_err() {
            return "ERR the journal is closed".to_owned();
        }
        self.store.apply(request)
    }
}

/// Writes the lines that it receives, until all senders are dropped. Returns the number of lines.
pub async fn write_journal<W>(mut changes: mpsc::Receiver<String>, mut to: W) -> io::Result<usize>
where
    W: AsyncWrite + Unpin,
{
    let mut written = 0;
    while let Some(line) = changes.recv().await {
        to.write_all((line + "\n").as_bytes()).await?;
        written += 1;
        if changes.is_empty() {
            to.flush().await?;
        }
    }
    to.flush().await?;
    Ok(written)
}

/// Answers one connection.
pub async fn talk<S>(stream: S, server: Server) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stream = BufReader::new(stream);
    while let Some(line) = read_line(&mut stream, &server.limits).await? {
        let answer = server.answer(&line).await;
        write_line(&mut stream, &answer, &server.limits).await?;
    }
    Ok(())
}

/// Waits for a permit, then for a connection. If this future is dropped, neither is lost.
pub async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> io::Result<(OwnedSemaphorePermit, TcpStream)> {
    let permit = connections.clone().acquire_owned().await;
    let permit = permit.expect("nobody closes the semaphore");
    let (stream, _) = listener.accept().await?;
    Ok((permit, stream))
}

/// Serves for ever, one connection for each permit at a time. The others wait in the system's queue.
pub async fn serve(listener: TcpListener, server: Server) -> io::Result<()> {
    loop {
        let (permit, stream) = accept(&listener, &server.connections).await?;
        let server = server.clone();
        selvedge::spawn(async move {
            let _permit = permit;
            if let Err(error) = talk(stream, server).await {
                println!("hung up: {error}");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{Server, serve, talk, write_journal};
    use crate::client::Client;
    use crate::limits::Limits;
    use crate::store::Store;
    use selvedge::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use selvedge::net::TcpListener;
    use selvedge::sync::{Semaphore, mpsc};
    use selvedge::time::{sleep, timeout};
    use std::sync::Arc;
    use std::time::Duration;

    fn server(connections: usize) -> (Server, mpsc::Receiver<String>) {
        let (journal, changes) = mpsc::channel(2);
        let server = Server {
            store: Store::default(),
            limits: Limits::default(),
            connections: Arc::new(Semaphore::new(connections)),
            journal,
        };
        (server, changes)
    }

    #[selvedge::test]
    async fn the_second_connection_waits_for_the_end_of_the_first() {
        let (server, changes) = server(1);
        selvedge::spawn(write_journal(changes, selvedge::io::sink()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let permits = server.connections.clone();
        selvedge::spawn(serve(listener, server));
        let mut first = Client::connect(address).await.unwrap();
        first.set("a", "1").await.unwrap();
        // The system has accepted the connection; the server has not.
        let mut second = Client::connect(address).await.unwrap();
        let mut answer = Box::pin(second.get("a"));
        assert!(
            timeout(Duration::from_millis(50), &mut answer)
                .await
                .is_err()
        );
        assert_eq!(permits.available_permits(), 0);
        drop(first);
        assert_eq!(answer.await.unwrap().as_deref(), Some("1"));
    }

    #[selvedge::test(start_paused = true)]
    async fn a_slow_journal_slows_the_clients_and_not_the_readers() {
        let (server, mut changes) = server(8);
        let store = server.store.clone();
        let (mut client, stream) = duplex(1024);
        selvedge::spawn(talk(stream, server.clone()));
        client
            .write_all(b"SET a 1\nSET a 2\nSET a 3\n")
            .await
            .unwrap();
        // The channel has room for two changes. The third waits until a change is received.
        sleep(Duration::from_secs(3600)).await;
        assert_eq!(store.answer("GET a"), "VALUE 2");
        let (mut reader, stream) = duplex(64);
        selvedge::spawn(talk(stream, server));
        reader.write_all(b"GET a\n").await.unwrap();
        let mut answer = [0; 8];
        reader.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"VALUE 2\n");
        assert_eq!(changes.recv().await.as_deref(), Some("SET a 1"));
        let mut answers = [0; 9];
        client.read_exact(&mut answers).await.unwrap();
        assert_eq!(&answers, b"OK\nOK\nOK\n");
        assert_eq!(store.answer("GET a"), "VALUE 3");
    }
}
