//! One client: what it has sent, what it is to be sent, and how long it may take.
//!
//! A request is answered before the next one is read, so a client that sends and never reads has one answer waiting.

use super::answer::{Answer, Recording};
use super::request::MAX_REQUEST;
use crate::base::clock;
use crate::handle::Handle;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// The time in which a request that has begun must be complete, and an answer must make progress.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// See the module's page.
#[derive(Debug)]
pub(super) struct Connection {
    stream: UnixStream,
    input: Vec<u8>,
    output: VecDeque<Vec<u8>>,
    /// Bytes of the first part of the output that are sent.
    sent: usize,
    /// No more requests are read.
    is_last: bool,
    deadline: Option<Instant>,
    recording: Recording,
    has_large: bool,
}

/// Is the client still there?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Stays,
    Ends,
}

impl Connection {
    pub(super) fn new(stream: UnixStream) -> io::Result<Connection> {
        stream.set_nonblocking(true)?;
        #[cfg(target_vendor = "apple")]
        no_signal(&stream);
        Ok(Connection {
            stream,
            input: Vec::new(),
            output: VecDeque::new(),
            sent: 0,
            is_last: false,
            deadline: None,
            recording: Recording::default(),
            has_large: false,
        })
    }

    pub(super) fn descriptor(&self) -> RawFd {
        self.stream.as_raw_fd()
    }

    /// The event that it waits for.
    pub(super) fn interest(&self) -> libc::c_short {
        match self.output.is_empty() {
            true => libc::POLLIN,
            false => libc::POLLOUT,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Is it being sent a large answer?
    pub(super) fn has_large(&self) -> bool {
        self.has_large
    }

    /// Sends an error, then ends the connection.
    pub(super) fn refuse(&mut self, kind: &str, message: &str) -> Step {
        self.is_last = true;
        self.push(Answer::refusal(kind, message));
        self.send()
    }

    /// Its descriptor is ready: goes on as far as possible without blocking.
    pub(super) fn step(&mut self, handles: impl Fn() -> Vec<Handle>, may_be_large: bool) -> Step {
        if !self.output.is_empty() && self.send() == Step::Ends {
            return Step::Ends;
        }
        while self.output.is_empty() {
            match self.request() {
                Ok(Some(line)) => {
                    let handles = handles();
                    let answer = Answer::to(&line, &handles, &mut self.recording, may_be_large);
                    self.push(answer);
                }
                Ok(None) => return Step::Stays,
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    let message = format!("a request has at most {MAX_REQUEST} bytes");
                    return self.refuse("too_long", &message);
                }
                Err(_) => return Step::Ends,
            }
            if self.send() == Step::Ends {
                return Step::Ends;
            }
        }
        Step::Stays
    }

    /// The next line; `None`: it is not complete yet.
    fn request(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.input.drain(..=end).collect();
                line.pop();
                return Ok(Some(line));
            }
            if self.input.len() >= MAX_REQUEST {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let mut bytes = [0; MAX_REQUEST];
            let room = MAX_REQUEST - self.input.len();
            match self.stream.read(&mut bytes[..room]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    self.input.extend_from_slice(&bytes[..count]);
                    self.deadline.get_or_insert_with(|| clock::now() + PATIENCE);
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Ok(None),
                    io::ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
        }
    }

    fn push(&mut self, answer: Answer) {
        self.has_large = answer.is_large;
        self.output.push_back(answer.line.into_bytes());
        self.output.push_back(answer.bytes);
        self.deadline = Some(clock::now() + PATIENCE);
    }

    /// Sends as much as the client takes.
    fn send(&mut self) -> Step {
        while let Some(part) = self.output.front() {
            if self.sent == part.len() {
                self.sent = 0;
                self.output.pop_front();
                continue;
            }
            match send(&self.stream, &part[self.sent..]) {
                Ok(0) => return Step::Ends,
                Ok(count) => {
                    self.sent += count;
                    self.deadline = Some(clock::now() + PATIENCE);
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Step::Stays,
                    io::ErrorKind::Interrupted => {}
                    _ => return Step::Ends,
                },
            }
        }
        self.has_large = false;
        // A part of the next request may be there already.
        self.deadline = (!self.input.is_empty()).then(|| clock::now() + PATIENCE);
        match self.is_last {
            true => Step::Ends,
            false => Step::Stays,
        }
    }
}

/// Sends without `SIGPIPE` if nobody reads any more: the program may have restored that signal's default action, which ends the process.
fn send(stream: &UnixStream, bytes: &[u8]) -> io::Result<usize> {
    #[cfg(not(target_vendor = "apple"))]
    const FLAGS: libc::c_int = libc::MSG_NOSIGNAL;
    // On these systems an option of the socket does so.
    #[cfg(target_vendor = "apple")]
    const FLAGS: libc::c_int = 0;
    let (start, len) = (bytes.as_ptr().cast(), bytes.len());
    // SAFETY: the descriptor is open; the pointer is to that many bytes.
    let sent = unsafe { libc::send(stream.as_raw_fd(), start, len, FLAGS) };
    match sent < 0 {
        true => Err(io::Error::last_os_error()),
        false => Ok(sent as usize),
    }
}

#[cfg(target_vendor = "apple")]
fn no_signal(stream: &UnixStream) {
    let on: libc::c_int = 1;
    let len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the descriptor is open; the pointer is to a value of the type that the option has.
    unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NOSIGPIPE,
            (&raw const on).cast(),
            len,
        )
    };
}
