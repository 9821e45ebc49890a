//! Copies the chapters, changes their links, and runs mdBook on the copy.
//!
//! In the repository a chapter links to files by their place in the tree. In the copy, a page that `SUMMARY.md`
//! lists is a chapter; if it lies outside `docs/book/src`, it goes to `reference/`. Any other file is copied to
//! `source/`, as plain text. A folder becomes a list of its files.

use super::links::{is_foreign, links, normal};
use super::{shown, source};
use crate::tools::{Tool, install};
use crate::{Outcome, env};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version of mdBook that is used everywhere.
const MDBOOK: Tool = Tool {
    package: "mdbook",
    version: "0.5.4",
    says: "mdbook v0.5.4",
};

pub fn build(root: &Path) -> Outcome {
    let mdbook = install(&MDBOOK)?;
    let staged = env::target_dir().join("book");
    let _ = fs::remove_dir_all(staged.join("src"));
    copy(root, &staged.join("src"))?;
    fs::copy(root.join("docs/book/book.toml"), staged.join("book.toml"))?;
    let status = Command::new(mdbook).arg("build").arg(&staged).status()?;
    println!("the book is in {}", staged.join("html").display());
    Ok(status.success())
}

/// Copies the chapters, and the files that they link to, to `to`.
fn copy(root: &Path, to: &Path) -> std::io::Result<()> {
    let from = source(root);
    let summary = fs::read_to_string(from.join("SUMMARY.md"))?;
    let mut pages = HashSet::from([from.join("SUMMARY.md")]);
    for (_, link) in links(&summary) {
        pages.insert(normal(&from.join(&link.target)));
    }
    let mut pending: Vec<PathBuf> = pages.iter().cloned().collect();
    let mut done = HashSet::new();
    while let Some(path) = pending.pop() {
        if !done.insert(path.clone()) {
            continue;
        }
        let place = to.join(place(root, &path, &pages));
        fs::create_dir_all(place.parent().unwrap_or(to))?;
        if path.is_dir() {
            let files = env::files_below(&path, "rs")?;
            let list: Vec<String> = files.iter().map(|file| shown(root, file)).collect();
            fs::write(&place, list.join("\n"))?;
        } else if pages.contains(&path) {
            let text = fs::read_to_string(&path)?;
            fs::write(&place, turned(root, &path, &text, &pages, &mut pending))?;
        } else {
            fs::copy(&path, &place)?;
        }
    }
    Ok(())
}

/// The place of a repository's file in the book's sources.
fn place(root: &Path, path: &Path, pages: &HashSet<PathBuf>) -> PathBuf {
    if let Ok(inside) = path.strip_prefix(source(root)) {
        return inside.to_path_buf();
    }
    let path_in_tree = path.strip_prefix(root).unwrap_or(path);
    if pages.contains(path) {
        let name = path_in_tree.file_name().unwrap_or_default();
        return Path::new("reference").join(name);
    }
    let end = if path.is_dir() { "/files.txt" } else { ".txt" };
    PathBuf::from(format!("source/{}{end}", path_in_tree.display()))
}

/// The text with links to the places in the book; the files that they lead to are added to `pending`.
fn turned(
    root: &Path,
    page: &Path,
    text: &str,
    pages: &HashSet<PathBuf>,
    pending: &mut Vec<PathBuf>,
) -> String {
    let own = place(root, page, pages);
    let up = "../".repeat(own.components().count() - 1);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (number, link) in links(text) {
        let (file, anchor) = match link.target.split_once('#') {
            Some((file, anchor)) => (file, format!("#{anchor}")),
            None => (link.target.as_str(), String::new()),
        };
        if is_foreign(&link.target) || file.is_empty() {
            continue;
        }
        let path = normal(&page.parent().unwrap_or(page).join(file));
        let there = place(root, &path, pages);
        let line = &mut lines[number - 1];
        *line = line.replace(
            &format!("]({})", link.target),
            &format!("]({up}{}{anchor})", there.display()),
        );
        pending.push(path);
    }
    lines.join("\n") + "\n"
}
