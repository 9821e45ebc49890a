//! `cargo xtask fuzz`: runs the targets in `fuzz/`, each for a while, by libFuzzer with AddressSanitizer. Needs nightly.
//!
//! It does what cargo-fuzz does, so that nothing has to be installed; `cargo +nightly fuzz run TARGET` works too.
//! It starts from the inputs in `fuzz/seeds`. Inputs that it finds, and inputs that fail, are kept below the target
//! directory.

use crate::{Outcome, env};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

#[derive(clap::Args)]
pub struct Args {
    /// Only targets whose name contains one of these.
    filter: Vec<String>,
    /// Seconds for each target.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Targets at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Keep in `fuzz/seeds` what reaches as much as all that was found, in as little.
    #[arg(long)]
    seeds: bool,
}

/// The flags that cargo-fuzz gives to rustc: coverage for the fuzzer, and AddressSanitizer.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Zsanitizer=address --cfg fuzzing -Ccodegen-units=1";
/// The greatest length of a seed in bytes, and the greatest number of seeds.
const SEED: u64 = 160;
const SEEDS: usize = 24;

pub fn run(args: &Args) -> Outcome {
    let folder = env::root().join("fuzz");
    let mut targets: Vec<String> = env::files_below(&folder.join("fuzz_targets"), "rs")?
        .iter()
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    targets
        .retain(|t| args.filter.is_empty() || args.filter.iter().any(|f| t.contains(f.as_str())));
    if targets.is_empty() {
        return Err("no target has such a name".into());
    }
    let target_dir = env::target_dir().join("fuzz");
    let host = env::host()?;
    let status = env::cargo_of("nightly")
        .current_dir(&folder)
        .args([
            "build",
            "--release",
            "--locked",
            "--bins",
            "--target",
            &host,
        ])
        .env("CARGO_TARGET_DIR", &target_dir)
        .env("RUSTFLAGS", FLAGS)
        .status()?;
    if !status.success() {
        return Err("the targets do not build".into());
    }
    let binaries = target_dir.join(host).join("release");
    let next = Mutex::new(targets.iter());
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..args.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let Some(target) = next.lock().unwrap().next() else {
                        return;
                    };
                    let one = One {
                        binary: binaries.join(target),
                        corpus: target_dir.join("corpus").join(target),
                        artifacts: target_dir.join("artifacts").join(target),
                        seeds: folder.join("seeds").join(target),
                    };
                    match one.run(target, args) {
                        Ok(true) => {}
                        Ok(false) => failed.lock().unwrap().push(target.clone()),
                        Err(error) => {
                            println!("{target}: could not be run: {error}");
                            failed.lock().unwrap().push(target.clone());
                        }
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    if !failed.is_empty() {
        println!("failed: {}", failed.join(" "));
    }
    Ok(failed.is_empty())
}

/// A target's program and folders.
struct One {
    binary: PathBuf,
    corpus: PathBuf,
    artifacts: PathBuf,
    seeds: PathBuf,
}

impl One {
    fn run(&self, name: &str, args: &Args) -> std::io::Result<bool> {
        for folder in [&self.corpus, &self.artifacts, &self.seeds] {
            fs::create_dir_all(folder)?;
        }
        let log = self.corpus.with_extension("log");
        let mut command = Command::new(&self.binary);
        command
            .arg(format!("-max_total_time={}", args.seconds))
            .args([
                "-max_len=600",
                "-timeout=25",
                "-rss_limit_mb=4096",
                "-print_final_stats=1",
            ])
            .arg(format!("-artifact_prefix={}/", self.artifacts.display()))
            .args([&self.corpus, &self.seeds]);
        let limit = Duration::from_secs(args.seconds + 120);
        let ended = env::run_limited(&mut command, limit, &log)?;
        let holds = ended.status.is_some_and(|status| status.success());
        let figure = |name: &str| {
            let line = ended.output.lines().find(|line| line.contains(name));
            line.and_then(|line| line.rsplit(' ').next())
                .unwrap_or("?")
                .to_owned()
        };
        let runs = figure("number_of_executed_units");
        println!(
            "{} {name}: {runs} runs",
            if holds { "ok    " } else { "FAILED" }
        );
        if !holds {
            let from = ended
                .output
                .lines()
                .position(|l| l.contains("panicked") || l.contains("ERROR"));
            for line in ended.output.lines().skip(from.unwrap_or(0)).take(30) {
                println!("    {line}");
            }
            println!(
                "    (all of it: {}; the input: {})",
                log.display(),
                self.artifacts.display()
            );
        }
        if args.seeds {
            self.keep_seeds()?;
        }
        Ok(holds)
    }

    /// Keeps the smallest inputs that together reach as much code as all inputs, up to `SEEDS` of at most `SEED` bytes.
    fn keep_seeds(&self) -> std::io::Result<()> {
        let merged = self.corpus.with_extension("merged");
        let _ = fs::remove_dir_all(&merged);
        fs::create_dir_all(&merged)?;
        let log = self.corpus.with_extension("merge-log");
        let mut command = Command::new(&self.binary);
        command
            .arg("-merge=1")
            .args([&merged, &self.corpus, &self.seeds]);
        env::run_limited(&mut command, Duration::from_secs(120), &log)?;
        let size = |path: &Path| fs::metadata(path).map_or(0, |data| data.len());
        let mut found: Vec<PathBuf> = fs::read_dir(&merged)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| size(path) <= SEED)
            .collect();
        // The longest inputs first: they reach the most code.
        found.sort_by_key(|path| (std::cmp::Reverse(size(path)), path.clone()));
        fs::remove_dir_all(&self.seeds)?;
        fs::create_dir_all(&self.seeds)?;
        for path in found.iter().take(SEEDS) {
            fs::copy(path, self.seeds.join(path.file_name().unwrap_or_default()))?;
        }
        Ok(())
    }
}
