//! `cargo xtask tidy`: the mechanical part of the house style, over every Rust file of the tree.
//!
//! ```text
//! style     each file by its lines: headers, lengths, SAFETY and Ordering comments, placeholders
//! floors    imports: none from a higher floor
//! circles   imports: no circle of more than two files, none between folders
//! lengths   functions of at most 70 lines
//! raw       clocks, threads, randomness and locks come from one place
//! messages  the texts of panics are those of docs/panics.md
//! ```

mod circles;
mod lengths;
mod messages;
mod paths;
mod raw;
mod style;

use crate::{Outcome, env};
use std::fs;
use std::path::Path;

/// The packages whose structure is checked, by the folder of their sources.
const ROOTS: [&str; 6] = [
    "runtime-core/src",
    "runtime-io/src",
    "runtime-time/src",
    "runtime-macros/src",
    "src",
    "drop-in/src",
];

/// The rooms of `runtime-core` and the packages on top of it, from the bottom: none imports from a later one.
const FLOORS: [&str; 17] = [
    "runtime-core/src/base",
    "runtime-core/src/record",
    "runtime-core/src/coop",
    "runtime-core/src/instrument",
    "runtime-core/src/task",
    "runtime-core/src/sync",
    "runtime-core/src/blocking",
    "runtime-core/src/driver",
    "runtime-core/src/scheduler",
    "runtime-core/src/handle",
    "runtime-core/src/worker",
    "runtime-core/src/runtime",
    "runtime-core/src/spawn",
    "runtime-core/src/inspect",
    "runtime-time/src",
    "runtime-io/src",
    "src",
];

/// The page with every panic message, its cause and cure.
const PANICS: &str = "docs/panics.md";

#[derive(clap::Args)]
pub struct Args {
    /// Only files whose path contains one of these.
    filter: Vec<String>,
}

pub fn run(args: &Args) -> Outcome {
    let root = env::root();
    let is_wanted = |name: &str| {
        args.filter.is_empty() || args.filter.iter().any(|f| name.contains(f.as_str()))
    };
    let (mut files, mut problems) = (0, 0);
    let (mut sources, mut told) = (Vec::new(), Vec::new());
    for path in env::files_below(&root, "rs")? {
        let relative = path.strip_prefix(&root)?;
        let name = relative.display().to_string();
        let text = fs::read_to_string(&path)?;
        if is_wanted(&name) {
            files += 1;
            for (line, problem) in style::check(relative, &text) {
                problems += 1;
                println!("{name}:{line}: {problem}");
            }
        }
        if ROOTS.iter().any(|dir| relative.starts_with(dir)) && !is_test(relative) {
            sources.push(paths::read(&name, &text)?);
            if !relative.components().any(|c| c.as_os_str() == "shim") {
                told.push((name, messages::read(&text)));
            }
        }
    }
    for problem in of_structure(&sources, is_wanted) {
        problems += 1;
        println!("{problem}");
    }
    let page = fs::read_to_string(root.join(PANICS))?;
    for problem in messages::check(&told, PANICS, &page) {
        if is_wanted(&problem) {
            problems += 1;
            println!("{problem}");
        }
    }
    println!("tidy: {files} files, {problems} problems");
    Ok(problems == 0)
}

/// The problems of the product's structure: imports and lengths of functions.
fn of_structure(sources: &[paths::File], is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, line, problem) in circles::upward(sources, &ROOTS, &FLOORS) {
        if is_wanted(&name) {
            problems.push(format!("{name}:{line}: {problem}"));
        }
    }
    // The whole circle is reported if one of its files is wanted.
    for (names, problem) in circles::check(sources, &ROOTS) {
        if names.iter().any(|name| is_wanted(name)) {
            problems.push(problem);
        }
    }
    for file in sources.iter().filter(|f| is_wanted(&f.name)) {
        for (line, problem) in lengths::check(file).into_iter().chain(raw::check(file)) {
            problems.push(format!("{}:{line}: {problem}", file.name));
        }
    }
    problems
}

/// Is the file a test, or outside of the product?
fn is_test(path: &Path) -> bool {
    let in_tests = path.components().any(|c| {
        let name = c.as_os_str().to_string_lossy();
        ["tests", "benches", "examples"].contains(&name.as_ref())
    });
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    in_tests || ["tests.rs", "loom.rs", "unit.rs"].contains(&name.as_ref())
}
