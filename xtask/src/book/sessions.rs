//! Runs the chapters' commands and compares what they print with the chapters.
//!
//! In a chapter of the tutorial (`docs/book/src/tutorial-*.md`), each block of `console` has a mark above it. The same holds
//! for any other page with at least one mark.
//!
//! ```text
//! <!-- run -->                   run in the repository; what it prints is in the block
//! <!-- run: elsewhere -->        the same, in a fresh folder, where `selvedge` is the repository
//! <!-- run: start NAME -->       starts one command and waits until it has printed the block's lines
//! <!-- run: interrupt NAME -->   sends Ctrl-C to that command; it ends well, and prints the block's lines after `^C`
//! ```
//! Only standard output is compared. A line `...` stands for any lines, and `[..]` for any part of a line. A line that ends in a backslash
//! goes on in the next. `127.0.0.1:4000` becomes a free address (also with a slash), and `/tmp/kv` and `/tmp/seen` become places below
//! the target directory. A command that was started and not interrupted is killed at the end of its chapter.

use super::{chapters, shown};
use crate::{Outcome, env};
use std::error::Error;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a block may take, builds included.
const LIMIT: Duration = Duration::from_secs(600);
/// How long a program may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(30);
const MARK: &str = "<!-- run";

#[derive(Debug, PartialEq)]
struct Block {
    line: usize,
    mark: String,
    text: Vec<String>,
}

/// Runs the blocks of the chapters whose names contain one of `filter`, or of all.
pub fn run(root: &Path, filter: &[String]) -> Outcome {
    let mut failed = 0;
    for (path, text) in chapters(root)? {
        let name = shown(root, &path);
        if !name.contains("/tutorial-") && !text.contains(MARK) {
            continue;
        }
        if !filter.is_empty() && !filter.iter().any(|f| name.contains(f.as_str())) {
            continue;
        }
        let start = Instant::now();
        let blocks = read(&text).map_err(|problem| format!("{name}:{problem}"))?;
        let mut stage = Stage::new(root)?;
        let mut problem = None;
        for block in &blocks {
            if let Err(error) = stage.play(block) {
                problem = Some(format!("{name}:{}: {error}", block.line));
                break;
            }
        }
        failed += usize::from(problem.is_some());
        let verdict = problem.unwrap_or_else(|| format!("{name}: {} blocks hold", blocks.len()));
        println!("{verdict}, {:.1}s", start.elapsed().as_secs_f64());
    }
    Ok(failed == 0)
}

/// The blocks of a chapter. Each block of `console` has a mark.
fn read(text: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    let mut above = "";
    while let Some((number, line)) = lines.next() {
        if line == "```console" {
            let mark = above
                .strip_prefix(MARK)
                .and_then(|rest| rest.strip_suffix(" -->"))
                .ok_or_else(|| format!("{}: a session without a mark", number + 1))?;
            let body = lines.by_ref().map(|(_, line)| line);
            blocks.push(Block {
                line: number + 1,
                mark: mark.trim_start_matches([':', ' ']).to_owned(),
                text: body
                    .take_while(|line| *line != "```")
                    .map(str::to_owned)
                    .collect(),
            });
        }
        above = line;
    }
    Ok(blocks)
}

struct Running {
    name: String,
    child: Child,
    log: PathBuf,
    /// The number of lines that the block which started it has compared.
    seen: usize,
}

/// The places in which a chapter's commands run, and the commands that still run.
struct Stage {
    root: PathBuf,
    logs: PathBuf,
    elsewhere: PathBuf,
    address: String,
    running: Vec<Running>,
}

impl Stage {
    fn new(root: &Path) -> Result<Stage, Box<dyn Error>> {
        let logs = env::target_dir().join("book/sessions");
        fs::create_dir_all(&logs)?;
        // Outside of the repository: inside, cargo would take a new package for a member of the workspace.
        let name = format!("selvedge-tutorial-{}", std::process::id());
        let elsewhere = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&elsewhere);
        fs::create_dir_all(&elsewhere)?;
        std::os::unix::fs::symlink(root, elsewhere.join("selvedge"))?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        Ok(Stage {
            root: root.to_path_buf(),
            logs,
            elsewhere,
            address,
            running: Vec::new(),
        })
    }

    fn play(&mut self, block: &Block) -> Result<(), Box<dyn Error>> {
        let text: Vec<String> = block.text.iter().map(|line| self.here(line)).collect();
        match block.mark.split_once(' ') {
            Some(("start", name)) => self.start(name, &text),
            Some(("interrupt", name)) => self.interrupt(name, &text),
            None if block.mark.is_empty() => self.do_all(&text, &self.root),
            None if block.mark == "elsewhere" => self.do_all(&text, &self.elsewhere),
            _ => Err(format!("no mark is called {:?}", block.mark).into()),
        }
    }

    /// The line with this run's address and places put in.
    fn here(&self, line: &str) -> String {
        let files = |name| self.logs.join(name).display().to_string();
        line.replace("127.0.0.1:4000", &self.address)
            .replace("127.0.0.1/4000", &self.address.replace(':', "/"))
            .replace("/tmp/kv", &files("kv"))
            .replace("/tmp/seen", &files("seen"))
    }

    /// Runs the commands of a block in one shell, which prints them as the block does.
    fn do_all(&self, text: &[String], place: &Path) -> Result<(), Box<dyn Error>> {
        // Standard error goes to a file of its own: cargo writes there what it builds.
        let errors = self.logs.join("block.errors");
        let mut script = format!("exec 2>{errors:?}\nset -e\n");
        let mut goes_on = false;
        for line in text {
            let command = line.strip_prefix("$ ").or(goes_on.then_some(line));
            if let Some(command) = command {
                script.push_str(&format!("printf '%s\\n' {}\n", quoted(line)));
                goes_on = command.ends_with('\\');
                if !goes_on {
                    script.push_str(&whole(text, line));
                }
            }
        }
        let log = self.logs.join("block.log");
        let mut command = Command::new("bash");
        command.current_dir(place).arg("-c").arg(script);
        let ended = env::run_limited(&mut command, LIMIT, &log)?;
        let said: Vec<&str> = ended.output.lines().collect();
        if ended.status.is_some_and(|status| status.success()) && matches(text, &said) {
            return Ok(());
        }
        let errors = fs::read_to_string(errors)?;
        Err(format!("it printed\n{}{errors}", ended.output).into())
    }

    fn start(&mut self, name: &str, text: &[String]) -> Result<(), Box<dyn Error>> {
        let (command, expected) = text.split_first().ok_or("a block without a command")?;
        let command = command.strip_prefix("$ ").ok_or("begins with no command")?;
        let log = self.logs.join(format!("{name}.log"));
        let child = Command::new("bash")
            .current_dir(&self.root)
            .args(["-c", &format!("exec env {command}")])
            .stdin(Stdio::null())
            .stdout(File::create(&log)?)
            .process_group(0)
            .spawn()?;
        self.running.push(Running {
            name: name.to_owned(),
            child,
            log: log.clone(),
            seen: 0,
        });
        let start = Instant::now();
        loop {
            let said = fs::read_to_string(&log)?;
            let lines: Vec<&str> = said.lines().collect();
            if matches(expected, &lines) {
                let running = self.running.last_mut().ok_or("nothing runs")?;
                running.seen = lines.len();
                return Ok(());
            }
            let running = self.running.last_mut().ok_or("nothing runs")?;
            let has_ended = running.child.try_wait()?.is_some();
            if has_ended || start.elapsed() > LIMIT {
                return Err(format!("{name} printed\n{said}").into());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn interrupt(&mut self, name: &str, text: &[String]) -> Result<(), Box<dyn Error>> {
        let at = self.running.iter().position(|it| it.name == name);
        let mut it = self.running.remove(at.ok_or("nothing of that name runs")?);
        signal("INT", it.child.id());
        let start = Instant::now();
        let status = loop {
            match it.child.try_wait()? {
                Some(status) => break status,
                None if start.elapsed() > PATIENCE => {
                    signal("KILL", it.child.id());
                    it.child.wait()?;
                    return Err(format!("{name} did not end").into());
                }
                None => thread::sleep(Duration::from_millis(20)),
            }
        };
        let said = fs::read_to_string(&it.log)?;
        let said: Vec<&str> = said.lines().skip(it.seen).collect();
        let (first, expected) = text.split_first().ok_or("an empty block")?;
        if first != "^C" || !status.success() || !matches(expected, &said) {
            return Err(format!("{name}: {status}, it printed\n{}", said.join("\n")).into());
        }
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for it in &mut self.running {
            signal("KILL", it.child.id());
            let _ = it.child.wait();
        }
        let _ = fs::remove_dir_all(&self.elsewhere);
    }
}

/// The whole command whose last line is `last`.
fn whole(text: &[String], last: &str) -> String {
    let end = text.iter().position(|line| line == last).unwrap_or(0);
    let begin = (0..=end).rev().find(|at| text[*at].starts_with("$ "));
    let lines = &text[begin.unwrap_or(end)..=end];
    let mut command = String::new();
    for line in lines {
        command.push_str(line.strip_prefix("$ ").unwrap_or(line));
        command.push('\n');
    }
    command
}

/// Sends a signal to the whole process group.
fn signal(name: &str, leader: u32) {
    let _ = Command::new("kill")
        .args([&format!("-{name}"), "--", &format!("-{leader}")])
        // It may have ended by itself.
        .stderr(Stdio::null())
        .status();
}

/// The text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Are these the lines that are expected?
fn matches<S: AsRef<str>>(expected: &[S], said: &[&str]) -> bool {
    let Some((first, rest)) = expected.split_first() else {
        return said.is_empty();
    };
    if first.as_ref() == "..." {
        return (0..=said.len()).any(|from| matches(rest, &said[from..]));
    }
    match said.split_first() {
        Some((line, left)) => is_like(first.as_ref(), line) && matches(rest, left),
        None => false,
    }
}

fn is_like(expected: &str, line: &str) -> bool {
    match expected.split_once("[..]") {
        None => expected == line,
        Some((before, after)) => line.strip_prefix(before).is_some_and(|rest| {
            let ends = rest.char_indices().map(|(at, _)| at);
            ends.chain([rest.len()])
                .any(|from| is_like(after, &rest[from..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::{matches, quoted, read};

    #[test]
    fn wildcards_stand_for_lines_and_for_parts_of_one() {
        let said = ["a", "b 12 ms", "c"];
        assert!(matches(&["a", "b [..] ms", "c"], &said));
        assert!(matches(&["...", "c"], &said));
        assert!(matches(&["a", "..."], &said));
        assert!(!matches(&["a", "b [..] s", "c"], &said));
        assert!(!matches(&["a", "b 12 ms"], &said));
        assert!(!matches(&["a", "b 12 ms", "c", "d"], &said));
        assert!(!matches(&["...", "d"], &said));
    }

    #[test]
    fn a_session_without_a_mark_is_refused() {
        let blocks = read("<!-- run: start x -->\n```console\n$ a\nb\n```\n").unwrap();
        assert_eq!(blocks[0].mark, "start x");
        assert_eq!(blocks[0].text, ["$ a", "b"]);
        assert_eq!(read("<!-- run -->\n```console\n```\n").unwrap()[0].mark, "");
        assert!(read("Text.\n```console\n$ a\n```\n").is_err());
    }

    #[test]
    fn a_quote_within_a_word_stays_one() {
        assert_eq!(quoted("echo 'a'"), "'echo '\\''a'\\'''");
    }
}
