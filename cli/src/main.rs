//! The `selvedge` command shows what a program on selvedge does, now or in a recording of its flight recorder.
//!
//! | module | owns |
//! |---|---|
//! | `report` | a recording, reported as text, JSON, a page, a Perfetto trace |
//! | `attach` | a running process, through its inspector (systems with Unix sockets) |
//! | `text` | the report for a terminal |
//! | `json` | the same for programs, as documented objects |
//! | `perfetto` | a file for the Perfetto UI |
//! | `html` | a page with a timeline, in one file |

#[cfg(unix)]
mod attach;
mod html;
mod json;
mod perfetto;
mod report;
mod text;

use clap::{Parser, Subcommand};
use std::error::Error;
use std::io;
use std::process::ExitCode;

/// Looks into programs that run on selvedge.
///
/// It ends with 0, with 1 if it could not do what was asked, and with 2 if it did not understand the command line.
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
    Report(report::Args),
    #[cfg(unix)]
    #[command(flatten)]
    Attach(attach::Command),
}

/// What stops a command.
type Failure = Box<dyn Error>;

fn main() -> ExitCode {
    let result = match Args::parse().command {
        Command::Report(args) => report::run(&args),
        #[cfg(unix)]
        Command::Attach(command) => attach::run(&command),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of the output has closed it.
        Err(error) if is_closed_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("selvedge: {error}");
            ExitCode::FAILURE
        }
    }
}

fn is_closed_pipe(error: &(dyn Error + 'static)) -> bool {
    let io = error.downcast_ref::<io::Error>().map(io::Error::kind);
    let json = error
        .downcast_ref::<serde_json::Error>()
        .and_then(serde_json::Error::io_error_kind);
    io.or(json) == Some(io::ErrorKind::BrokenPipe)
}
