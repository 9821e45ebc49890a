//! A server that answers lines: `lines ADDRESS`.

use selvedge::io::{self, AsyncBufReadExt, AsyncWriteExt, BufReader};
use selvedge::net::{TcpListener, TcpStream};

fn answer(line: &str) -> String {
    match line.split_once(' ') {
        Some(("ECHO", text)) => text.to_owned(),
        None if line == "PING" => "PONG".to_owned(),
        _ => "ERR unknown".to_owned(),
    }
}

async fn talk(stream: TcpStream) -> io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    while let Some(line) = lines.next_line().await? {
        let answer = answer(&line) + "\n";
        writing.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

async fn talk_and_tell(stream: TcpStream) {
    if let Err(error) = talk(stream).await {
        eprintln!("a connection ended: {error}");
    }
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        selvedge::spawn(talk_and_tell(stream));
    }
}

#[selvedge::main]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:4000".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    serve(listener).await
}

#[cfg(test)]
mod tests {
    use super::serve;
    use selvedge::io::{AsyncReadExt, AsyncWriteExt};
    use selvedge::net::{TcpListener, TcpStream};
    use selvedge::time::timeout;
    use std::time::Duration;

    #[selvedge::test]
    async fn a_silent_client_keeps_nobody_waiting() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        selvedge::spawn(serve(listener));
        let _silent = TcpStream::connect(address).await.unwrap();
        let mut other = TcpStream::connect(address).await.unwrap();
        other.write_all(b"PING\nECHO a b\nWHAT\n").await.unwrap();
        let mut answers = [0; 21];
        // The limit lets the test fail, instead of hang, if the server does not answer.
        let reading = timeout(Duration::from_secs(10), other.read_exact(&mut answers));
        reading.await.expect("an answer").unwrap();
        assert_eq!(&answers, b"PONG\na b\nERR unknown\n");
    }
}
