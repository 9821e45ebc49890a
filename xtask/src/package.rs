//! `cargo xtask package`: checks that the packages can be published, and built from what would be published.
//!
//! Cargo packs each package and builds it from the packed form, with the other packed packages in place of a registry. Then the packed
//! forms are unpacked, and a program that depends on them by path, and on nothing else of this workspace, is built and run.

use crate::{Outcome, env};
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

#[derive(clap::Args)]
pub struct Args {
    /// Pack what is not committed, too.
    #[arg(long)]
    allow_dirty: bool,
}

impl Args {
    /// Packs only what is committed.
    pub fn for_release() -> Args {
        Args { allow_dirty: false }
    }
}

/// Members of the workspace that are never published.
const UNPUBLISHED: [&str; 7] = [
    "xtask",
    "book-code",
    "seen",
    "tutorial",
    "tokio",
    "examples",
    "tests-web",
];
/// The published packages, in no particular order.
pub const PUBLISHED: [&str; 9] = [
    "selvedge",
    "selvedge-core",
    "selvedge-io",
    "selvedge-time",
    "selvedge-macros",
    "selvedge-trace",
    "selvedge-spans",
    "selvedge-udp",
    "selvedge-cli",
];
/// Cargo's warning about profile settings of packages that only the examples need: the examples are not packed.
const EXPECTED: &str = "warning: profile package spec";
const PROGRAM: &str = "#[selvedge::main]
async fn main() {
    let sum = selvedge::spawn(async { 40 + 2 });
    println!(\"{}\", sum.await.unwrap());
}
";

pub fn run(args: &Args) -> Outcome {
    let dir = env::target_dir().join("package-check");
    let mut command = env::cargo();
    command
        .current_dir(env::root())
        .args(["package", "--workspace", "--locked", "--target-dir"])
        .arg(&dir);
    for name in UNPUBLISHED {
        command.args(["--exclude", name]);
    }
    if args.allow_dirty {
        command.arg("--allow-dirty");
    }
    let said = output(&mut command)?;
    let mut failed = 0;
    let is_warning = |line: &&str| line.starts_with("warning") && !line.starts_with(EXPECTED);
    for line in said.lines().filter(is_warning) {
        failed += 1;
        println!("{line}");
    }
    let user = user(&dir)?;
    let said = output(
        env::cargo()
            .current_dir(&user)
            .args(["run", "--quiet", "--target-dir"])
            .arg(dir.join("user-build")),
    )?;
    if !said.lines().any(|line| line == "42") {
        return Err(format!("the program says {said:?}").into());
    }
    println!(
        "package: {} packages are built from their packed form, {failed} warnings",
        PUBLISHED.len()
    );
    Ok(failed == 0)
}

/// Makes a program that depends on the unpacked packages. Returns its folder.
fn user(dir: &Path) -> Result<std::path::PathBuf, Box<dyn Error>> {
    let place = dir.join("user");
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::create_dir_all(place.join("src"))?;
    let mut manifest = String::from(
        "[package]\nname = \"user\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\nselvedge = { version = \"*\", features = [\"full\"] }\n\n[patch.crates-io]\n",
    );
    let version = env!("CARGO_PKG_VERSION");
    for name in PUBLISHED {
        let packed = dir.join("package").join(format!("{name}-{version}.crate"));
        let unpacked = place.join(format!("{name}-{version}"));
        output(
            Command::new("tar")
                .arg("-xzf")
                .arg(&packed)
                .arg("-C")
                .arg(&place),
        )?;
        for file in ["README.md", "LICENSE"] {
            if !unpacked.join(file).is_file() {
                return Err(format!("{name} comes without {file}").into());
            }
        }
        // The program does not depend on these packages.
        if !matches!(
            name,
            "selvedge-trace" | "selvedge-spans" | "selvedge-udp" | "selvedge-cli"
        ) {
            manifest.push_str(&format!("{name} = {{ path = {unpacked:?} }}\n"));
        }
    }
    fs::write(place.join("Cargo.toml"), manifest)?;
    fs::write(place.join("src/main.rs"), PROGRAM)?;
    Ok(place)
}

/// What the command prints to standard output and standard error.
fn output(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let output = command.output()?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned() + &errors),
        false => Err(errors.into()),
    }
}
