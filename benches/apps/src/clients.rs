//! The clients of the servers. They run in a process of their own, so that their work is not counted.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::servers::BODY;

/// Time between two paced requests: 200 in a second.
const PACE: Duration = Duration::from_millis(5);
/// Requests that a client of mini-redis sends at once.
const PIPELINED: usize = 32;
const SET: &[u8] = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n";
const GET: &[u8] = b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n";
const VALUE: &[u8] = b"$5\r\nvalue\r\n";
const MESSAGE: usize = 1024;

/// What a client does again and again.
#[derive(Clone, Copy)]
enum Ask {
    /// A request for that path.
    Http(&'static str),
    /// A request for `/`, each over a connection of its own.
    HttpAnew,
    Pipelined,
    Echo,
    EchoAnew,
}

/// The kind of request, the number of clients, and the number of answers to one request.
fn load(name: &str) -> (Ask, usize, usize) {
    match name {
        "hello" => (Ask::Http("/"), 64, 1),
        "slow" => (Ask::Http("/slow"), 256, 1),
        "anew" => (Ask::HttpAnew, 16, 1),
        "quiet" => (Ask::Http("/"), 1, 1),
        "pipelined" => (Ask::Pipelined, 16, PIPELINED),
        "echo" => (Ask::Echo, 64, 1),
        "echo-anew" => (Ask::EchoAnew, 16, 1),
        _ => panic!("nothing is asked by the name {name}"),
    }
}

/// Sends requests for the time `lasts`; prints the number of answers and their latencies.
///
/// # Panics
/// If the server cannot be reached, or answers other than expected.
#[tokio::main(flavor = "current_thread")]
pub async fn run(name: &str, address: &str, lasts: Duration) {
    let (ask, clients, answers) = load(name);
    let is_paced = name == "quiet";
    let end = Instant::now() + lasts;
    let tasks: Vec<_> = (0..clients)
        .map(|_| tokio::spawn(client(ask, address.to_owned(), end, is_paced)))
        .collect();
    let mut taken = Vec::new();
    for task in tasks {
        taken.extend(task.await.expect("a client"));
    }
    taken.sort_unstable();
    let at = |share: f64| taken[((taken.len() - 1) as f64 * share) as usize];
    println!(
        "answers {} p50 {} p99 {}",
        taken.len() * answers,
        at(0.5).as_nanos(),
        at(0.99).as_nanos()
    );
}

async fn client(ask: Ask, address: String, end: Instant, is_paced: bool) -> Vec<Duration> {
    let mut taken = Vec::new();
    let mut stream = connect(&address).await;
    if let Ask::Pipelined = ask {
        stream.write_all(SET).await.expect("send");
        stream.read_exact(&mut [0; 5]).await.expect("receive"); // "+OK\r\n"
    }
    let mut pace = tokio::time::interval(PACE);
    loop {
        if is_paced {
            pace.tick().await;
        }
        let sent = Instant::now();
        if sent >= end {
            return taken;
        }
        match ask {
            Ask::Http(path) => http(&mut stream, path, "keep-alive").await,
            Ask::HttpAnew => http(&mut connect(&address).await, "/", "close").await,
            Ask::Pipelined => pipelined(&mut stream).await,
            Ask::Echo => echo(&mut stream).await,
            Ask::EchoAnew => echo(&mut connect(&address).await).await,
        }
        taken.push(sent.elapsed());
    }
}

async fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).await.expect("connect");
    stream.set_nodelay(true).expect("no delay");
    stream
}

async fn http(stream: &mut TcpStream, path: &str, connection: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: here\r\nConnection: {connection}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("send");
    let mut answer = Vec::with_capacity(512);
    while !answer.ends_with(BODY.as_bytes()) {
        let read = stream.read_buf(&mut answer).await.expect("receive");
        assert_ne!(read, 0, "the server hung up");
    }
}

async fn pipelined(stream: &mut TcpStream) {
    stream
        .write_all(&GET.repeat(PIPELINED))
        .await
        .expect("send");
    let mut answer = [0; VALUE.len() * PIPELINED];
    stream.read_exact(&mut answer).await.expect("receive");
    assert!(answer.ends_with(VALUE));
}

async fn echo(stream: &mut TcpStream) {
    let mut buffer = [7; MESSAGE];
    stream.write_all(&buffer).await.expect("send");
    stream.read_exact(&mut buffer).await.expect("receive");
    assert_eq!(buffer, [7; MESSAGE]);
}
