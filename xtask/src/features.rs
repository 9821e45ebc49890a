//! `cargo xtask features`: checks that the drop-in compiles without warnings, with every subset of features up to
//! the size `--depth`. This covers the facade, which has the same features.

use crate::{Outcome, env};
use serde_json::Value;

#[derive(clap::Args)]
pub struct Args {
    /// Largest number of features turned on together (beside none and all).
    #[arg(long, default_value_t = 2)]
    depth: usize,
    /// Only subsets that hold one of these features.
    filter: Vec<String>,
}

pub fn run(args: &Args) -> Outcome {
    let features = features()?;
    let mut sets: Vec<Vec<&str>> = vec![vec![]];
    let mut last = sets.clone();
    for _ in 0..args.depth {
        let mut next = Vec::new();
        for set in &last {
            let from = set
                .last()
                .and_then(|l| features.iter().position(|f| f == l))
                .map_or(0, |i| i + 1);
            next.extend(features[from..].iter().map(|f| {
                let mut larger = set.clone();
                larger.push(f);
                larger
            }));
        }
        sets.extend(next.iter().cloned());
        last = next;
    }
    sets.push(features.iter().map(String::as_str).collect());
    sets.retain(|s| args.filter.is_empty() || s.iter().any(|f| args.filter.iter().any(|w| w == f)));

    let mut failed = 0;
    for set in &sets {
        let list = set.join(",");
        // The facade is also compiled by itself where it could differ: with no feature, one feature, or all features.
        let packages: &[&str] = if set.len() == 2 {
            &["drop-in"]
        } else {
            &["drop-in", "."]
        };
        for package in packages {
            let output = env::cargo()
                .current_dir(env::root().join(package))
                .args([
                    "check",
                    "--quiet",
                    "--lib",
                    "--no-default-features",
                    "--features",
                    &list,
                ])
                .arg("--target-dir")
                .arg(env::target_dir().join("features"))
                .env("RUSTFLAGS", "-D warnings")
                .output()?;
            if !output.status.success() {
                failed += 1;
                println!("FAILED {package} [{list}]");
                let text = String::from_utf8_lossy(&output.stderr);
                for line in text.lines().filter(|l| !l.is_empty()).take(12) {
                    println!("    {line}");
                }
            }
        }
    }
    println!("features: {} subsets, {failed} failed", sets.len());
    Ok(failed == 0)
}

pub fn features() -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let output = env::cargo()
        .current_dir(env::root())
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let package = metadata["packages"]
        .as_array()
        .and_then(|all| all.iter().find(|p| p["name"] == "tokio"))
        .ok_or("no package named tokio in the workspace")?;
    let all = package["features"].as_object().ok_or("no features")?;
    Ok(all
        .keys()
        .filter(|k| *k != "default" && *k != "full")
        .cloned()
        .collect())
}
