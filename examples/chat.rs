//! A chat server over lines of text: `cargo run --example chat`, then `nc 127.0.0.1 PORT` from several terminals.
//! With `-- --demo` two clients talk to each other and the program ends.
//!
//! What to look at: one broadcast channel for all that is said, `select!` between the lines that a client types and
//! the lines of the others. A client too slow for the channel is told how many lines it missed, and stays connected.

#[macro_use]
#[path = "support/mod.rs"]
mod support;

use clap::Parser;
use tokio::io::{self, AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::{self, error::RecvError};

type Line = (std::net::SocketAddr, String);

/// A chat server over lines of text; Ctrl-C ends it.
#[derive(Parser, Debug)]
#[command(name = "chat")]
struct Arguments {
    /// Let two clients talk to each other, and end
    #[arg(long)]
    demo: bool,
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let Arguments { demo, port } = Arguments::parse();
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    say!("chat on {address}");
    let server = serve(listener);
    if demo {
        tokio::spawn(server);
        return talk(address).await;
    }
    tokio::select! {
        result = server => result,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    let (said, _) = broadcast::channel::<Line>(64);
    loop {
        let (stream, peer) = listener.accept().await?;
        let said = said.clone();
        tokio::spawn(async move {
            if let Err(error) = member(stream, peer, said).await {
                complain!("{peer}: {error}");
            }
        });
    }
}

async fn member(
    mut stream: TcpStream,
    me: std::net::SocketAddr,
    said: broadcast::Sender<Line>,
) -> io::Result<()> {
    let mut heard = said.subscribe();
    let (reader, mut writer) = stream.split();
    let mut typed = BufReader::new(reader).lines();
    writer.write_all(b"welcome\n").await?;
    loop {
        tokio::select! {
            line = typed.next_line() => match line? {
                Some(text) => { let _ = said.send((me, text)); }
                None => return Ok(()),
            },
            line = heard.recv() => match line {
                Ok((from, _)) if from == me => {}
                Ok((from, text)) => writer.write_all(format!("{from}: {text}\n").as_bytes()).await?,
                Err(RecvError::Lagged(missed)) => {
                    writer.write_all(format!("({missed} lines missed)\n").as_bytes()).await?;
                }
                Err(RecvError::Closed) => return Ok(()),
            },
        }
    }
}

async fn talk(address: std::net::SocketAddr) -> io::Result<()> {
    let mut ada = BufReader::new(TcpStream::connect(address).await?).lines();
    let mut bob = BufReader::new(TcpStream::connect(address).await?).lines();
    // Once the welcome has come, the server has subscribed both clients.
    ada.next_line().await?;
    bob.next_line().await?;
    ada.get_mut().write_all(b"hello, is anyone here?\n").await?;
    say!("bob hears {:?}", bob.next_line().await?);
    bob.get_mut().write_all(b"I am\n").await?;
    say!("ada hears {:?}", ada.next_line().await?);
    Ok(())
}
