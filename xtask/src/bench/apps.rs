//! Measures real applications on tokio and on selvedge in turn: `benches/apps/`, built twice.
//!
//! A server and its clients are processes of their own. The cost of a request is the processor time of the server's threads during the load,
//! divided by the number of answers. For PostgreSQL the client is measured; the server is started here if one is installed.

use super::mean;
use crate::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Seconds of load in each measurement, and of the warm-up before it.
const ASKED: &str = "2";
const WARMED: &str = "0.3";

/// A server and its load.
struct Load {
    name: &'static str,
    server: &'static str,
    /// The server behind this one, if it is a proxy.
    behind: Option<&'static str>,
    asked: &'static str,
    /// The clients ask as fast as they get answers. If not, the throughput says nothing.
    is_pressed: bool,
}

const fn load(name: &'static str, server: &'static str, asked: &'static str) -> Load {
    Load {
        name,
        server,
        behind: None,
        asked,
        is_pressed: true,
    }
}

const LOADS: [Load; 8] = [
    load("axum, 64 clients", "axum", "hello"),
    load("axum, new connections", "axum", "anew"),
    Load {
        is_pressed: false,
        ..load("axum, 20 ms sleep, 256 clients", "axum", "slow")
    },
    Load {
        is_pressed: false,
        ..load("axum, 200 requests a second", "axum", "quiet")
    },
    load("actix, 64 clients", "actix", "hello"),
    load("mini-redis, pipelined", "mini-redis", "pipelined"),
    Load {
        behind: Some("echo"),
        ..load("TCP proxy, 64 clients", "proxy", "echo")
    },
    Load {
        behind: Some("echo"),
        ..load("TCP proxy, new connections", "proxy", "echo-anew")
    },
];

/// The result of one measurement.
struct Measure {
    /// Answers per second.
    rate: f64,
    /// Processor seconds per answer.
    cost: f64,
    /// The 99th percentile of the latency in nanoseconds, if the clients print it.
    tail: Option<f64>,
}

/// The built applications: on selvedge and on tokio.
struct Programs {
    ours: PathBuf,
    theirs: PathBuf,
}

/// Measures all loads; returns the table.
pub(super) fn measure(target: &Path, rounds: usize) -> Result<String, Box<dyn Error>> {
    let programs = build(target)?;
    let mut rows = Vec::new();
    for load in &LOADS {
        rows.push(row(load.name, load.is_pressed, rounds, |is_ours| {
            ask(&programs, is_ours, load)
        })?);
    }
    match Postgres::start(&target.join("postgres")) {
        Ok(Some(postgres)) => {
            rows.push(row("PostgreSQL, pool of 8", true, rounds, |is_ours| {
                query(&programs, is_ours, &postgres)
            })?);
        }
        Ok(None) => eprintln!("no PostgreSQL server is installed: its row is left out"),
        Err(error) => eprintln!("PostgreSQL does not start, its row is left out: {error}"),
    }
    Ok(table(&rows)?)
}

/// Builds the applications on both runtimes.
fn build(target: &Path) -> Result<Programs, Box<dyn Error>> {
    let sources = env::root().join("benches/apps");
    let manifest = fs::read_to_string(sources.join("Cargo.toml"))?;
    let patch = format!(
        "\n[patch.crates-io]\ntokio = {{ path = {:?} }}\n",
        env::root().join("drop-in")
    );
    let program = |name: &str, manifest: &str| -> Result<PathBuf, Box<dyn Error>> {
        let place = target.join("apps").join(name);
        env::write_if_changed(&place.join("Cargo.toml"), manifest)?;
        for file in fs::read_dir(sources.join("src"))? {
            let file = file?;
            let text = fs::read_to_string(file.path())?;
            env::write_if_changed(&place.join("src").join(file.file_name()), &text)?;
        }
        let lock = place.join("Cargo.lock");
        if !lock.exists() {
            fs::copy(sources.join("Cargo.lock"), lock)?;
        }
        let built = target.join("apps/build");
        let mut cargo = env::cargo();
        cargo.current_dir(&place).args(["build", "--release"]);
        if !cargo.env("CARGO_TARGET_DIR", &built).status()?.success() {
            return Err(format!("the applications cannot be built on {name}").into());
        }
        let program = place.join("apps");
        fs::copy(built.join("release/selvedge-bench-apps"), &program)?;
        Ok(program)
    };
    Ok(Programs {
        theirs: program("tokio", &manifest)?,
        ours: program("selvedge", &(manifest.clone() + &patch))?,
    })
}

impl Programs {
    fn of(&self, is_ours: bool) -> &Path {
        match is_ours {
            true => &self.ours,
            false => &self.theirs,
        }
    }
}

/// A server, which ends when this is dropped.
struct Server {
    process: Child,
    input: Option<ChildStdin>,
    address: String,
}

impl Server {
    fn start(program: &Path, words: &[&str]) -> Result<Server, Box<dyn Error>> {
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::piped());
        let mut process = command.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(said) = process.stdout.take() {
            BufReader::new(said).read_line(&mut line)?;
        }
        let address = line.trim().strip_prefix("listening ").map(str::to_owned);
        Ok(Server {
            input: process.stdin.take(),
            process,
            address: address.ok_or_else(|| format!("{words:?} does not say where it listens"))?,
        })
    }

    /// The processor time of its threads in seconds. Ended threads are not counted: no server here ends threads under load.
    fn cost(&self) -> Result<f64, Box<dyn Error>> {
        let mut nanos = 0.0;
        for task in fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            let told = fs::read_to_string(task?.path().join("schedstat"))?;
            nanos += on_processor(&told).ok_or("the system does not tell the time of threads")?;
        }
        Ok(nanos / 1e9)
    }
}

/// The first number of a thread's `schedstat`: nanoseconds on a processor.
fn on_processor(told: &str) -> Option<f64> {
    told.split_whitespace().next()?.parse().ok()
}

impl Drop for Server {
    fn drop(&mut self) {
        self.input.take();
        let _ = self.process.wait();
    }
}

fn ask(programs: &Programs, is_ours: bool, load: &Load) -> Result<Measure, Box<dyn Error>> {
    let behind = match load.behind {
        Some(behind) => Some(Server::start(&programs.theirs, &["serve", behind])?),
        None => None,
    };
    let mut words = vec!["serve", load.server];
    words.extend(behind.as_ref().map(|server| server.address.as_str()));
    let server = Server::start(programs.of(is_ours), &words)?;
    let clients = |lasts: &str| {
        said(
            &programs.theirs,
            &["ask", load.asked, &server.address, lasts],
        )
    };
    clients(WARMED)?;
    let (before, begin) = (server.cost()?, Instant::now());
    let said = clients(ASKED)?;
    let (cost, took) = (server.cost()? - before, begin.elapsed());
    let answers = number(&said, "answers")?;
    Ok(Measure {
        rate: answers / took.as_secs_f64(),
        cost: cost / answers,
        tail: Some(number(&said, "p99")?),
    })
}

fn query(
    programs: &Programs,
    is_ours: bool,
    postgres: &Postgres,
) -> Result<Measure, Box<dyn Error>> {
    let said = said(programs.of(is_ours), &["query", &postgres.address, ASKED])?;
    let answers = number(&said, "answers")?;
    Ok(Measure {
        rate: answers / ASKED.parse::<f64>()?,
        cost: number(&said, "cpu")? / 1e9 / answers,
        tail: None,
    })
}

/// What a program prints.
fn said(program: &Path, words: &[&str]) -> Result<String, Box<dyn Error>> {
    let output = Command::new(program)
        .args(words)
        .stderr(Stdio::inherit())
        .output()?;
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout)?),
        false => Err(format!("{words:?}: {}", output.status).into()),
    }
}

/// The number after a word.
fn number(said: &str, word: &str) -> Result<f64, Box<dyn Error>> {
    let mut words = said.split_whitespace().skip_while(|said| *said != word);
    let number = words
        .nth(1)
        .ok_or_else(|| format!("no {word} in {said:?}"))?;
    Ok(number.parse()?)
}

/// A PostgreSQL server of our own, which ends when this is dropped.
struct Postgres {
    process: Child,
    address: String,
}

impl Postgres {
    /// `None` if no PostgreSQL is installed.
    fn start(data: &Path) -> Result<Option<Postgres>, Box<dyn Error>> {
        let Some(programs) = installed() else {
            return Ok(None);
        };
        if data.exists() {
            fs::remove_dir_all(data)?;
        }
        fs::create_dir_all(data)?;
        // The server refuses to run as root.
        let user = user();
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(data, Some(uid), Some(gid))?;
        }
        let as_user = |program: &str| {
            let mut command = Command::new(programs.join(program));
            if let Some((uid, gid)) = user {
                command.uid(uid).gid(gid);
            }
            command
                .current_dir("/")
                .stdout(Stdio::null())
                .arg("-D")
                .arg(data);
            command
        };
        let made = as_user("initdb")
            .args(["-A", "trust", "-U", "postgres"])
            .status()?;
        if !made.success() {
            return Err("initdb failed".into());
        }
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let port = address.port().to_string();
        let process = as_user("postgres")
            .args(["-p", &port, "-k", "", "-c", "listen_addresses=127.0.0.1"])
            .stderr(Stdio::null())
            .spawn()?;
        let postgres = Postgres {
            process,
            address: address.to_string(),
        };
        let is_ready = || {
            let mut asked = Command::new(programs.join("pg_isready"));
            let words = ["-q", "-h", "127.0.0.1", "-p", &port];
            asked
                .args(words)
                .status()
                .is_ok_and(|status| status.success())
        };
        let end = Instant::now() + Duration::from_secs(20);
        while !is_ready() {
            if Instant::now() > end {
                return Err("PostgreSQL does not come up".into());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(Some(postgres))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Its child processes end with it.
        let _ = Command::new("kill")
            .args(["-INT", &self.process.id().to_string()])
            .status();
        let _ = self.process.wait();
    }
}

/// The folder with the programs of the newest PostgreSQL that is installed.
fn installed() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let programs = versions.flatten().map(|version| version.path().join("bin"));
    programs
        .filter(|programs| programs.join("initdb").exists())
        .max()
}

/// The user that PostgreSQL runs as, if that is not the current user.
fn user() -> Option<(u32, u32)> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let is_root = status.lines().any(|line| line.starts_with("Uid:\t0\t"));
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find(|line| line.starts_with("postgres:"))?;
    let mut fields = line.split(':').skip(2);
    let mut next = || fields.next()?.parse().ok();
    is_root.then_some((next()?, next()?))
}

/// An application's ratios, selvedge to tokio, of neighbouring rounds.
struct Row {
    name: &'static str,
    cost: Vec<f64>,
    /// Empty where the clients do not ask as fast as they can.
    rate: Vec<f64>,
    tail: Vec<f64>,
    /// Processor microseconds per answer: selvedge and tokio.
    costs: (f64, f64),
}

fn row(
    name: &'static str,
    is_pressed: bool,
    rounds: usize,
    mut measure: impl FnMut(bool) -> Result<Measure, Box<dyn Error>>,
) -> Result<Row, Box<dyn Error>> {
    let mut row = Row {
        name,
        cost: Vec::new(),
        rate: Vec::new(),
        tail: Vec::new(),
        costs: (0.0, 0.0),
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // The order alternates, as the machine may slow down meanwhile.
        let is_first = round % 2 == 0;
        let (first, second) = (measure(is_first)?, measure(!is_first)?);
        let (mine, other) = match is_first {
            true => (first, second),
            false => (second, first),
        };
        row.cost.push(mine.cost / other.cost);
        if is_pressed {
            row.rate.push(mine.rate / other.rate);
        }
        if let (Some(mine), Some(other)) = (mine.tail, other.tail) {
            row.tail.push(mine / other);
        }
        ours.push(mine.cost * 1e6);
        theirs.push(other.cost * 1e6);
    }
    for ratios in [&mut row.cost, &mut row.rate, &mut row.tail] {
        ratios.sort_by(f64::total_cmp);
    }
    ours.sort_by(f64::total_cmp);
    theirs.sort_by(f64::total_cmp);
    row.costs = (at(&ours, 2), at(&theirs, 2));
    eprintln!("{name}: {}", cell(&row.cost));
    Ok(row)
}

/// The quartile of that number.
fn at(sorted: &[f64], quarters: usize) -> f64 {
    sorted[(sorted.len() - 1) * quarters / 4]
}

/// The median of ratios, and the quartiles.
fn cell(sorted: &[f64]) -> String {
    match sorted {
        [] => "-".to_owned(),
        _ => {
            let [low, middle, high] = [1, 2, 3].map(|quarters| at(sorted, quarters));
            format!("{middle:.2} ({low:.2}..{high:.2})")
        }
    }
}

fn table(rows: &[Row]) -> Result<String, std::fmt::Error> {
    let mut out = String::from(
        "| application | processor time a request: selvedge, tokio | ratio | answers a second | p99 |\n|---|---:|---:|---:|---:|\n",
    );
    for row in rows {
        let (ours, theirs) = row.costs;
        writeln!(
            out,
            "| {} | {ours:.1} us, {theirs:.1} us | {} | {} | {} |",
            row.name,
            cell(&row.cost),
            cell(&row.rate),
            cell(&row.tail)
        )?;
    }
    let means = |of: fn(&Row) -> &Vec<f64>| {
        let medians: Vec<f64> = rows
            .iter()
            .map(of)
            .filter(|r| !r.is_empty())
            .map(|r| at(r, 2))
            .collect();
        mean(medians.into_iter())
    };
    writeln!(
        out,
        "| geometric mean | | {:.2} | {:.2} | {:.2} |",
        means(|row| &row.cost),
        means(|row| &row.rate),
        means(|row| &row.tail)
    )?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_and_the_system_say_is_read() {
        let said = "answers 120 p50 3 p99 77\n";
        assert_eq!(number(said, "answers").unwrap(), 120.0);
        assert_eq!(number(said, "p99").unwrap(), 77.0);
        assert!(number(said, "cpu").is_err());
        assert_eq!(on_processor("1200 31 7\n"), Some(1200.0));
    }

    #[test]
    fn a_table_has_the_medians_and_leaves_out_what_was_not_measured() {
        let row = |name, rate| Row {
            name,
            cost: vec![0.5, 0.8, 0.9],
            rate,
            tail: vec![1.0],
            costs: (4.0, 5.0),
        };
        let table = table(&[row("a", vec![1.1]), row("b", Vec::new())]).unwrap();
        assert!(table.contains("| a | 4.0 us, 5.0 us | 0.80 (0.50..0.80) | 1.10 (1.10..1.10) |"));
        assert!(table.contains("| b | 4.0 us, 5.0 us | 0.80 (0.50..0.80) | - |"));
        assert!(table.contains("| geometric mean | | 0.80 | 1.10 | 1.00 |"));
    }
}
