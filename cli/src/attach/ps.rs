//! `selvedge ps` without a process: lists the processes that can be inspected.

use super::answer::{Runtime, span};
use super::client::{Client, ProblemKind};
use super::find::{self, Process, Target};
use super::tasks;
use crate::Failure;
use serde::Serialize;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

/// The version of the object's shape: it grows when something is renamed or left out.
const VERSION: u32 = 1;

#[derive(clap::Args)]
pub struct Args {
    /// List the tasks of this process; its number, or the path of its socket.
    #[arg(value_name = "PID", value_parser = find::target)]
    target: Option<Target>,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints; `cli/schema/ps.json`.
#[derive(Serialize)]
struct Listed {
    version: u32,
    processes: Vec<Listing>,
    unreachable: Vec<Unreachable>,
}

#[derive(Serialize)]
struct Listing {
    pid: u32,
    program: Option<String>,
    selvedge: String,
    socket: PathBuf,
    recording: bool,
    runtimes: Vec<Runtime>,
}

#[derive(Serialize)]
struct Unreachable {
    pid: u32,
    socket: PathBuf,
    error: String,
    message: String,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    if let Some(target) = &args.target {
        return tasks::table(target, args.json);
    }
    let listed = list();
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &listed)?;
        writeln!(out)?;
    } else {
        text(&mut out, &listed)?;
    }
    out.flush()?;
    Ok(())
}

fn list() -> Listed {
    let mut listed = Listed {
        version: VERSION,
        processes: Vec::new(),
        unreachable: Vec::new(),
    };
    for (pid, socket) in find::sockets() {
        match Client::open(&socket, format!("process {pid}")) {
            Ok(client) => listed.processes.push(Listing {
                pid: client.hello.pid,
                program: client.hello.program,
                selvedge: client.hello.version,
                socket,
                recording: client.hello.recording,
                runtimes: client.hello.runtimes,
            }),
            // Left over from a process that was killed: nothing listens there.
            Err(error)
                if error.kind == ProblemKind::NotInspectable
                    && find::process(pid) == Process::None =>
            {
                let _ = std::fs::remove_file(&socket);
            }
            Err(error) => listed.unreachable.push(Unreachable {
                pid,
                socket,
                error: error.kind.word().to_owned(),
                message: error.to_string(),
            }),
        }
    }
    listed
}

fn text(out: &mut impl Write, listed: &Listed) -> io::Result<()> {
    if listed.processes.is_empty() && listed.unreachable.is_empty() {
        return writeln!(
            out,
            "No process of this user can be looked into. Start one with SELVEDGE_INSPECT=1 in its environment, or build its \
             runtime with Builder::inspect."
        );
    }
    writeln!(
        out,
        "{:>9}  {:>9}  {:>7}  {:<28}  PROGRAM",
        "PID", "UP", "WORKERS", "RUNTIMES"
    )?;
    for process in &listed.processes {
        let up = process.runtimes.iter().map(|r| r.uptime_nanos).max();
        let workers: u64 = process.runtimes.iter().map(|r| r.workers).sum();
        let runtimes: Vec<String> = process.runtimes.iter().map(called).collect();
        writeln!(
            out,
            "{:>9}  {:>9}  {:>7}  {:<28}  {}{}",
            process.pid,
            span(Duration::from_nanos(up.unwrap_or(0))),
            workers,
            runtimes.join(", "),
            process.program.as_deref().unwrap_or("?"),
            match process.recording {
                true => " (recording)",
                false => "",
            }
        )?;
    }
    for process in &listed.unreachable {
        writeln!(out, "{:>9}  {}", process.pid, process.message)?;
    }
    Ok(())
}

/// A runtime in a list.
pub fn called(runtime: &Runtime) -> String {
    match &runtime.name {
        Some(name) => format!("{} \"{name}\"", runtime.id),
        None => format!("{} {}", runtime.id, runtime.flavor),
    }
}
