//! The load: keep-alive connections by hyper's client. Each sends its next request as soon as it has the answer.

use std::fmt;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::histogram::Histogram;

/// What the clients measured.
#[derive(Debug)]
pub struct Report {
    elapsed: Duration,
    /// Sorted.
    latencies: Vec<Duration>,
}

/// Keeps `connections` busy for `duration` and shows a bar meanwhile.
pub async fn run(
    address: SocketAddr,
    connections: usize,
    duration: Duration,
) -> Result<Report, String> {
    let answered = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..connections {
        clients.spawn(client(address, start + duration, answered.clone()));
    }
    let bar = tokio::spawn(show(start, duration, answered));
    let mut latencies = Vec::new();
    while let Some(client) = clients.join_next().await {
        let seen = client.map_err(|error| error.to_string())??;
        latencies.extend(seen);
    }
    let elapsed = start.elapsed();
    let _ = bar.await;
    latencies.sort_unstable();
    Ok(Report { elapsed, latencies })
}

async fn client(
    address: SocketAddr,
    end: Instant,
    answered: Arc<AtomicU64>,
) -> Result<Vec<Duration>, String> {
    let failed = |error: &dyn fmt::Display| format!("load: {error}");
    let stream = TcpStream::connect(address).await.map_err(|e| failed(&e))?;
    stream.set_nodelay(true).map_err(|e| failed(&e))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| failed(&e))?;
    tokio::spawn(connection);
    let mut latencies = Vec::new();
    loop {
        let asked = Instant::now();
        if asked >= end {
            return Ok(latencies);
        }
        let request = Request::get("/hello/loopback")
            .header("host", "localhost")
            .body(Empty::<Bytes>::new())
            .map_err(|e| failed(&e))?;
        // The connection's task may not have processed the end of the last response yet.
        sender.ready().await.map_err(|e| failed(&e))?;
        let response = sender.send_request(request).await.map_err(|e| failed(&e))?;
        if response.status() != StatusCode::OK {
            return Err(failed(&response.status()));
        }
        response
            .into_body()
            .collect()
            .await
            .map_err(|e| failed(&e))?;
        latencies.push(asked.elapsed());
        // Ordering: Relaxed; a counter to look at.
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

async fn show(start: Instant, duration: Duration, answered: Arc<AtomicU64>) {
    let style = ProgressStyle::with_template("load {bar:40} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let target = match std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(Some(duration.as_millis() as u64), target);
    bar.set_style(style);
    let mut interval = tokio::time::interval(Duration::from_millis(100));
    while start.elapsed() < duration {
        interval.tick().await;
        bar.set_position(start.elapsed().as_millis() as u64);
        // Ordering: Relaxed; a counter to look at.
        bar.set_message(format!("{} requests", answered.load(Ordering::Relaxed)));
    }
    bar.finish_and_clear();
}

impl Report {
    /// The latency that `share` of the requests did not exceed.
    fn quantile(&self, share: f64) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        let index = (self.latencies.len() as f64 * share) as usize;
        self.latencies
            .get(index.min(last))
            .copied()
            .unwrap_or_default()
    }
}

impl Report {
    /// The figures.
    pub fn print(&self) {
        let requests = self.latencies.len();
        let rate = requests as f64 / self.elapsed.as_secs_f64();
        say!("requests       {requests}, {rate:.0} per second");
        say!(
            "latency        p50 {:.1?}, p99 {:.1?}, p99.9 {:.1?}",
            self.quantile(0.5),
            self.quantile(0.99),
            self.quantile(0.999),
        );
    }

    /// The distribution.
    pub fn draw(&self) {
        let sorted = &self.latencies;
        let width = crate::support::width();
        say!("\nrequests by latency\n{}", Histogram { sorted, width });
    }
}
