//! The inspector: what a process answers on its socket, which users may ask, and that no client can harm it.
#![cfg(unix)]

#[path = "../support/mod.rs"]
mod support;
#[cfg(target_os = "linux")]
#[path = "../support/system.rs"]
mod system;

mod answers;
mod hostile;
mod life;
mod places;

use selvedge::runtime::{Builder, InspectOptions, Runtime};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A process has one inspector: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn options(folder: &Path) -> InspectOptions {
    InspectOptions::new().path(folder)
}

/// A runtime with two workers whose inspector's socket is in the folder.
fn shown(folder: &Path) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    let builder = builder.worker_threads(2).enable_all();
    builder.inspect(options(folder)).build().unwrap()
}

fn socket_in(folder: &Path) -> PathBuf {
    folder.join(format!("{}.sock", std::process::id()))
}

struct Client(BufReader<UnixStream>);

impl Client {
    fn new(socket: &Path) -> Client {
        let stream = UnixStream::connect(socket).unwrap();
        // A server that does not answer makes the test fail, and not hang.
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        Client(BufReader::new(stream))
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    /// The next line; empty where the server has closed the connection.
    fn line(&mut self) -> String {
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Ok(_) => line,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => String::new(),
            Err(error) => panic!("{error}"),
        }
    }

    /// Sends a request with these members, and returns the answer.
    fn ask(&mut self, request: &str) -> String {
        self.send(format!("{{\"protocol\":1,{request}}}\n").as_bytes());
        let answer = self.line();
        assert!(
            answer.starts_with("{\"protocol\":1,\"answer\":"),
            "{answer}"
        );
        answer
    }

    fn hello(&mut self) -> String {
        let hello = self.ask("\"request\":\"hello\"");
        assert_eq!(number(&hello, "pid"), u64::from(std::process::id()));
        hello
    }

    fn bytes(&mut self, count: u64) -> Vec<u8> {
        let mut bytes = vec![0; count as usize];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }
}

/// The first number of that name.
#[track_caller]
fn number(answer: &str, name: &str) -> u64 {
    numbers(answer, name)[0]
}

#[track_caller]
fn numbers(answer: &str, name: &str) -> Vec<u64> {
    let name = format!("\"{name}\":");
    let values = answer.split(&name).skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap();
        rest[..end].parse().unwrap()
    });
    let values: Vec<u64> = values.collect();
    assert!(!values.is_empty(), "{name} in {answer}");
    values
}
