//! `cargo xtask book`: the book of the project, checked and built.
//!
//! `docs/book/src` holds the chapters, `docs/book/code` the package with their listings, `docs/book/tutorial` and `docs/book/seen` the programs
//! that they run. A chapter can be read in the repository; mdBook makes pages from a copy below the target directory.
//!
//! 1. `listings`: each listing is the named item of the package, word for word. `--update` rewrites the listings.
//! 2. `links`: every relative link of every page of the repository leads to a file, every anchor to a heading, and every
//!    name in a chapter's table of files occurs in that file.
//! 3. `stage`: the pages are copied, their links are changed to the places in the built book, and mdBook runs.
//! 4. `sessions`: the chapters' commands are run, and print what the chapters say. `cargo xtask book run [CHAPTER..]`
//!    does only this.
//!
//! `cargo xtask book exercise [NAME..]` runs a chapter's exercise and says whether the printed answer is right
//! (`exercises`).

mod exercises;
mod links;
mod listings;
mod sessions;
mod stage;

use crate::{Outcome, env};
use std::fs;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Sub>,
    /// Write the listings anew from the code.
    #[arg(long)]
    update: bool,
    /// Only check listings and links: no pages, and no commands of the chapters.
    #[arg(long)]
    no_build: bool,
}

#[derive(clap::Subcommand)]
enum Sub {
    /// Do exercises and compare with their printed answers; all of them unless some are named.
    Exercise {
        /// Names, as the chapters give them.
        names: Vec<String>,
        /// Only list the exercises.
        #[arg(long)]
        list: bool,
    },
    /// Run the chapters' commands and compare what they print with what the chapters say.
    Run {
        /// Parts of the names of chapters; all of them unless some are given.
        chapters: Vec<String>,
    },
}

pub fn run(args: &Args) -> Outcome {
    let root = env::root();
    match &args.command {
        Some(Sub::Exercise { names, list }) => return exercises::run(names, *list),
        Some(Sub::Run { chapters }) => return sessions::run(&root, chapters),
        None => {}
    }
    let mut problems = listings::check(&root, args.update)?;
    problems.extend(links::check(&root)?);
    problems.extend(exercises::check_names(&root)?);
    for problem in &problems {
        println!("{problem}");
    }
    println!("book: {} problems", problems.len());
    if !problems.is_empty() {
        return Ok(false);
    }
    if args.no_build {
        return Ok(true);
    }
    Ok(stage::build(&root)? && sessions::run(&root, &[])?)
}

/// Where the chapters are.
fn source(root: &Path) -> PathBuf {
    root.join("docs/book/src")
}

/// Where the package with the listings is.
fn code(root: &Path) -> PathBuf {
    root.join("docs/book/code")
}

/// The package of a file, and the file's name in it. `tutorial/src/..` and `seen/src/..` name other packages than the one with the listings.
fn package<'a>(root: &Path, file: &'a str) -> (PathBuf, &'a str) {
    let others = ["tutorial", "seen"].into_iter();
    let mut named = others.filter_map(|name| {
        let rest = file.strip_prefix(name)?.strip_prefix('/')?;
        Some((root.join("docs/book").join(name), rest))
    });
    named.next().unwrap_or_else(|| (code(root), file))
}

/// The chapters, with their text.
fn chapters(root: &Path) -> std::io::Result<Vec<(PathBuf, String)>> {
    let files = env::files_below(&source(root), "md")?;
    files
        .into_iter()
        .map(|path| fs::read_to_string(&path).map(|text| (path, text)))
        .collect()
}

/// A path relative to the root, for messages.
fn shown(root: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(root).unwrap_or(path);
    relative.display().to_string()
}
