//! `cargo xtask weight`: compares the packages, program size and build time that selvedge and tokio bring to a program.
//!
//! The same hello world is made four times below the target directory: on tokio from crates.io, on selvedge, on selvedge without the
//! feature `insight`, and on the drop-in; each with `features = ["full"]` and a lock file of its own. They are built from scratch in turns, as
//! stripped releases. The number of packages is that of the lock file, the program itself included. Writes docs/weight.md.

use crate::{Outcome, env};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub struct Args {
    /// Builds of each; the shortest counts.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// Write nothing; fail if a bar is not held, or if docs/weight.md says otherwise.
    #[arg(long)]
    check: bool,
}

/// The greatest number of packages in the lock file of a program on selvedge or on the drop-in.
const MOST_PACKAGES: usize = 32;
/// The greatest size of a program on selvedge or on the drop-in, as a ratio to the size of the program on tokio.
const MOST_BYTES: f64 = 1.02;

/// How far a program's ratio may be from the ratio on the page. Compilers differ by less.
const DRIFT: f64 = 0.01;

/// A hello world: its name, the crate that its source names, and its manifest's last sections.
struct Program {
    name: &'static str,
    krate: &'static str,
    dependencies: String,
}

struct Weight {
    name: &'static str,
    place: PathBuf,
    packages: usize,
    bytes: u64,
    build: Duration,
}

pub fn run(args: &Args) -> Outcome {
    let dir = env::target_dir().join("weight");
    let programs = programs();
    let mut weights = Vec::new();
    for program in &programs {
        let place = write(&dir, program)?;
        weights.push(Weight {
            name: program.name,
            packages: packages(&place)?,
            place,
            bytes: 0,
            build: Duration::MAX,
        });
    }
    for _ in 0..args.rounds.max(1) {
        for weight in &mut weights {
            let (bytes, took) = build(&weight.place, &dir.join("build"))?;
            weight.bytes = bytes;
            weight.build = weight.build.min(took);
        }
    }
    let table = table(&weights);
    print!("{table}");
    let mut faults = faults(&weights);
    let written = env::root().join("docs/weight.md");
    if args.check {
        faults.extend(drifts(&weights, &fs::read_to_string(&written)?));
    } else {
        env::write_if_changed(&written, &page(&table, &faults))?;
    }
    for fault in &faults {
        println!("{fault}");
    }
    Ok(!args.check || faults.is_empty())
}

fn programs() -> [Program; 4] {
    let root = env::root();
    let tokio = "[dependencies]\ntokio = { version = \"=1.54.1\", features = [\"full\"] }\n";
    let patch = format!(
        "\n[patch.crates-io]\ntokio = {{ path = {:?} }}\n",
        root.join("drop-in")
    );
    [
        Program {
            name: "tokio",
            krate: "tokio",
            dependencies: tokio.to_owned(),
        },
        Program {
            name: "selvedge",
            krate: "selvedge",
            dependencies: format!(
                "[dependencies]\nselvedge = {{ path = {root:?}, features = [\"full\"] }}\n"
            ),
        },
        Program {
            name: "selvedge, insight off",
            krate: "selvedge",
            dependencies: format!(
                "[dependencies]\nselvedge = {{ path = {root:?}, default-features = false, features = [\"full\"] }}\n"
            ),
        },
        Program {
            name: "drop-in",
            krate: "tokio",
            dependencies: tokio.to_owned() + &patch,
        },
    ]
}

/// Writes the program's package, without a lock file. Returns its folder.
fn write(dir: &Path, program: &Program) -> std::io::Result<PathBuf> {
    let place = dir.join(program.name.replace([',', ' '], "-"));
    let manifest = format!(
        "[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [profile.release]\nstrip = true\n\n{}",
        program.dependencies
    );
    let source = format!(
        "#[{}::main]\nasync fn main() {{\n    println!(\"hello\");\n}}\n",
        program.krate
    );
    env::write_if_changed(&place.join("Cargo.toml"), &manifest)?;
    env::write_if_changed(&place.join("src/main.rs"), &source)?;
    let lock = place.join("Cargo.lock");
    if lock.exists() {
        fs::remove_file(lock)?;
    }
    Ok(place)
}

/// Makes cargo write the lock file; returns the number of its packages.
fn packages(place: &Path) -> Result<usize, Box<dyn Error>> {
    run_in(place, env::cargo().arg("generate-lockfile"))?;
    // Downloads now, so that the build time does not include it.
    run_in(place, env::cargo().args(["fetch", "--locked"]))?;
    let lock = fs::read_to_string(place.join("Cargo.lock"))?;
    Ok(lock.lines().filter(|line| *line == "[[package]]").count())
}

/// Builds from scratch. Returns the program's size in bytes, and the time.
fn build(place: &Path, target: &Path) -> Result<(u64, Duration), Box<dyn Error>> {
    if target.exists() {
        fs::remove_dir_all(target)?;
    }
    let start = Instant::now();
    let mut command = env::cargo();
    command
        .args(["build", "--release", "--locked", "--target-dir"])
        .arg(target);
    run_in(place, &mut command)?;
    let took = start.elapsed();
    Ok((fs::metadata(target.join("release/hello"))?.len(), took))
}

fn run_in(place: &Path, command: &mut Command) -> Result<(), Box<dyn Error>> {
    let output = command.current_dir(place).output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned().into()),
    }
}

fn table(weights: &[Weight]) -> String {
    let mut text = String::from(
        "| hello world on | packages in `Cargo.lock` | bytes, stripped | to tokio's | build from nothing, s |\n\
         |---|---|---|---|---|\n",
    );
    for weight in weights {
        text.push_str(&format!(
            "| {} | {} | {} | {:.3} | {:.1} |\n",
            weight.name,
            weight.packages,
            weight.bytes,
            weight.bytes as f64 / weights[0].bytes as f64,
            weight.build.as_secs_f64()
        ));
    }
    text
}

/// The bars that are exceeded. The first of `weights` is tokio's.
fn faults(weights: &[Weight]) -> Vec<String> {
    let mut faults = Vec::new();
    for weight in &weights[1..] {
        if weight.packages > MOST_PACKAGES {
            let (name, count) = (weight.name, weight.packages);
            faults.push(format!(
                "{name}: {count} packages, more than {MOST_PACKAGES}"
            ));
        }
        let ratio = weight.bytes as f64 / weights[0].bytes as f64;
        if ratio > MOST_BYTES {
            faults.push(format!(
                "{}: {ratio:.3} of tokio's bytes, more than {MOST_BYTES}",
                weight.name
            ));
        }
    }
    faults
}

/// The programs whose packages or ratio differ from the table on the page.
fn drifts(weights: &[Weight], page: &str) -> Vec<String> {
    let mut drifts = Vec::new();
    for weight in weights {
        let cells = page.lines().find_map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            (cells.first() == Some(&weight.name)).then_some(cells)
        });
        let cells = cells.unwrap_or_default();
        let number = |at: usize| cells.get(at).and_then(|cell| cell.parse::<f64>().ok());
        let ratio = weight.bytes as f64 / weights[0].bytes as f64;
        let is_written = number(1) == Some(weight.packages as f64)
            && number(3).is_some_and(|written| (written - ratio).abs() <= DRIFT);
        if !is_written {
            drifts.push(format!(
                "{}: {} packages and {ratio:.3} of tokio's bytes are not what docs/weight.md says; write it anew",
                weight.name, weight.packages
            ));
        }
    }
    drifts
}

fn page(table: &str, faults: &[String]) -> String {
    let held = match faults.is_empty() {
        true => "Both bars are held.".to_owned(),
        false => format!("Not held: {}.", faults.join("; ")),
    };
    format!(
        "# Weight\n\n\
         What a program takes on by depending on selvedge, beside tokio 1.54.1: `fn main` that prints a line, under `#[main]`, with \
         `features = [\"full\"]`.\n\n{table}\n\
         The packages are those of a new lock file, the program's own included; the build is one in release, stripped, of everything. \
         At most {MOST_PACKAGES} packages and {MOST_BYTES} times tokio's bytes are allowed: `cargo xtask weight --check` fails beyond, and where this table is not true any more. {held} \
         The time depends on what else the machine does.\n\n\
         Written by `cargo xtask weight` on {}\n",
        env::machine()
    )
}

#[cfg(test)]
mod tests {
    use super::{Weight, drifts, faults, table};
    use std::path::PathBuf;
    use std::time::Duration;

    #[test]
    fn a_table_that_is_not_true_any_more_is_told() {
        let weigh = |packages, bytes| {
            let weight = |name, packages, bytes| Weight {
                name,
                place: PathBuf::new(),
                packages,
                bytes,
                build: Duration::ZERO,
            };
            [
                weight("tokio", 25, 1000),
                weight("selvedge", packages, bytes),
            ]
        };
        let page = format!("# Weight\n\n{}\nEnd.\n", table(&weigh(31, 1010)));
        assert!(drifts(&weigh(31, 1015), &page).is_empty());
        for changed in [weigh(30, 1010), weigh(31, 1025), weigh(31, 990)] {
            let drifts = drifts(&changed, &page);
            assert!(
                drifts.len() == 1 && drifts[0].starts_with("selvedge: "),
                "{drifts:?}"
            );
        }
        assert_eq!(drifts(&weigh(31, 1010), "").len(), 2);
    }

    #[test]
    fn each_bar_that_is_not_held_is_named() {
        let weigh = |name, packages, bytes| Weight {
            name,
            place: PathBuf::new(),
            packages,
            bytes,
            build: Duration::ZERO,
        };
        let tokio = || weigh("tokio", 25, 1000);
        assert!(faults(&[tokio(), weigh("selvedge", 32, 1020)]).is_empty());
        let said = faults(&[
            tokio(),
            weigh("selvedge", 33, 1000),
            weigh("drop-in", 32, 1021),
        ]);
        assert_eq!(
            said,
            [
                "selvedge: 33 packages, more than 32",
                "drop-in: 1.021 of tokio's bytes, more than 1.02"
            ]
        );
    }
}
