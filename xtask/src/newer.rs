//! `cargo xtask newer [VERSION]`: lists what a version of tokio has and the drop-in lacks.
//!
//! rustdoc writes JSON of three crates: the tokio that the drop-in stands in for, another version of tokio (the newest
//! on crates.io, unless one is named), and selvedge. The command lists all public items that are new in the other version, and
//! says for each whether selvedge has it under the same path. For the drop-in's own version it lists the items that the drop-in lacks.
//!
//! Unstable items are included (`--cfg tokio_unstable`), as the drop-in has them too.

use crate::docs::{self, Walk};
use crate::{Outcome, conformance, env};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;

#[derive(clap::Args)]
pub struct Args {
    /// The other version; the newest of crates.io unless it is named.
    version: Option<String>,
    /// Only see whether anything is missing of the version that the drop-in stands in for.
    #[arg(long, conflicts_with_all = ["version", "since"])]
    own: bool,
    /// List what that version has and this one lacks; the drop-in's own version unless it is named.
    #[arg(long, value_name = "VERSION")]
    since: Option<String>,
}

/// The version of tokio that the drop-in stands in for, from its manifest.
pub fn of_drop_in() -> Result<String, Box<dyn Error>> {
    let manifest = fs::read_to_string(env::root().join("drop-in/Cargo.toml"))?;
    let version = manifest
        .lines()
        .find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    Ok(version.ok_or("the drop-in has no version")?.to_owned())
}

pub fn run(args: &Args) -> Outcome {
    let own = of_drop_in()?;
    let since = args.since.as_ref().unwrap_or(&own);
    let asked = if args.own {
        Some(own.as_str())
    } else {
        args.version.as_deref()
    };
    let (version, new) = items(asked)?;
    let old = match *since == version {
        // Then all items are compared.
        true => BTreeSet::new(),
        false => items(Some(since))?.1,
    };
    let own = docs::read("newer/here", "--document-hidden-items")?;
    let here = walk(own, "selvedge");
    let (mut added, mut missing) = (0, 0);
    for path in new.difference(&old) {
        added += 1;
        let is_here = here.contains(path);
        missing += usize::from(!is_here);
        if !old.is_empty() || !is_here {
            let word = if is_here { "here   " } else { "MISSING" };
            println!("{word} {path}");
        }
    }
    let gone = old.difference(&new).count();
    match old.is_empty() {
        true => println!("tokio {version}: {added} items, {missing} of them missing here"),
        false => println!(
            "tokio {version} has {added} items that {since} lacks, {missing} of them missing here; {gone} are gone"
        ),
    }
    Ok(missing == 0)
}

/// The number of a version of tokio, and its public items.
fn items(version: Option<&str>) -> Result<(String, BTreeSet<String>), Box<dyn Error>> {
    let dir = env::target_dir().join("newer");
    let asked = version.map_or("*".to_owned(), |version| format!("={version}"));
    let (version, features) = conformance::published(&dir, &asked)?;
    let package = dir.join(format!("tokio-{version}"));
    let features: Vec<String> = features.iter().map(|name| format!("{name:?}")).collect();
    let manifest = format!(
        "[package]\nname = \"asked\"\nedition = \"2024\"\n\n[dependencies]\n\
         tokio = {{ version = \"={version}\", features = [{}] }}\n\n[workspace]\n",
        features.join(", ")
    );
    env::write_if_changed(&package.join("Cargo.toml"), &manifest)?;
    env::write_if_changed(&package.join("src/lib.rs"), "")?;
    let target = dir.join("target");
    let cfgs = "--cfg tokio_unstable";
    let status = env::cargo()
        .current_dir(&package)
        .args(["doc", "--no-deps", "-p", "tokio", "--target-dir"])
        .arg(&target)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", cfgs)
        .env(
            "RUSTDOCFLAGS",
            format!("{cfgs} -Z unstable-options --output-format json"),
        )
        .status()?;
    if !status.success() {
        return Err(format!("rustdoc failed for tokio {version}").into());
    }
    let json = docs::parse(&target.join("doc/tokio.json"))?;
    let paths = walk([("tokio".to_owned(), json)].into(), "tokio");
    Ok((version, paths))
}

/// The items by their paths, without the name of the crate.
fn walk(crates: BTreeMap<String, Value>, root: &str) -> BTreeSet<String> {
    let mut walk = Walk::by_every_path(crates);
    walk.visit_root(root);
    let prefix = format!("{root}::");
    let paths = walk.paths();
    let inner = paths.filter_map(|path| path.strip_prefix(&prefix));
    inner.map(str::to_owned).collect()
}
