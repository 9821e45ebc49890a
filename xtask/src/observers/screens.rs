//! `cargo xtask observers --screens`: pictures of tokio-console for the book, of what it shows of `examples/console`.
//!
//! tokio-console runs in a terminal without a window (`terminal`), is given keys as a person would give them, and what the terminal
//! shows is drawn as SVG (`svg`). The figures in the pictures are those of the machine that drew them.

use super::svg;
use super::terminal::Terminal;
use crate::tools::{Tool, install};
use crate::{Outcome, env};
use std::error::Error;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

const CONSOLE: Tool = Tool {
    package: "tokio-console",
    version: "0.1.14",
    says: "tokio-console 0.1.14",
};

/// Of the terminal: wide enough for the places of tasks, high enough for the list, and for all of a task's page.
const COLUMNS: usize = 124;
const ROWS: usize = 18;
const ROWS_OF_ONE: usize = 37;

/// Tasks of the example that the list has to show, the last one being the one that is looked into.
const TASKS: [&str; 5] = ["ticks", "sends", "holds the lock", "crew", "receives"];

/// How long the example has run when it is looked at: its figures are worth something, and tasks have ended.
const AGE: Duration = Duration::from_secs(5);

/// The example, which ends with this.
struct Example(Child);

impl Drop for Example {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `target` holds the example, built.
pub(super) fn take(target: &Path) -> Outcome {
    let console = install(&CONSOLE)?;
    // Free now; nobody else has a reason to take it.
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let example = Command::new(target.join("debug/examples/console"))
        .arg("600")
        .env("TOKIO_CONSOLE_BIND", &address)
        .stdout(Stdio::null())
        .spawn()?;
    let _example = Example(example);
    let home = target.join("home");
    fs::create_dir_all(&home)?;
    let words = [
        console.display().to_string(),
        "--palette=256".to_owned(),
        "--lang=en_US.UTF-8".to_owned(),
        "--retain-for=2s".to_owned(),
        format!("http://{address}"),
    ];
    thread::sleep(AGE);
    let terminal = Terminal::start(COLUMNS, ROWS, &home, &words)?;
    let shows_all = |text: &str| TASKS.iter().all(|task| text.contains(task));
    terminal.wait_for("the tasks", shows_all)?;
    draw(
        &terminal,
        "console-tasks",
        "tokio-console: the list of tasks",
    )?;
    terminal.resize(COLUMNS, ROWS_OF_ONE)?;
    open(&terminal, TASKS[TASKS.len() - 1])?;
    let has_times = |text: &str| text.matches("p99: ").count() == 2;
    terminal.wait_for("the task's times", has_times)?;
    draw(&terminal, "console-task", "tokio-console: one task")?;
    Ok(true)
}

/// Goes down the list until it has opened that task. The list may be in any order.
fn open(terminal: &Terminal, name: &str) -> Result<(), Box<dyn Error>> {
    for _ in 0..ROWS_OF_ONE {
        terminal.press("Down")?;
        terminal.press("Enter")?;
        let text = terminal.wait_for("a task's page", |text| text.contains("Location: "))?;
        if text.contains(&format!("Name: {name} ")) {
            return Ok(());
        }
        terminal.press("Escape")?;
        terminal.wait_for("the list", |text| !text.contains("Location: "))?;
    }
    Err(format!("no task is called {name}").into())
}

fn draw(terminal: &Terminal, name: &str, title: &str) -> Result<(), Box<dyn Error>> {
    let path = env::root().join(format!("docs/book/src/img/{name}.svg"));
    env::write_if_changed(&path, &svg::drawn(&terminal.coloured()?, title, COLUMNS))?;
    println!("{}", path.display());
    Ok(())
}
