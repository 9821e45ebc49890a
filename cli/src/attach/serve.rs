//! `selvedge serve`: a process as a page in the browser. The page asks for news each second, and for a recording on demand.
//!
//! ```text
//! /KEY/              the page
//! /KEY/hello.json    the process and its runtimes
//! /KEY/metrics.json  the inspector's figures
//! /KEY/dump.json     as `dump --json`
//! /KEY/report?for=2s a recording made now, as `report --html`
//! ```
//!
//! The inspector's socket is for one user; a port of this machine is open to all users, and to every page that a browser has open. So each path
//! begins with a key that cannot be guessed, and the page's address is printed only on the terminal.
//!
//! One request is answered at a time, each over a connection of its own to the process: it may end and come back.

use super::client::Client;
use super::find::{self, Target};
use super::{duration, record, tasks};
use crate::{Failure, html};
use selvedge_trace::{Analysis, Recording};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;
use tiny_http::{Header, Method, Request, Response, Server};

const PAGE: &str = include_str!("../../assets/live.html");
/// The longest recording that a request may ask for.
const LONGEST: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
pub struct Args {
    /// The process's number, or the path of its socket.
    #[arg(value_name = "PID", value_parser = find::target)]
    target: Target,
    /// The port of this machine; 0: any that is free.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Memory for the newest events of each worker in a recording, in KiB.
    #[arg(long, value_name = "KIB", default_value_t = 4096, value_parser = clap::value_parser!(u64).range(4..=16 * 1024))]
    ring: u64,
    /// Tell the address as one JSON object.
    #[arg(long)]
    json: bool,
}

/// An answer to the browser.
struct Answer {
    status: u16,
    kind: &'static str,
    body: Vec<u8>,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    // A process that is not there is an error before anybody opens a page.
    let pid = Client::connect(&args.target)?.hello.pid;
    let key = key()?;
    let address = SocketAddr::from(([127, 0, 0, 1], args.port));
    let server = Server::http(address).map_err(|error| format!("{address}: {error}"))?;
    let port = server.server_addr().to_ip().map_or(0, |ip| ip.port());
    let url = format!("http://127.0.0.1:{port}/{key}/");
    let mut out = io::stdout().lock();
    match args.json {
        true => writeln!(out, "{}", json!({ "version": 1, "pid": pid, "url": url }))?,
        false => writeln!(out, "process {pid} is shown at {url}; Ctrl-C ends it")?,
    }
    out.flush()?;
    drop(out);
    for request in server.incoming_requests() {
        let answer = answer(args, &key, &request);
        // A browser that has gone away wants nothing more.
        let _ = send(request, answer);
    }
    Ok(())
}

/// 128 random bits, as text.
fn key() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| format!("/dev/urandom: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn answer(args: &Args, key: &str, request: &Request) -> Answer {
    if *request.method() != Method::Get {
        return text(405, "only GET is known");
    }
    let (path, query) = request.url().split_once('?').unwrap_or((request.url(), ""));
    let Some(path) = path
        .strip_prefix('/')
        .and_then(|path| path.strip_prefix(key))
    else {
        return text(
            404,
            "the address that `selvedge serve` printed is the one to open",
        );
    };
    let result = match path {
        "/" => Ok(page()),
        "/hello.json" => asked(args, "hello"),
        "/metrics.json" => asked(args, "metrics"),
        "/dump.json" => dump(args),
        "/report" => match time(query) {
            Ok(time) => report(args, time),
            Err(error) => return text(400, &error),
        },
        _ => return text(404, "there is no such page"),
    };
    result.unwrap_or_else(|error| text(502, &error.to_string()))
}

fn page() -> Answer {
    Answer {
        status: 200,
        kind: "text/html; charset=utf-8",
        body: PAGE.into(),
    }
}

fn text(status: u16, message: &str) -> Answer {
    Answer {
        status,
        kind: "text/plain; charset=utf-8",
        body: message.into(),
    }
}

fn object(value: &Value) -> Answer {
    Answer {
        status: 200,
        kind: "application/json",
        body: value.to_string().into(),
    }
}

fn asked(args: &Args, request: &str) -> Result<Answer, Failure> {
    let mut client = Client::connect(&args.target)?;
    Ok(object(&client.ask_json(json!({ "request": request }))?))
}

fn dump(args: &Args) -> Result<Answer, Failure> {
    let mut client = Client::connect(&args.target)?;
    Ok(object(&tasks::dumped(&mut client)?))
}

/// How long a recording is to be: 2 s, unless the query says `for=500ms`.
fn time(query: &str) -> Result<Duration, String> {
    match query.split('&').find_map(|part| part.strip_prefix("for=")) {
        Some(time) => Ok(duration(time)?.min(LONGEST)),
        None => Ok(Duration::from_secs(2)),
    }
}

/// The timeline of the next `time`.
fn report(args: &Args, time: Duration) -> Result<Answer, Failure> {
    let mut client = Client::connect(&args.target)?;
    let (bytes, _) = record::record(&mut client, args.ring, time)?;
    let recording = Recording::read(&bytes)?;
    let analysis = Analysis::of(&recording);
    let mut body = Vec::new();
    html::write(&mut body, &recording, &analysis)?;
    Ok(Answer {
        status: 200,
        kind: "text/html; charset=utf-8",
        body,
    })
}

fn send(request: Request, answer: Answer) -> io::Result<()> {
    let mut response = Response::from_data(answer.body).with_status_code(answer.status);
    let fields = [
        ("Content-Type", answer.kind),
        ("Cache-Control", "no-store"),
        // The key stands in the address: it must not travel to another site.
        ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
    ];
    for (name, value) in fields {
        if let Ok(header) = Header::from_bytes(name, value) {
            response.add_header(header);
        }
    }
    request.respond(response)
}
