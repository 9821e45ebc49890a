//! A TCP echo server and one client: `cargo run --example echo`
//!
//! What to look at: a task per connection, `io::copy` between the two halves of one socket, and a server
//! that ends when the listener's task is aborted.

#[macro_use]
#[path = "support/mod.rs"]
mod support;

use clap::Parser;
use tokio::io::{self, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A TCP echo server and one client that talks to it.
#[derive(Parser, Debug)]
#[command(name = "echo")]
struct Arguments {}

#[tokio::main]
async fn main() -> io::Result<()> {
    let Arguments {} = Arguments::parse();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move {
        while let Ok((mut stream, peer)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                match io::copy(&mut reader, &mut writer).await {
                    Ok(bytes) => say!("{peer}: echoed {bytes} bytes"),
                    Err(error) => say!("{peer}: {error}"),
                }
            });
        }
    });

    let mut client = TcpStream::connect(address).await?;
    client.write_all(b"there and back").await?;
    client.shutdown().await?;
    let mut answer = String::new();
    client.read_to_string(&mut answer).await?;
    say!("got {answer:?}");
    server.abort();
    Ok(())
}
