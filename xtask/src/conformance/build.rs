//! Builds the test files. A file that does not compile does not keep the others from being built.

use super::fetch::TestFile;
use super::suite::Suite;
use crate::env;
use serde_json::Value;
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub struct Built {
    pub name: String,
    /// The executable, or the first error of the file.
    pub executable: Result<PathBuf, String>,
}

pub fn build(suite: &Suite, files: &[&TestFile]) -> Result<Vec<Built>, Box<dyn std::error::Error>> {
    let mut command = env::cargo();
    command
        .arg("build")
        .arg("--target-dir")
        .arg(&suite.target_dir)
        .env("RUSTFLAGS", &suite.rustflags);
    build_by(command, suite, files)
}

/// As [`build`], with the caller's cargo command, which names target and target directory.
pub fn build_by(
    mut command: Command,
    suite: &Suite,
    files: &[&TestFile],
) -> Result<Vec<Built>, Box<dyn std::error::Error>> {
    command.current_dir(&suite.dir).args([
        "--keep-going",
        "--message-format=json",
        "--features",
        suite.features,
    ]);
    for file in files {
        command.args(["--test", &file.name]);
    }
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    executables(command, &names, &suite.dir.join("build.log"))
}

/// Runs a cargo command that prints JSON messages; returns the test programs of these names.
pub fn executables(
    mut command: Command,
    names: &[&str],
    log: &Path,
) -> Result<Vec<Built>, Box<dyn std::error::Error>> {
    command.stdout(Stdio::piped());
    let mut child = command.stderr(std::fs::File::create(log)?).spawn()?;
    let mut executables = HashMap::new();
    let mut errors: HashMap<String, String> = HashMap::new();
    let mut elsewhere = None;
    for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
        let Ok(message) = serde_json::from_str::<Value>(&line?) else {
            continue;
        };
        let target = message["target"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let is_test = message["target"]["kind"][0] == "test";
        match message["reason"].as_str() {
            Some("compiler-artifact") => {
                if let Some(path) = message["executable"].as_str() {
                    executables.insert(target, PathBuf::from(path));
                }
            }
            Some("compiler-message") if message["message"]["level"] == "error" => {
                let text = one_line(&message["message"]);
                if is_test {
                    errors.entry(target).or_insert(text);
                } else {
                    elsewhere.get_or_insert(format!("in {target}: {text}"));
                }
            }
            _ => {}
        }
    }
    let status = child.wait()?;
    if !status.success() && executables.is_empty() && errors.is_empty() {
        let log = std::fs::read_to_string(log)?;
        return Err(elsewhere.unwrap_or(log).into());
    }
    Ok(names
        .iter()
        .map(|&name| Built {
            name: name.to_owned(),
            executable: executables.remove(name).ok_or_else(|| {
                errors
                    .remove(name)
                    .or_else(|| elsewhere.clone())
                    .unwrap_or_else(|| "not built".into())
            }),
        })
        .collect())
}

/// `error text [E0432] at file:line`.
fn one_line(message: &Value) -> String {
    let text = message["message"]
        .as_str()
        .unwrap_or_default()
        .replace('\n', " ");
    let code = message["code"]["code"]
        .as_str()
        .map(|c| format!(" [{c}]"))
        .unwrap_or_default();
    let span = message["spans"]
        .as_array()
        .and_then(|spans| spans.iter().find(|s| s["is_primary"] == true))
        .map(|s| {
            let file = s["file_name"].as_str().unwrap_or_default();
            let file = file.rsplit('/').next().unwrap_or(file);
            format!(" at {file}:{}", s["line_start"])
        })
        .unwrap_or_default();
    format!("{text}{code}{span}")
}
