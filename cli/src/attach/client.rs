//! A connection to an inspector.

use super::answer::{Hello, PROTOCOL};
use super::find::{self, Process, Target};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::error::Error;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// How long a process may take over an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a large answer is asked for again, and the time in between.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);
/// The longest line of an answer, in bytes.
const MAX_LINE: u64 = 256 * 1024 * 1024;
/// The largest snapshot, in bytes.
const MAX_SNAPSHOT: u64 = 4 * 1024 * 1024 * 1024;

/// What goes wrong between a command and a process.
#[derive(Debug)]
pub struct Problem {
    pub kind: ProblemKind,
    message: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    NoProcess,
    NotInspectable,
    OtherUser,
    Version,
    Lost,
    Silent,
    /// The process refused, with this word.
    Refused(String),
}

impl ProblemKind {
    /// The word for programs.
    pub fn word(&self) -> &str {
        match self {
            ProblemKind::NoProcess => "no_process",
            ProblemKind::NotInspectable => "not_inspectable",
            ProblemKind::OtherUser => "other_user",
            ProblemKind::Version => "version",
            ProblemKind::Lost => "lost",
            ProblemKind::Silent => "silent",
            ProblemKind::Refused(word) => word,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Problem {}

/// See the module's page.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<UnixStream>,
    /// How the process is called in messages.
    called: String,
    pub hello: Hello,
}

impl Client {
    /// Connects to the inspector of the process that is meant.
    pub fn connect(target: &Target) -> Result<Client, Problem> {
        match target {
            Target::Socket(path) => {
                Client::open(path, format!("the process at {}", path.display()))
            }
            Target::Process(number) => {
                let called = format!("process {number}");
                match (find::socket_of(*number), find::process(*number)) {
                    (_, Process::None) => {
                        let message = format!(
                            "there is no {called}; `selvedge ps` lists those that can be looked into"
                        );
                        Err(problem(ProblemKind::NoProcess, message))
                    }
                    (Some(path), Process::Own) => Client::open(&path, called),
                    (_, Process::Others(user)) => Err(other_user(&called, user)),
                    (None, Process::Own) => Err(not_inspectable(&called)),
                }
            }
        }
    }

    /// Connects to a socket.
    pub fn open(path: &Path, called: String) -> Result<Client, Problem> {
        let stream = UnixStream::connect(path).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => other_user(&called, None),
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => not_inspectable(&called),
            _ => problem(ProblemKind::Lost, format!("{}: {error}", path.display())),
        })?;
        let limits = stream
            .set_read_timeout(Some(PATIENCE))
            .and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
        limits.map_err(|error| problem(ProblemKind::Lost, error.to_string()))?;
        let mut client = Client {
            stream: BufReader::new(stream),
            called,
            hello: Hello {
                pid: 0,
                program: None,
                version: String::new(),
                recording: false,
                runtimes: Vec::new(),
            },
        };
        client.hello = client.ask(json!({ "request": "hello" }))?;
        Ok(client)
    }

    /// Asks, and waits for the answer.
    pub fn ask<T: DeserializeOwned>(&mut self, request: Value) -> Result<T, Problem> {
        let answer = self.ask_json(request)?;
        serde_json::from_value(answer).map_err(|error| self.strange(&error))
    }

    /// The same, as the raw object.
    pub fn ask_json(&mut self, mut request: Value) -> Result<Value, Problem> {
        request["protocol"] = PROTOCOL.into();
        let sent = writeln!(self.stream.get_mut(), "{request}");
        // A process that refuses may have closed the connection by now; its answer is there.
        let line = match (self.line(), sent) {
            (Err(_), Err(error)) => return Err(self.lost(&error)),
            (line, _) => line.map_err(|error| self.lost(&error))?,
        };
        let answer: Value = serde_json::from_str(&line).map_err(|error| self.strange(&error))?;
        self.check(&answer)?;
        Ok(answer)
    }

    /// The same for a large answer, of which a process sends one at a time: tries again while another client gets one.
    pub fn ask_patiently<T: DeserializeOwned>(&mut self, request: Value) -> Result<T, Problem> {
        for _ in 0..TRIES {
            match self.ask(request.clone()) {
                Err(error) if error.kind == ProblemKind::Refused("busy".to_owned()) => {
                    thread::sleep(PAUSE);
                }
                result => return result,
            }
        }
        self.ask(request)
    }

    /// The bytes that follow an answer, given out as they come.
    pub fn bytes(&mut self, count: u64, mut out: impl FnMut(&[u8])) -> Result<(), Problem> {
        if count > MAX_SNAPSHOT {
            let message = format!("{} sends {count} bytes, which is too much", self.called);
            return Err(problem(ProblemKind::Lost, message));
        }
        let mut left = count;
        let mut buffer = vec![0; 64 * 1024];
        while left > 0 {
            let room = buffer.len().min(left as usize);
            match self.stream.read(&mut buffer[..room]) {
                Ok(0) => return Err(self.lost(&io::ErrorKind::UnexpectedEof.into())),
                Ok(read) => {
                    out(&buffer[..read]);
                    left -= read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.lost(&error)),
            }
        }
        Ok(())
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        let mut bounded = (&mut self.stream).take(MAX_LINE);
        bounded.read_line(&mut line)?;
        match line.ends_with('\n') {
            true => Ok(line),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn check(&self, answer: &Value) -> Result<(), Problem> {
        let called = &self.called;
        let version = answer["protocol"].as_u64();
        if version != Some(PROTOCOL) {
            let Some(version) = version else {
                let message = format!("what answers as {called} is no inspector of selvedge");
                return Err(problem(ProblemKind::Version, message));
            };
            let cure = match version > PROTOCOL {
                true => "install a newer `selvedge` command",
                false => {
                    "use the `selvedge` command of the version that the program was built with"
                }
            };
            let message = format!(
                "{called} speaks version {version} of the protocol, and this command version {PROTOCOL}: {cure}"
            );
            return Err(problem(ProblemKind::Version, message));
        }
        if answer["answer"] == "error" {
            let word = answer["error"].as_str().unwrap_or("failed");
            let message = answer["message"].as_str().unwrap_or("without a reason");
            return Err(match word {
                "forbidden" => other_user(called, None),
                "unknown_request" => problem(
                    ProblemKind::Version,
                    format!(
                        "{called} does not know this request, its program is built with an older selvedge: use the \
                         `selvedge` command of that version"
                    ),
                ),
                _ => problem(
                    ProblemKind::Refused(word.to_owned()),
                    format!("{called}: {message}"),
                ),
            });
        }
        Ok(())
    }

    fn strange(&self, error: &dyn fmt::Display) -> Problem {
        let message = format!(
            "{} answers in a way that is not understood: {error}",
            self.called
        );
        problem(ProblemKind::Version, message)
    }

    fn lost(&self, error: &io::Error) -> Problem {
        let called = &self.called;
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => problem(
                ProblemKind::Silent,
                format!(
                    "{called} does not answer within {} s; is it stopped, or in a debugger?",
                    PATIENCE.as_secs()
                ),
            ),
            _ => problem(
                ProblemKind::Lost,
                format!("{called} has ended, or its last runtime has: the connection is lost"),
            ),
        }
    }
}

fn problem(kind: ProblemKind, message: String) -> Problem {
    Problem { kind, message }
}

fn not_inspectable(called: &str) -> Problem {
    let message = format!(
        "{called} cannot be looked into: start it with SELVEDGE_INSPECT=1 in its environment, or build its runtime with \
         Builder::inspect (both need selvedge's default feature `insight`)"
    );
    problem(ProblemKind::NotInspectable, message)
}

fn other_user(called: &str, user: Option<u32>) -> Problem {
    let cure = match user {
        Some(user) => format!("run `selvedge` as that user (sudo -u '#{user}' selvedge ..)"),
        None => "run `selvedge` as that user".to_owned(),
    };
    let message = format!("{called} belongs to another user: {cure}");
    problem(ProblemKind::OtherUser, message)
}
