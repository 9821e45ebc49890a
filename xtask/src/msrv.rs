//! `cargo xtask msrv`: checks that the crates compile with the oldest compiler that the manifest promises.
//!
//! The compiler is Debian's package of that version, even where Debian has newer ones. It is fetched with `apt-get download`, unpacked below
//! the target directory, and given to cargo as `RUSTC`, so that nothing is installed. On other systems, `--rustc` names a compiler.

use crate::{Outcome, env, features};
use std::error::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(clap::Args)]
pub struct Args {
    /// This compiler in place of Debian's.
    #[arg(long)]
    rustc: Option<PathBuf>,
    /// Also compile the tests, and run these of them (`--test sync`).
    #[arg(long)]
    test: Vec<String>,
    /// Only the feature sets that hold one of these.
    filter: Vec<String>,
}

pub fn run(args: &Args) -> Outcome {
    let version = promised()?;
    let rustc = match &args.rustc {
        Some(rustc) => fs::canonicalize(rustc)?,
        None => fetched(&version)?,
    };
    let told = Command::new(&rustc).arg("-V").output()?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    print!("{told}");
    if !told.starts_with(&format!("rustc {version}.")) {
        return Err(format!("the manifest promises {version}").into());
    }
    let features = features::features()?;
    let all = features.join(",");
    let mut sets: Vec<&str> = vec!["", "full", &all];
    sets.extend(features.iter().map(String::as_str));
    let is_wanted = |set: &&str| {
        let mut parts = set.split(',');
        args.filter.is_empty() || parts.any(|part| args.filter.iter().any(|f| f == part))
    };
    sets.retain(is_wanted);
    let mut failed = 0;
    for set in &sets {
        // As a dependent crate builds them: both packages, without development dependencies.
        let words = ["check", "-p", "selvedge", "-p", "tokio", "--lib"];
        failed += usize::from(!cargo(&rustc, &words, set)?);
    }
    if !args.test.is_empty() {
        let build = ["test", "-p", "selvedge", "--tests", "--no-run"];
        let mut run = vec!["test", "-p", "selvedge"];
        run.extend(args.test.iter().flat_map(|name| ["--test", name]));
        for words in [&build[..], &run] {
            failed += usize::from(!cargo(&rustc, words, "full,test-util")?);
        }
    }
    println!("msrv: {} feature sets, {failed} failed", sets.len());
    Ok(failed == 0)
}

/// Runs cargo with that compiler; prints the compiler's messages if it fails.
fn cargo(rustc: &Path, words: &[&str], features: &str) -> Outcome {
    let output = env::cargo()
        .current_dir(env::root())
        .args(words)
        .args(["--quiet", "--locked", "--no-default-features"])
        .args(["--features", features])
        .arg("--target-dir")
        .arg(env::target_dir().join("msrv/build"))
        .env("RUSTC", rustc)
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .output()?;
    if !output.status.success() {
        println!("FAILED cargo {} [{features}]", words.join(" "));
        let text = String::from_utf8_lossy(&output.stderr);
        for line in text.lines().filter(|l| !l.is_empty()).take(40) {
            println!("    {line}");
        }
    }
    Ok(output.status.success())
}

/// The version in the workspace's manifest.
pub fn promised() -> Result<String, Box<dyn Error>> {
    let manifest = fs::read_to_string(env::root().join("Cargo.toml"))?;
    let line = manifest
        .lines()
        .find_map(|l| l.strip_prefix("rust-version = "));
    Ok(line
        .ok_or("the manifest names no rust-version")?
        .trim_matches('"')
        .to_owned())
}

/// Fetches and unpacks Debian's compiler of that version. Returns a script that starts it with its libraries.
pub fn fetched(version: &str) -> Result<PathBuf, Box<dyn Error>> {
    let dir = env::target_dir().join("msrv").join(version);
    let script = dir.join("rustc");
    if script.exists() {
        return Ok(script);
    }
    let [rustc, standard, shared, _] = packages(version)?;
    let root = unpack(&dir, &[&rustc, &standard, &shared, "libllvm19"])?;
    let libraries = env::files_below(&root.join("usr/lib"), "so")?;
    let driver = libraries.iter().find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("librustc_driver")
    });
    let libraries = driver
        .and_then(|path| path.parent())
        .ok_or("the package holds no compiler")?;
    let compiler = root.join("usr/bin/rustc");
    let mut first = Command::new(&compiler);
    let first = first.arg("-V").env("LD_LIBRARY_PATH", libraries).output()?;
    if !first.status.success() {
        let said = String::from_utf8_lossy(&first.stderr);
        let cure = "`apt-get install libllvm19` brings the libraries that it needs";
        return Err(format!(
            "Debian's compiler does not start here: {}; {cure}",
            said.trim()
        )
        .into());
    }
    let text = format!(
        "#!/bin/sh\nLD_LIBRARY_PATH='{}' exec '{}' \"$@\"\n",
        libraries.display(),
        compiler.display()
    );
    // The script is written last: if it exists, everything else does too.
    let unfinished = dir.join("rustc.new");
    fs::write(&unfinished, text)?;
    fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o755))?;
    fs::rename(&unfinished, &script)?;
    Ok(script)
}

/// Puts the standard library's sources where the compiler of [`fetched`] looks for them.
pub fn fetch_sources(version: &str) -> Result<(), Box<dyn Error>> {
    let dir = env::target_dir().join("msrv").join(version);
    // This file is written last: if it exists, the sources do too.
    let finished = dir.join("sources");
    if finished.exists() {
        return Ok(());
    }
    let [.., sources] = packages(version)?;
    let root = unpack(&dir, &[&sources])?;
    if !root.join("usr/lib/rustlib/src/rust/library/std").exists() {
        return Err("the package holds no sources of the standard library".into());
    }
    Ok(fs::write(finished, "")?)
}

/// Debian's packages of that version, as `NAME=VERSION`: compiler, standard library to link and to run with, and its sources.
///
/// Debian's older releases have newer compilers for web browsers, in packages with other names (`-web`).
fn packages(version: &str) -> Result<[String; 4], Box<dyn Error>> {
    let listed = || {
        let find = |infix: &str| {
            let names = [
                format!("rustc{infix}"),
                format!("libstd-rust{infix}-dev"),
                format!("libstd-rust{infix}-{version}"),
                format!("rust{infix}-src"),
            ];
            names.map(|name| with_version(&name, version))
        };
        ["-web", ""]
            .into_iter()
            .find_map(|infix| match find(infix) {
                [Some(a), Some(b), Some(c), Some(d)] => Some([a, b, c, d]),
                _ => None,
            })
    };
    if let Some(packages) = listed() {
        return Ok(packages);
    }
    let none = || format!("apt-get offers no compiler {version} here; --rustc names one");
    // A newly installed system has no package lists yet. Other systems have no apt-get.
    run_quietly(Command::new("apt-get").arg("update"))
        .map_err(|error| format!("{error}; {}", none()))?;
    Ok(listed().ok_or_else(none)?)
}

/// The package with its newest version that begins with `begin`, even where there are newer ones.
fn with_version(name: &str, begin: &str) -> Option<String> {
    let output = Command::new("apt-cache").args(["madison", name]).output();
    let version = first_of(&String::from_utf8_lossy(&output.ok()?.stdout), begin)?;
    Some(format!("{name}={version}"))
}

/// The first such version in the list of `apt-cache madison` (`NAME | VERSION | SOURCE`, newest first).
fn first_of(listed: &str, begin: &str) -> Option<String> {
    let mut versions = listed.lines().filter_map(|line| line.split('|').nth(1));
    let found = versions.find(|version| version.trim().starts_with(&format!("{begin}.")))?;
    Some(found.trim().to_owned())
}

/// Downloads Debian's packages and unpacks them. Returns the root of what they hold.
fn unpack(dir: &Path, names: &[&str]) -> Result<PathBuf, Box<dyn Error>> {
    let (packages, root) = (dir.join("packages"), dir.join("root"));
    fs::create_dir_all(&packages)?;
    println!("fetching {}", names.join(" "));
    let mut download = Command::new("apt-get");
    download.current_dir(&packages).arg("download").args(names);
    if !run_quietly(&mut download)? {
        return Err("apt-get cannot fetch the compiler; --rustc names another".into());
    }
    for package in env::files_below(&packages, "deb")? {
        if !run_quietly(Command::new("dpkg").arg("-x").arg(package).arg(&root))? {
            return Err("dpkg cannot unpack the compiler".into());
        }
    }
    fs::remove_dir_all(&packages)?;
    Ok(root)
}

fn run_quietly(command: &mut Command) -> Outcome {
    let output = command
        .output()
        .map_err(|e| format!("{:?}: {e}", command.get_program()))?;
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.status.success())
}

#[cfg(test)]
mod tests {
    use super::first_of;

    #[test]
    fn a_newer_compiler_in_the_list_is_passed_over() {
        let listed = " rustc-web | 1.96.0+dfsg1-1~deb12u2 | http://a b Packages\n \
                      rustc-web | 1.85.0+dfsg3-1~deb12u3 | http://a b Packages\n";
        let found = |begin| first_of(listed, begin);
        assert_eq!(found("1.85").as_deref(), Some("1.85.0+dfsg3-1~deb12u3"));
        assert_eq!(found("1.9"), None);
        assert_eq!(first_of("", "1.85"), None);
    }
}
