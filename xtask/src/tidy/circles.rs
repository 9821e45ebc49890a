//! Finds circles of imports: there may be none of more than two files, and none between folders.
//!
//! A path counts as an import of the file that defines the named item: exports (`pub use`) are followed. A module's `mod`
//! lines, and its exports of items below it, are no imports.

use super::paths::File;
use std::collections::{BTreeMap, BTreeSet};

/// Modules and their files, of all packages.
struct Modules<'a> {
    files: &'a [File],
    /// `runtime_core::task::state` and its file.
    by_path: BTreeMap<Vec<String>, usize>,
    /// The module of each file.
    paths: Vec<Vec<String>>,
}

/// The circles, each with its files and a message. `roots`: the folders with the packages' sources.
pub fn check(files: &[File], roots: &[&str]) -> Vec<(Vec<String>, String)> {
    let modules = Modules::new(files, roots);
    let imports = modules.imports();
    let mut found = Vec::new();
    let of_files: BTreeSet<(usize, usize)> = imports.keys().copied().collect();
    for circle in circles(files.len(), &of_files) {
        if let Some(shortest) = shortest(&circle, &of_files) {
            let names: Vec<String> = circle.iter().map(|&at| files[at].name.clone()).collect();
            let way: Vec<&str> = shortest.iter().map(|&at| files[at].name.as_str()).collect();
            let text = format!(
                "circle of {} files; in it: {}\n    all: {}",
                names.len(),
                way.join(" -> "),
                names.join(" ")
            );
            found.push((names, text));
        }
    }
    let mut folders: Vec<&str> = files.iter().map(|f| folder(&f.name)).collect();
    folders.sort_unstable();
    folders.dedup();
    let number = |at: usize| {
        folders
            .binary_search(&folder(&files[at].name))
            .expect("listed")
    };
    let mut between: BTreeMap<(usize, usize), Vec<(usize, usize)>> = BTreeMap::new();
    for &(from, to) in &of_files {
        if number(from) != number(to) {
            between
                .entry((number(from), number(to)))
                .or_default()
                .push((from, to));
        }
    }
    let of_folders: BTreeSet<(usize, usize)> = between.keys().copied().collect();
    for circle in circles(folders.len(), &of_folders) {
        if circle.len() > 1 {
            let names: Vec<String> = circle.iter().map(|&at| folders[at].to_owned()).collect();
            let mut text = format!("circle of {} folders: {}", names.len(), names.join(" "));
            for (&(a, b), edges) in &between {
                if circle.contains(&a) && circle.contains(&b) {
                    let (from, to) = edges[0];
                    let line = imports[&(from, to)];
                    text += &format!(
                        "\n    {} -> {}: {} imports, first {}:{line} -> {}",
                        folders[a],
                        folders[b],
                        edges.len(),
                        files[from].name,
                        files[to].name
                    );
                }
            }
            found.push((names, text));
        }
    }
    found
}

/// The imports that go up: from a file in one of `floors` to a file in a later one. `floors` is listed from the bottom.
/// Each import has its line.
pub fn upward(files: &[File], roots: &[&str], floors: &[&str]) -> Vec<(String, usize, String)> {
    let modules = Modules::new(files, roots);
    let floor = |at: usize| {
        let name = &files[at].name;
        floors.iter().position(|f| {
            let rest = name.strip_prefix(f);
            rest.is_some_and(|rest| rest.starts_with('/'))
        })
    };
    let mut found = Vec::new();
    for ((from, to), line) in modules.imports() {
        let (Some(low), Some(high)) = (floor(from), floor(to)) else {
            continue;
        };
        if low < high {
            let text = format!(
                "{} may not import {}: it is on a higher floor",
                floors[low], files[to].name
            );
            found.push((files[from].name.clone(), line, text));
        }
    }
    found
}

fn folder(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(folder, _)| folder)
}

impl<'a> Modules<'a> {
    fn new(files: &'a [File], roots: &[&str]) -> Self {
        let mut modules = Modules {
            files,
            by_path: BTreeMap::new(),
            paths: Vec::new(),
        };
        for (at, file) in files.iter().enumerate() {
            let root = roots
                .iter()
                .find(|r| file.name.starts_with(&format!("{r}/")));
            let root = root.copied().unwrap_or_default();
            let package = match root.trim_end_matches("src").trim_end_matches('/') {
                "" => "selvedge",
                "drop-in" => "tokio",
                other => other,
            };
            let below = file.name[root.len()..]
                .trim_matches('/')
                .trim_end_matches(".rs");
            let mut path = vec![package.replace('-', "_")];
            let parts = below
                .split('/')
                .filter(|p| !["lib", "mod", "main"].contains(p));
            path.extend(parts.map(str::to_owned));
            modules.by_path.insert(path.clone(), at);
            modules.paths.push(path);
        }
        modules
    }

    /// The imports: file and imported file, with the line of the first import.
    fn imports(&self) -> BTreeMap<(usize, usize), usize> {
        let mut imports = BTreeMap::new();
        for (at, file) in self.files.iter().enumerate() {
            for named in &file.paths {
                let mut home = self.paths[at].clone();
                home.extend(named.inner.iter().cloned());
                let Some(path) = self.absolute(&home, &named.parts) else {
                    continue;
                };
                let Some(target) = self.definer(&path, 0) else {
                    continue;
                };
                let is_facade = named.is_export && path.starts_with(&self.paths[at]);
                if target != at && !is_facade {
                    imports.entry((at, target)).or_insert(named.line);
                }
            }
        }
        imports
    }

    /// The path with the package as its first part, if it leads into the workspace.
    fn absolute(&self, home: &[String], parts: &[String]) -> Option<Vec<String>> {
        let first = parts[0].as_str();
        let mut path = match first {
            "crate" => vec![home[0].clone()],
            "self" => home.to_vec(),
            "super" => home[..home.len().checked_sub(1)?].to_vec(),
            package if self.by_path.contains_key(&vec![package.to_owned()]) => {
                vec![package.to_owned()]
            }
            child => {
                // A child of the module that names it.
                let mut path = home.to_vec();
                path.push(child.to_owned());
                self.by_path.contains_key(&path).then_some(path)?
            }
        };
        for part in &parts[1..] {
            if part == "super" {
                path.pop();
            } else {
                path.push(part.clone());
            }
        }
        (!path.is_empty()).then_some(path)
    }

    /// The file that defines what the path names.
    fn definer(&self, path: &[String], depth: usize) -> Option<usize> {
        let known = (1..=path.len())
            .rev()
            .find(|&n| self.by_path.contains_key(&path[..n]));
        let known = known?;
        let at = self.by_path[&path[..known]];
        let Some(name) = path.get(known).filter(|_| depth < 8) else {
            return Some(at);
        };
        let file = &self.files[at];
        let globs = file.bound.get("*").into_iter().flatten();
        let globs = globs.map(|glob| {
            let mut path = glob[..glob.len() - 1].to_vec();
            path.push(name.clone());
            (path, true)
        });
        let exact = file.bound.get(name).into_iter().flatten();
        for (bound, is_glob) in exact.map(|b| (b.clone(), false)).chain(globs) {
            let Some(mut next) = self.absolute(&self.paths[at], &bound) else {
                continue;
            };
            if !is_glob || self.defines(&next, name) {
                next.extend(path[known + 1..].iter().cloned());
                return self.definer(&next, depth + 1);
            }
        }
        Some(at)
    }

    /// Does the module that `path` leads through define or import `name`? Used for globs.
    fn defines(&self, path: &[String], name: &str) -> bool {
        let module = &path[..path.len() - 1];
        self.by_path.get(module).is_some_and(|&at| {
            let file = &self.files[at];
            let is_bound = file.bound.contains_key(name) || self.by_path.contains_key(path);
            let kinds = [
                "struct", "enum", "trait", "fn", "type", "const", "static", "union",
            ];
            is_bound
                || kinds
                    .iter()
                    .any(|kind| holds_word(&file.text, &format!("{kind} {name}")))
        })
    }
}

fn holds_word(text: &str, words: &str) -> bool {
    text.match_indices(words).any(|(at, _)| {
        let next = text[at + words.len()..].chars().next();
        !next.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// The strongly connected components of a graph of `count` nodes.
fn circles(count: usize, edges: &BTreeSet<(usize, usize)>) -> Vec<Vec<usize>> {
    let reach: Vec<BTreeSet<usize>> = (0..count).map(|from| reachable(from, edges)).collect();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for from in 0..count {
        if seen.contains(&from) || !reach[from].contains(&from) {
            continue;
        }
        let part: Vec<usize> = reach[from]
            .iter()
            .copied()
            .filter(|&to| reach[to].contains(&from))
            .collect();
        seen.extend(part.iter().copied());
        found.push(part);
    }
    found
}

fn reachable(from: usize, edges: &BTreeSet<(usize, usize)>) -> BTreeSet<usize> {
    let (mut seen, mut pending) = (BTreeSet::new(), vec![from]);
    while let Some(at) = pending.pop() {
        for &(_, to) in edges.range((at, 0)..(at + 1, 0)) {
            if seen.insert(to) {
                pending.push(to);
            }
        }
    }
    seen
}

/// A shortest circle of more than two nodes in the component, if there is one.
fn shortest(part: &[usize], edges: &BTreeSet<(usize, usize)>) -> Option<Vec<usize>> {
    let inside = edges
        .iter()
        .filter(|(a, b)| part.contains(a) && part.contains(b));
    let ways = inside.filter_map(|&(from, to)| {
        let mut ways = std::collections::VecDeque::from([vec![from, to]]);
        let mut seen = BTreeSet::from([to]);
        while let Some(way) = ways.pop_front() {
            let at = way[way.len() - 1];
            for &(_, next) in edges.range((at, 0)..(at + 1, 0)) {
                let mut way = way.clone();
                way.push(next);
                if next == from && at != to {
                    return Some(way);
                }
                if next != from && seen.insert(next) {
                    ways.push_back(way);
                }
            }
        }
        None
    });
    ways.min_by_key(Vec::len)
}

#[cfg(test)]
mod tests {
    use super::{check, upward};
    use crate::tidy::paths::{File, read};

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<File> = files
            .iter()
            .map(|(name, text)| read(name, text).unwrap())
            .collect();
        check(&files, &["a/src", "b/src"])
            .into_iter()
            .map(|(_, text)| text)
            .collect()
    }

    #[test]
    fn a_circle_of_three_files_is_found_and_one_of_two_is_not() {
        let two = [
            ("a/src/x.rs", "use crate::y::Y;"),
            ("a/src/y.rs", "fn f(x: super::x::X) {}"),
            ("a/src/z.rs", "use crate::x;"),
        ];
        assert_eq!(found(&two), [""; 0]);
        let chain = [
            ("a/src/x.rs", "use crate::y;"),
            ("a/src/y.rs", "use crate::{x, z};"),
            ("a/src/z.rs", "use crate::y;"),
        ];
        assert_eq!(found(&chain), [""; 0]);
        let three = [
            ("a/src/x.rs", "use crate::y::Y;"),
            ("a/src/y.rs", "fn f() { m!(super::z::g()) }"),
            ("a/src/z.rs", "use crate::{other, x::{self, X}};"),
        ];
        let found = found(&three);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains("a/src/x.rs -> a/src/y.rs -> a/src/z.rs -> a/src/x.rs"),
            "{found:?}"
        );
    }

    #[test]
    fn a_circle_between_folders_is_found_through_an_export() {
        let files = [
            ("a/src/p/mod.rs", "mod inner; pub use inner::Thing;"),
            ("a/src/p/inner.rs", "use crate::q::Other;"),
            ("a/src/q/mod.rs", "use crate::p::Thing;"),
        ];
        let found = found(&files);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains("circle of 2 folders: a/src/p a/src/q"),
            "{found:?}"
        );
        assert!(
            found[0].contains("a/src/q/mod.rs:1 -> a/src/p/inner.rs"),
            "{found:?}"
        );
    }

    #[test]
    fn a_circle_through_another_package_is_found() {
        let files = [
            ("a/src/lib.rs", "pub mod p;"),
            ("a/src/p/mod.rs", "use b::q::X;"),
            ("b/src/lib.rs", ""),
            ("b/src/q/mod.rs", "fn f() { a::p::g() }"),
        ];
        assert_eq!(found(&files).len(), 1);
    }

    #[test]
    fn an_import_of_a_higher_floor_is_found() {
        let files: Vec<File> = [
            ("a/src/low/x.rs", "use crate::high::Y;"),
            ("a/src/high/mod.rs", "use crate::low::x;"),
        ]
        .iter()
        .map(|(name, text)| read(name, text).unwrap())
        .collect();
        let found = upward(&files, &["a/src"], &["a/src/low", "a/src/high"]);
        let names: Vec<&str> = found.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["a/src/low/x.rs"]);
    }
}
