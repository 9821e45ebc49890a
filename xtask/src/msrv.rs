//! `cargo xtask msrv`: the crates compile with the oldest compiler that the manifest promises.
//!
//! The compiler is Debian's package of that version: fetched with `apt-get download`, unpacked below the target directory,
//! and given to cargo as `RUSTC`, so that nothing is installed. On other systems, `--rustc` names one.

use crate::{Outcome, env, features};
use std::error::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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
        // As those who depend on it build it: both packages, without what only the tests need.
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

/// Runs cargo with that compiler; tells what the compiler says if it fails.
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

/// What the compiler's libraries need, and small systems lack.
const LIBRARIES: [&str; 7] = [
    "libedit2", "libffi8", "libbsd0", "libmd0", "libicu72", "libxml2", "libz3-4",
];

/// Debian's compiler of that version, unpacked; a script that starts it with its libraries.
pub fn fetched(version: &str) -> Result<PathBuf, Box<dyn Error>> {
    let dir = env::target_dir().join("msrv").join(version);
    let script = dir.join("rustc");
    if script.exists() {
        return Ok(script);
    }
    let standard = format!("libstd-rust-web-{version}");
    let names = ["rustc-web", "libstd-rust-web-dev", &standard, "libllvm19"];
    let root = unpack(&dir, &names)?;
    let libraries = env::files_below(&root.join("usr/lib"), "so")?;
    let driver = libraries.iter().find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("librustc_driver")
    });
    let libraries = driver
        .and_then(|path| path.parent())
        .ok_or("the package holds no compiler")?;
    let compiler = root.join("usr/bin/rustc");
    let starts = |compiler: &Path| {
        let mut command = Command::new(compiler);
        let output = command.arg("-V").env("LD_LIBRARY_PATH", libraries).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !starts(&compiler) {
        unpack(&dir, &LIBRARIES)?;
        if !starts(&compiler) {
            return Err("Debian's compiler does not start here; --rustc names another".into());
        }
    }
    let text = format!(
        "#!/bin/sh\nLD_LIBRARY_PATH='{}' exec '{}' \"$@\"\n",
        libraries.display(),
        compiler.display()
    );
    // Last: where it stands, everything does.
    let unfinished = dir.join("rustc.new");
    fs::write(&unfinished, text)?;
    fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o755))?;
    fs::rename(&unfinished, &script)?;
    Ok(script)
}

/// Has the standard library's sources where the compiler that [`fetched`] gave looks for them.
pub fn fetch_sources(version: &str) -> Result<(), Box<dyn Error>> {
    let dir = env::target_dir().join("msrv").join(version);
    // Last: where it stands, everything does.
    let finished = dir.join("sources");
    if finished.exists() {
        return Ok(());
    }
    let root = unpack(&dir, &["rust-web-src"])?;
    // A link into what the package holds; it may have another version than the compiler, when Debian has gone on.
    let sources = root.join("usr/lib/rustlib/src/rust");
    let is_same = fs::read_link(&sources)
        .is_ok_and(|to| to.to_string_lossy().contains(&format!("rustc-{version}.")));
    if !is_same || !sources.join("library/std").exists() {
        return Err(
            format!("the package holds no sources of the standard library {version}").into(),
        );
    }
    Ok(fs::write(finished, "")?)
}

/// Downloads Debian's packages and unpacks them. Returns the root of what they hold.
fn unpack(dir: &Path, names: &[&str]) -> Result<PathBuf, Box<dyn Error>> {
    let (packages, root) = (dir.join("packages"), dir.join("root"));
    fs::create_dir_all(&packages)?;
    println!("fetching {}", names.join(" "));
    // On a new system, the first try finds no packages, as it has no lists.
    if !download(&packages, names)?.status.success() {
        let update = Command::new("apt-get").arg("update").output()?;
        let second = download(&packages, names)?;
        if !second.status.success() {
            eprint!("{}", String::from_utf8_lossy(&update.stderr));
            eprint!("{}", String::from_utf8_lossy(&second.stderr));
            return Err("apt-get cannot fetch Debian's compiler; --rustc names another".into());
        }
    }
    for package in env::files_below(&packages, "deb")? {
        if !run_quietly(Command::new("dpkg").arg("-x").arg(package).arg(&root))? {
            return Err("dpkg cannot unpack the compiler".into());
        }
    }
    Ok(root)
}

fn download(to: &Path, names: &[&str]) -> Result<Output, Box<dyn Error>> {
    let mut command = Command::new("apt-get");
    command.current_dir(to).arg("download").args(names);
    let none = |e| {
        format!("no apt-get here, which fetches Debian's compiler ({e}); --rustc names another")
    };
    Ok(command.output().map_err(none)?)
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
