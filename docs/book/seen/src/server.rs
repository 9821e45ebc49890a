//! A server that answers `PING` and `WHERE`, and the clients that ask it. The server keeps a log of the `WHERE` requests.
//!
//! The clients are threads with blocking sockets, so that a recording shows the server alone.

use crate::places::country;
use selvedge::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use selvedge::net::{TcpListener, TcpStream};
use selvedge::runtime::Handle;
use selvedge::sync::mpsc;
use selvedge::task::{JoinError, spawn_blocking};
use std::io::{self, BufRead, Write};
use std::net::{IpAddr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

/// How the server asks where a client is from.
#[derive(Clone, Copy)]
pub enum LookUp {
    InTheTask,
    OnThePool,
}

/// Accepts connections until this future is dropped.
pub async fn serve(listener: TcpListener, look_up: LookUp) -> io::Result<()> {
    let (log, requests) = mpsc::channel(100);
    selvedge::spawn(keep_log(requests));
    loop {
        let (stream, from) = listener.accept().await?;
        selvedge::spawn(talk_and_tell(stream, from.ip(), look_up, log.clone()));
    }
}

async fn talk_and_tell(
    stream: TcpStream,
    from: IpAddr,
    look_up: LookUp,
    log: mpsc::Sender<String>,
) {
    if let Err(error) = talk(stream, from, look_up, log).await {
        eprintln!("a connection ended: {error}");
    }
}

async fn talk(
    stream: TcpStream,
    from: IpAddr,
    look_up: LookUp,
    log: mpsc::Sender<String>,
) -> io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    while let Some(line) = lines.next_line().await? {
        let answer = match (line.as_str(), look_up) {
            ("PING", _) => "PONG",
            ("WHERE", how) => {
                // The send fails if the log's task is gone: then there is no log.
                let _ = log.send(line).await;
                match how {
                    LookUp::InTheTask => country(from).await,
                    LookUp::OnThePool => country_on_the_pool(from).await?,
                }
            }
            _ => "ERR",
        };
        writing.write_all(format!("{answer}\n").as_bytes()).await?;
    }
    Ok(())
}

/// Calls `country` on a thread that may block.
async fn country_on_the_pool(from: IpAddr) -> Result<&'static str, JoinError> {
    let handle = Handle::current();
    spawn_blocking(move || handle.block_on(country(from))).await
}

async fn keep_log(mut requests: mpsc::Receiver<String>) {
    let mut log = Vec::new();
    while let Some(request) = requests.recv().await {
        log.push(request);
    }
}

/// Asks `PING` again and again, while two other clients ask `WHERE`. Returns the longest time for which a `PING` had no answer.
pub fn ask(address: SocketAddr) -> io::Result<Duration> {
    let mut client = Client::connect(address)?;
    let mut others = Vec::new();
    let mut longest = Duration::ZERO;
    for number in 0..60 {
        if number == 10 {
            others.extend([(); 2].map(|()| thread::spawn(move || ask_where(address))));
        }
        longest = longest.max(client.ask("PING")?);
        thread::sleep(Duration::from_millis(10));
    }
    for other in others {
        other
            .join()
            .map_err(|_| io::Error::other("a client panicked"))??;
    }
    Ok(longest)
}

fn ask_where(address: SocketAddr) -> io::Result<Duration> {
    Client::connect(address)?.ask("WHERE")
}

struct Client {
    answers: io::Lines<io::BufReader<std::net::TcpStream>>,
    stream: std::net::TcpStream,
}

impl Client {
    fn connect(address: SocketAddr) -> io::Result<Client> {
        let stream = std::net::TcpStream::connect(address)?;
        let answers = io::BufReader::new(stream.try_clone()?).lines();
        Ok(Client { answers, stream })
    }

    /// Sends a request, and returns the time until its answer.
    fn ask(&mut self, request: &str) -> io::Result<Duration> {
        let begin = Instant::now();
        // The line is one packet: of two small packets, the second would wait for the answer to the first.
        self.stream.write_all(format!("{request}\n").as_bytes())?;
        self.answers.next().ok_or(io::ErrorKind::UnexpectedEof)??;
        Ok(begin.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::{LookUp, ask, serve};
    use crate::places::READ;
    use selvedge::net::TcpListener;
    use selvedge::runtime::{Builder, RecordOptions};
    use selvedge_trace::{Analysis, FindingKind, PollKind, Recording};
    use std::sync::Mutex;

    /// The process has one recorder, so one test runs at a time.
    static RECORDER: Mutex<()> = Mutex::new(());

    fn recorded(look_up: LookUp) -> Analysis {
        let _one = RECORDER.lock().unwrap_or_else(|error| error.into_inner());
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(2).enable_all();
        let runtime = builder.record(RecordOptions::new()).build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(serve(listener, look_up));
        ask(address).unwrap();
        let recorder = runtime.handle().recorder();
        let recording = Recording::read(&recorder.snapshot().unwrap()).unwrap();
        recorder.stop();
        Analysis::of(&recording)
    }

    /// Is there a poll at least as long as a look-up?
    fn keeps_a_worker(analysis: &Analysis) -> bool {
        let mut polls = analysis.polls.iter();
        polls.any(|poll| poll.kind == PollKind::Task && poll.time.nanos() >= READ.as_nanos() as u64)
    }

    #[test]
    fn a_look_up_in_the_task_is_a_stall() {
        let analysis = recorded(LookUp::InTheTask);
        assert!(keeps_a_worker(&analysis));
        let found = |kind| analysis.findings.iter().any(|finding| finding.kind == kind);
        assert!(found(FindingKind::Stall));
    }

    #[test]
    fn a_look_up_on_the_pool_keeps_no_worker() {
        assert!(!keeps_a_worker(&recorded(LookUp::OnThePool)));
    }
}
