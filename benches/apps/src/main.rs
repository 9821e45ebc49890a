//! Real applications, each a process of its own, and their clients.
//!
//! `apps serve NAME [ADDRESS]` prints where it listens, and serves until its standard input is closed. `apps ask NAME ADDRESS SECONDS` sends requests
//! for a while, and prints how many answers it got and how long they took. `apps query ADDRESS SECONDS` is a client of PostgreSQL that prints its own
//! cost. Each prints one line of words.

mod clients;
mod query;
mod servers;

use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let seconds = |text: &str| Duration::from_secs_f64(text.parse().expect("seconds"));
    match words[..] {
        ["serve", name] => servers::run(name, None),
        ["serve", name, behind] => servers::run(name, Some(behind)),
        ["ask", name, address, lasts] => clients::run(name, address, seconds(lasts)),
        ["query", address, lasts] => query::run(address, seconds(lasts)),
        _ => {
            eprintln!(
                "usage: apps serve NAME [ADDRESS] | ask NAME ADDRESS SECONDS | query ADDRESS SECONDS"
            );
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
