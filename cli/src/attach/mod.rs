//! Commands that ask a running process, by the socket of its inspector (`docs/inspector.md`).
//!
//! | module | owns |
//! |---|---|
//! | `find` | the sockets of this user's processes |
//! | `client` | a connection: requests, answers, what goes wrong and what helps |
//! | `answer` | the answers as types |
//! | `ps` | `ps`: which processes can be asked |
//! | `tasks` | `ps PID`, `pstree` and `dump`: the tasks of one process |
//! | `top` | `top`: rates over an interval |
//! | `screen` | `top` on a terminal |
//! | `record` | `record`: a recording of what the process does |
//! | `serve` | `serve`: all of it as a page that a browser shows |

mod answer;
mod client;
mod find;
mod ps;
mod record;
mod screen;
mod serve;
mod tasks;
mod top;

use crate::Failure;
use clap::Subcommand;
use std::time::Duration;

#[derive(Subcommand)]
pub enum Command {
    /// List the processes of this user that can be looked into, or the tasks of one.
    ///
    /// Such a process runs with SELVEDGE_INSPECT=1 in its environment, or has a runtime with Builder::inspect.
    Ps(ps::Args),
    /// Show how busy a process's runtimes are: polls, steals, parks, queues, the blocking pool.
    ///
    /// On a terminal it is a screen that q ends. Else, and with --json, it is one line with a JSON object for each interval.
    Top(top::Args),
    /// Show the tasks of a process by who spawned whom.
    Pstree(tasks::Args),
    /// Tell all of a process's tasks: what each waits for, who holds each lock, and what is wrong.
    Dump(tasks::Args),
    /// Record what a process does, and write the recording to a file for `selvedge report`.
    Record(record::Args),
    /// Show a process in the browser: its workers, tasks and findings as they are, and the timeline of a recording made now.
    ///
    /// It prints the page's address, which holds a secret: requests without the secret get no answer. It listens on this machine only. Ctrl-C ends it.
    Serve(serve::Args),
}

pub fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Ps(args) => ps::run(args),
        Command::Top(args) => top::run(args),
        Command::Pstree(args) => tasks::tree(args),
        Command::Dump(args) => tasks::dump(args),
        Command::Record(args) => record::run(args),
        Command::Serve(args) => serve::run(args),
    }
}

/// A time as people write it: `2s`, `500ms`, `1m 30s`.
fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration.is_zero() => Err("a time longer than nothing is needed".into()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!("{error}; write 2s, 500ms or 1m")),
    }
}
