//! `selvedge record`: a recording of a running process.

use super::answer::Record;
use super::client::{Client, Problem, ProblemKind};
use super::duration;
use super::find::{self, Target};
use crate::Failure;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// The version of the object's shape: it grows when something is renamed or left out.
const VERSION: u32 = 1;
/// The time between two looks whether the process is still there.
const LOOK: Duration = Duration::from_millis(250);

#[derive(clap::Args)]
pub struct Args {
    /// The process's number, or the path of its socket.
    #[arg(value_name = "PID", value_parser = find::target)]
    target: Target,
    /// How long: 2s, 500ms, 1m.
    #[arg(long = "for", value_name = "TIME", default_value = "2s", value_parser = duration)]
    time: Duration,
    /// The file that is written, `PID.recording` unless given; `-` is the standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Memory for the newest events of each worker, in KiB; for a long or busy recording.
    #[arg(long, value_name = "KIB", default_value_t = 4096, value_parser = clap::value_parser!(u64).range(4..=16 * 1024))]
    ring: u64,
    /// Tell of the file as one JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let is_stdout = args
        .output
        .as_deref()
        .is_some_and(|path| path.as_os_str() == "-");
    if is_stdout && args.json {
        return Err("the standard output is for the recording or for --json, not for both".into());
    }
    let mut client = Client::connect(&args.target)?;
    let pid = client.hello.pid;
    let path = match &args.output {
        Some(path) => path.clone(),
        None => PathBuf::from(format!("{pid}.recording")),
    };
    let started = Instant::now();
    let (bytes, has_begun) = record(&mut client, args.ring, args.time)?;
    let nanos = started.elapsed().as_nanos() as u64;
    let mut out = io::stdout().lock();
    if is_stdout {
        out.write_all(&bytes)?;
        return Ok(out.flush()?);
    }
    fs::write(&path, &bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    if args.json {
        let object = json!({
            "version": VERSION,
            "pid": pid,
            "file": path,
            "bytes": bytes.len(),
            "nanos": nanos,
            "was_recording": !has_begun,
        });
        serde_json::to_writer_pretty(&mut out, &object)?;
        writeln!(out)?;
    } else {
        let (file, bytes) = (path.display(), bytes.len());
        writeln!(
            out,
            "{file}: {bytes} bytes; `selvedge report {file}` tells what they hold"
        )?;
    }
    Ok(out.flush()?)
}

/// A recording of the next `time`. With false, one was going on already, and these are its last events.
pub fn record(client: &mut Client, ring: u64, time: Duration) -> Result<(Vec<u8>, bool), Failure> {
    let has_begun = begin(client, ring)?;
    if !has_begun {
        let pid = client.hello.pid;
        eprintln!("selvedge: process {pid} is recording already: these are its last events");
    }
    wait(client, time)?;
    let bytes = snapshot(client)?;
    if has_begun {
        client.ask::<Record>(json!({ "request": "record", "action": "stop" }))?;
    }
    Ok((bytes, has_begun))
}

/// Begins a recording; false if one goes on already.
fn begin(client: &mut Client, ring: u64) -> Result<bool, Problem> {
    let request = json!({ "request": "record", "action": "start", "ring_bytes": ring * 1024 });
    match client.ask::<Record>(request) {
        Ok(_) => Ok(true),
        Err(error) if error.kind == ProblemKind::Refused("recording".to_owned()) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Lets the time pass, as long as the process is there.
fn wait(client: &mut Client, time: Duration) -> Result<(), Failure> {
    let bar = progress(time.as_millis() as u64, "recording [{bar:40}] {msg}");
    let started = Instant::now();
    loop {
        let passed = started.elapsed();
        bar.set_position(passed.as_millis() as u64);
        bar.set_message(format!(
            "{:.1} of {:.1} s",
            passed.as_secs_f64(),
            time.as_secs_f64()
        ));
        let left = time.saturating_sub(passed);
        if left.is_zero() {
            bar.finish_and_clear();
            return Ok(());
        }
        thread::sleep(left.min(LOOK));
        client.ask_json(json!({ "request": "hello" }))?;
    }
}

fn snapshot(client: &mut Client) -> Result<Vec<u8>, Failure> {
    let request = json!({ "request": "record", "action": "snapshot" });
    let answer: Record = client.ask_patiently(request)?;
    let bar = progress(answer.bytes, "reading [{bar:40}] {bytes} of {total_bytes}");
    let mut bytes = Vec::new();
    client.bytes(answer.bytes, |part| {
        bytes.extend_from_slice(part);
        bar.set_position(bytes.len() as u64);
    })?;
    bar.finish_and_clear();
    Ok(bytes)
}

/// A progress bar on the standard error, if that is a terminal.
fn progress(length: u64, template: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("##."));
    }
    bar
}
