//! Installs programs from crates.io that commands need: below the target directory, each in one fixed version.

use crate::env;
use std::path::PathBuf;
use std::process::Command;

/// A program, and how its version is checked.
pub struct Tool {
    /// The name of its package.
    pub package: &'static str,
    pub version: &'static str,
    /// What it prints for `--version`.
    pub says: &'static str,
}

/// Installs the program unless it is there; returns its path.
pub fn install(tool: &Tool) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let tools = env::target_dir().join("tools");
    let program = tools.join("bin").join(tool.package);
    let version = Command::new(&program).arg("--version").output();
    let is_there =
        version.is_ok_and(|out| String::from_utf8_lossy(&out.stdout).trim() == tool.says);
    if !is_there {
        // Unoptimized: it is built more often than it runs.
        let status = env::cargo()
            .current_dir(env::root())
            .args(["install", tool.package, "--version", tool.version])
            .args(["--locked", "--no-default-features", "--debug", "--force"])
            .arg("--root")
            .arg(&tools)
            .status()?;
        if !status.success() {
            return Err(format!("{} could not be installed", tool.package).into());
        }
    }
    Ok(program)
}
