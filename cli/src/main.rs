//! The `selvedge` command: what a recording of the flight recorder tells.
//!
//! | module | owns |
//! |---|---|
//! | `text` | the report for a terminal |
//! | `json` | the same for programs, as documented objects |
//! | `perfetto` | a file for the Perfetto UI |
//! | `html` | a page with a timeline, in one file |

mod html;
mod json;
mod perfetto;
mod text;

use clap::{Parser, Subcommand};
use selvedge_trace::{Analysis, Recording};
use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Looks into programs that run on selvedge.
#[derive(Parser)]
#[command(name = "selvedge", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Tell what a recording holds: what is wrong, the tasks, the threads.
    ///
    /// A program records with SELVEDGE_RECORD=FILE in its environment, or by Builder::record.
    Report(Report),
}

#[derive(clap::Args)]
struct Report {
    /// The recording; also of a program that still writes to it.
    file: PathBuf,
    /// As one JSON object: findings, tasks, threads, losses.
    #[arg(long)]
    json: bool,
    /// Write a page with a timeline to this file; it needs no network.
    #[arg(long, value_name = "OUT")]
    html: Option<PathBuf>,
    /// Write a trace for the Perfetto UI (ui.perfetto.dev) to this file.
    #[arg(long, value_name = "OUT")]
    perfetto: Option<PathBuf>,
    /// How many tasks the text names, those with the most time in polls first.
    #[arg(long, default_value_t = 20)]
    tasks: usize,
}

fn main() -> ExitCode {
    let Command::Report(args) = Args::parse().command;
    match report(&args) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has had enough.
        Err(error) if is_closed_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("selvedge: {error}");
            ExitCode::FAILURE
        }
    }
}

fn report(args: &Report) -> Result<(), Box<dyn Error>> {
    let recording = read(&args.file)?;
    let analysis = Analysis::of(&recording);
    if let Some(out) = &args.html {
        write(out, html::page(&recording, &analysis).as_bytes())?;
    }
    if let Some(out) = &args.perfetto {
        write(out, &perfetto::trace(&recording, &analysis)?)?;
    }
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &json::object(&recording, &analysis))?;
        writeln!(out)?;
    } else {
        text::write(&mut out, &recording, &analysis, args.tasks)?;
    }
    out.flush()?;
    Ok(())
}

fn read(path: &Path) -> Result<Recording, Box<dyn Error>> {
    let bytes =
        Recording::bytes_of(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Recording::read(&bytes).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))
}

fn is_closed_pipe(error: &(dyn Error + 'static)) -> bool {
    let io = error.downcast_ref::<io::Error>().map(io::Error::kind);
    let json = error
        .downcast_ref::<serde_json::Error>()
        .and_then(serde_json::Error::io_error_kind);
    io.or(json) == Some(io::ErrorKind::BrokenPipe)
}
