//! A terminal without a window, in which a program runs: tmux on a server of its own.
//!
//! The server's socket has this process's number in its name, its settings are none of the user's, and it ends with the value.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any screen takes to come, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(100);

pub(super) struct Terminal {
    server: String,
}

impl Terminal {
    /// Starts `words` in a terminal of that size.
    pub(super) fn start(
        columns: usize,
        rows: usize,
        home: &Path,
        words: &[String],
    ) -> Result<Terminal, Box<dyn Error>> {
        let terminal = Terminal {
            server: format!("selvedge-screens-{}", std::process::id()),
        };
        // The environment of a new server is that of the command which starts it.
        let mut command = terminal.tmux();
        command.args(["-f", "/dev/null", "-u", "new-session", "-d", "-x"]);
        command.args([&columns.to_string(), "-y", &rows.to_string(), "--"]);
        command.args(words).env("HOME", home).env("LANG", "C.UTF-8");
        command.env("XDG_CONFIG_HOME", home).env_remove("TMUX");
        let output = command
            .output()
            .map_err(|error| format!("no tmux here ({error}): apt-get install tmux"))?;
        succeeded(output)?;
        // Else an Escape might be the first byte of another key.
        terminal.ask(&["set-option", "-s", "escape-time", "0"])?;
        Ok(terminal)
    }

    fn tmux(&self) -> Command {
        let mut command = Command::new("tmux");
        command.args(["-L", &self.server]);
        command
    }

    fn ask(&self, words: &[&str]) -> Result<String, Box<dyn Error>> {
        succeeded(self.tmux().args(words).output()?)
    }

    pub(super) fn resize(&self, columns: usize, rows: usize) -> Result<(), Box<dyn Error>> {
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let words = ["resize-window", "-x", &columns, "-y", &rows];
        self.ask(&words).map(drop)
    }

    /// What the terminal shows, by rows.
    pub(super) fn text(&self) -> Result<String, Box<dyn Error>> {
        self.ask(&["capture-pane", "-p"])
    }

    /// The same, with the escape sequences that tell colours.
    pub(super) fn coloured(&self) -> Result<String, Box<dyn Error>> {
        self.ask(&["capture-pane", "-p", "-e", "-N"])
    }

    /// Presses a key, by tmux's name of it.
    pub(super) fn press(&self, key: &str) -> Result<(), Box<dyn Error>> {
        self.ask(&["send-keys", key]).map(drop)
    }

    /// Waits until the terminal shows what is asked for, and returns that.
    ///
    /// # Errors
    /// If it does not come; tells what is shown instead.
    pub(super) fn wait_for(
        &self,
        what: &str,
        is_there: impl Fn(&str) -> bool,
    ) -> Result<String, Box<dyn Error>> {
        let start = Instant::now();
        loop {
            let text = self.text()?;
            if is_there(&text) {
                return Ok(text);
            }
            if start.elapsed() > PATIENCE {
                return Err(format!("the screen does not show {what}:\n{text}").into());
            }
            thread::sleep(LOOK);
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It is gone already if its program has ended.
        let _ = self.ask(&["kill-server"]);
    }
}

fn succeeded(output: Output) -> Result<String, Box<dyn Error>> {
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("tmux: {}", said.trim()).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
