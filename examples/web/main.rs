//! An axum application on this runtime: `cargo run --release --example web`
//!
//! axum, hyper and everything below them come unmodified from crates.io; the workspace's `[patch.crates-io]`
//! gives them selvedge where they ask for tokio. What to look at: the first line printed (the crate that the
//! runtime's type comes from), the latencies, and the runtime's counters after the load.
//!
//! `-- --serve` serves until Ctrl-C and then finishes the requests in flight, for five seconds at most; a second
//! Ctrl-C does not wait for them. `-- --help` lists the other options.
//! Exit code: 0 success, 1 could not run (a port in use), 2 wrong argument.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod histogram;
mod load;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use axum::extract::Path;
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Parser;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle, Runtime, RuntimeMetrics};

/// Serves a small axum application and measures it over loopback.
#[derive(Parser, Debug)]
#[command(name = "web")]
struct Arguments {
    /// Keep serving until Ctrl-C instead of running the load
    #[arg(long)]
    serve: bool,
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// How long the load lasts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Keep-alive connections of the load
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    connections: u16,
    /// Worker threads; all cores unless told
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Greeting {
    name: String,
    visits: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut builder = Builder::new_multi_thread();
    if let Some(workers) = arguments.workers {
        builder.worker_threads(workers.into());
    }
    let outcome = builder
        .enable_all()
        .build()
        .map_err(|error| format!("could not start the runtime: {error}"))
        .and_then(|runtime| runtime.block_on(run(arguments)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            complain!("web: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let metrics = Handle::current().metrics();
    say!(
        "runtime {}, {} workers, serving http://{address}",
        std::any::type_name::<Runtime>(),
        metrics.num_workers(),
    );

    if arguments.serve {
        say!("Ctrl-C stops it");
        return serve_until_interrupted(listener).await;
    }
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, async move {
        let _ = stopped.await;
    }));
    let before = Counts::read(&metrics);
    let start = Instant::now();
    let duration = Duration::from_secs(arguments.seconds);
    let report = load::run(address, arguments.connections.into(), duration).await?;
    let after = Counts::read(&metrics);
    report.print();
    after
        .since(&before)
        .print(start.elapsed(), metrics.num_workers());
    report.draw();
    let _ = stop.send(());
    server.await.map_err(|error| error.to_string())?
}

/// How long the server waits for requests in flight.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves until Ctrl-C, then waits a while for the requests in flight.
async fn serve_until_interrupted(listener: TcpListener) -> Result<(), String> {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let start = || {
        tokio::spawn(serve(listener, async move {
            let _ = stopped.await;
        }))
    };
    let mut server = None;
    tokio::select! {
        // In this order: the signal's handler is installed before the first request is served.
        biased;
        () = interrupted() => say!("stopping"),
        ended = async { server.insert(start()).await } => {
            return ended.map_err(|error| error.to_string())?;
        }
    }
    let Some(server) = server else { return Ok(()) };
    let _ = stop.send(());
    tokio::select! {
        ended = server => ended.map_err(|error| error.to_string())?,
        () = interrupted() => Ok(()),
        () = tokio::time::sleep(DRAIN) => {
            say!("some requests have not ended");
            Ok(())
        }
    }
}

/// Serves until `stop` is ready, then lets the requests in flight finish.
async fn serve(
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), String> {
    axum::serve(listener, app())
        .with_graceful_shutdown(stop)
        .await
        .map_err(|error| error.to_string())
}

fn app() -> Router {
    Router::new()
        .route("/", get(|| async { "Hello from axum\n" }))
        .route("/hello/{name}", get(hello))
        .route(
            "/echo",
            post(|Json(greeting): Json<Greeting>| async move { Json(greeting) }),
        )
}

async fn hello(Path(name): Path<String>) -> Json<Greeting> {
    Json(Greeting { name, visits: 1 })
}

async fn interrupted() {
    match tokio::signal::ctrl_c().await {
        Ok(()) => {}
        // Without a signal handler nothing can stop the server: it goes on.
        Err(error) => {
            complain!("web: cannot listen for Ctrl-C: {error}");
            std::future::pending().await
        }
    }
}

/// The runtime's own counters, summed over its workers.
#[derive(Debug, Default)]
struct Counts {
    polls: u64,
    steals: u64,
    parks: u64,
    busy: Duration,
}

impl Counts {
    fn read(metrics: &RuntimeMetrics) -> Self {
        let mut counts = Counts::default();
        for worker in 0..metrics.num_workers() {
            counts.parks += metrics.worker_park_count(worker);
            counts.busy += metrics.worker_total_busy_duration(worker);
            counts.polls += metrics.worker_poll_count(worker);
            counts.steals += metrics.worker_steal_count(worker);
        }
        counts
    }

    fn since(&self, before: &Counts) -> Counts {
        Counts {
            polls: self.polls - before.polls,
            steals: self.steals - before.steals,
            parks: self.parks - before.parks,
            busy: self.busy.saturating_sub(before.busy),
        }
    }

    fn print(&self, elapsed: Duration, workers: usize) {
        // The time of all workers. Their counters may begin a little before `start` was read.
        let all = elapsed * u32::try_from(workers).unwrap_or(u32::MAX);
        say!(
            "runtime        {} polls, {} tasks stolen, {} parks",
            self.polls,
            self.steals,
            self.parks,
        );
        say!(
            "workers        {workers} for {:.1} s, busy {:.1} s of {:.1} s together",
            elapsed.as_secs_f64(),
            self.busy.min(all).as_secs_f64(),
            all.as_secs_f64(),
        );
    }
}
