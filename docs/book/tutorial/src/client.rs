//! The client that programs use to talk to the server.

use selvedge::io::{self, AsyncBufReadExt, AsyncWriteExt, BufReader};
use selvedge::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use selvedge::net::{TcpStream, ToSocketAddrs};

/// A connection to a server.
#[derive(Debug)]
pub struct Client {
    reading: BufReader<OwnedReadHalf>,
    writing: OwnedWriteHalf,
}

impl Client {
    pub async fn connect(address: impl ToSocketAddrs) -> io::Result<Client> {
        let (reading, writing) = TcpStream::connect(address).await?.into_split();
        let reading = BufReader::new(reading);
        Ok(Client { reading, writing })
    }

    pub async fn get(&mut self, key: &str) -> io::Result<Option<String>> {
        let answer = self.ask(&format!("GET {}", word(key)?)).await?;
        Ok(answer.strip_prefix("VALUE ").map(str::to_owned))
    }

    pub async fn set(&mut self, key: &str, value: &str) -> io::Result<()> {
        let line = format!("SET {} {}", word(key)?, one_line(value)?);
        self.ask(&line).await.map(drop)
    }

    /// Deletes a key. True: the key was there.
    pub async fn delete(&mut self, key: &str) -> io::Result<bool> {
        Ok(self.ask(&format!("DEL {}", word(key)?)).await? == "OK")
    }

    /// Sends a line, and reads the answer.
    pub async fn ask(&mut self, line: &str) -> io::Result<String> {
        let line = one_line(line)?.to_owned() + "\n";
        self.writing.write_all(line.as_bytes()).await?;
        let mut answer = String::new();
        if self.reading.read_line(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let answer = answer.trim_end_matches('\n');
        match answer.strip_prefix("ERR ") {
            Some(why) => Err(io::Error::other(why.to_owned())),
            None => Ok(answer.to_owned()),
        }
    }
}

/// Refuses a text with an end of line: it would be two lines of the protocol.
fn one_line(text: &str) -> io::Result<&str> {
    match text.contains('\n') {
        true => Err(io::ErrorKind::InvalidInput.into()),
        false => Ok(text),
    }
}

/// Refuses a key that is empty, or has a blank or an end of line.
fn word(text: &str) -> io::Result<&str> {
    match text.is_empty() || text.contains(' ') {
        true => Err(io::ErrorKind::InvalidInput.into()),
        false => one_line(text),
    }
}
