//! Builds the test files, each on its own terms: one that does not compile costs only itself.

use super::fetch::TestFile;
use super::suite::Suite;
use crate::env;
use serde_json::Value;
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

pub struct Built {
    pub name: String,
    /// The executable, or the first error of the file.
    pub executable: Result<PathBuf, String>,
}

pub fn build(suite: &Suite, files: &[&TestFile]) -> Result<Vec<Built>, Box<dyn std::error::Error>> {
    let mut command = env::cargo();
    command
        .current_dir(&suite.dir)
        .args([
            "build",
            "--keep-going",
            "--message-format=json",
            "--features",
            suite.features,
        ])
        .arg("--target-dir")
        .arg(&suite.target_dir)
        .env("RUSTFLAGS", &suite.rustflags)
        .stdout(Stdio::piped());
    for file in files {
        command.args(["--test", &file.name]);
    }
    let log = suite.dir.join("build.log");
    let mut child = command.stderr(std::fs::File::create(&log)?).spawn()?;
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
            Some("compiler-artifact") if is_test => {
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
        let log = std::fs::read_to_string(&log)?;
        return Err(elsewhere.unwrap_or(log).into());
    }
    Ok(files
        .iter()
        .map(|file| Built {
            name: file.name.clone(),
            executable: executables.remove(&file.name).ok_or_else(|| {
                errors
                    .remove(&file.name)
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
