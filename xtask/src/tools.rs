//! Programs from crates.io that commands need, installed below the target directory, each in one version.

use crate::env;
use std::path::PathBuf;
use std::process::Command;

/// A program, and how it is told from another version of itself.
pub struct Tool {
    /// Its package.
    pub package: &'static str,
    pub version: &'static str,
    /// What it prints when it is asked for its version.
    pub says: &'static str,
}

/// The program's path, after installing it unless it is there.
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
