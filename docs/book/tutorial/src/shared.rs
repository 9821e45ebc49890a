//! The first server: all connections share one store.

use crate::store::Store;
use selvedge::io::{self, AsyncBufReadExt, AsyncWriteExt, BufReader};
use selvedge::net::{TcpListener, TcpStream};

/// Serves for ever.
pub async fn serve(listener: TcpListener, store: Store) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let store = store.clone();
        selvedge::spawn(async move {
            if let Err(error) = talk(stream, store).await {
                eprintln!("a connection ended: {error}");
            }
        });
    }
}

async fn talk(stream: TcpStream, store: Store) -> io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    while let Some(line) = lines.next_line().await? {
        let answer = store.answer(&line) + "\n";
        writing.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::serve;
    use crate::client::Client;
    use crate::store::Store;
    use selvedge::net::TcpListener;

    #[selvedge::test]
    async fn one_client_reads_what_another_has_set() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        selvedge::spawn(serve(listener, Store::default()));
        let mut first = Client::connect(address).await.unwrap();
        let mut second = Client::connect(address).await.unwrap();
        assert_eq!(second.get("name").await.unwrap(), None);
        first.set("name", "Ada Lovelace").await.unwrap();
        let found = second.get("name").await.unwrap();
        assert_eq!(found.as_deref(), Some("Ada Lovelace"));
        assert!(second.delete("name").await.unwrap());
        assert_eq!(first.get("name").await.unwrap(), None);
        assert!(!first.delete("name").await.unwrap());
    }

    #[selvedge::test]
    async fn a_key_that_would_be_two_lines_is_refused_before_it_is_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        selvedge::spawn(serve(listener, Store::default()));
        let mut client = Client::connect(address).await.unwrap();
        assert!(client.get("a\nDEL b").await.is_err());
        assert!(client.set("a", "1\nDEL b").await.is_err());
        assert_eq!(client.get("a").await.unwrap(), None);
    }
}
