//! Checks the book's listings: each quotes named items, and is compared with the code.
//!
//! ```text
//! <!-- listing: src/sleep.rs | struct Idle | mod naive > fn announce -->
//! ```
//! stands above a fenced block. The file is in the book's package, or in the package `tutorial` or `seen` if its name begins so. An item is
//! found by the beginning of its line, without its visibility; `>` leads into an item. The whole item is quoted, with the comments and
//! attributes right above it. The code needs no marks, and a listing that no longer matches fails the check.

use super::{chapters, package, shown};
use std::fs;
use std::ops::Range;
use std::path::Path;

const MARK: &str = "<!-- listing: ";

/// Returns the listings that differ from the code. With `update`, rewrites them.
pub fn check(root: &Path, update: bool) -> std::io::Result<Vec<String>> {
    let mut problems = Vec::new();
    for (path, text) in chapters(root)? {
        let name = shown(root, &path);
        let mut fresh = String::new();
        let mut lines = text.lines().enumerate().peekable();
        while let Some((number, line)) = lines.next() {
            fresh.push_str(line);
            fresh.push('\n');
            let Some(what) = line.strip_prefix(MARK) else {
                continue;
            };
            let what = what.trim_end_matches("-->").trim();
            let quoted = match quote(root, what) {
                Ok(quoted) => quoted,
                Err(problem) => {
                    problems.push(format!("{name}:{}: {problem}", number + 1));
                    continue;
                }
            };
            let mut printed = String::new();
            if lines.next_if(|(_, l)| *l == "```rust").is_some() {
                for (_, line) in lines.by_ref().take_while(|(_, line)| *line != "```") {
                    printed.push_str(line);
                    printed.push('\n');
                }
            }
            if printed != quoted && !update {
                let problem = "the listing is not what the code says: `cargo xtask book --update`";
                problems.push(format!("{name}:{}: {problem}", number + 1));
            }
            fresh.push_str(&format!("```rust\n{quoted}```\n"));
        }
        if update && problems.is_empty() && fresh != text {
            fs::write(&path, fresh)?;
        }
    }
    Ok(problems)
}

/// The text that `what` names: a file, and items of it.
fn quote(root: &Path, what: &str) -> Result<String, String> {
    let mut parts = what.split(" | ").map(str::trim);
    let file = parts.next().unwrap_or_default();
    let (package, name) = package(root, file);
    let text = fs::read_to_string(package.join(name)).map_err(|e| format!("{file}: {e}"))?;
    let lines: Vec<&str> = text.lines().collect();
    let mut quoted = String::new();
    for item in parts {
        let range = find(&lines, item).ok_or_else(|| format!("{file} has no `{item}`"))?;
        if !quoted.is_empty() {
            quoted.push('\n');
        }
        let margin = lines[range.start].len() - lines[range.start].trim_start().len();
        for line in &lines[range] {
            quoted.push_str(line.get(margin..).unwrap_or_default());
            quoted.push('\n');
        }
    }
    match quoted.is_empty() {
        true => Err(format!("{what}: names no item")),
        false => Ok(quoted),
    }
}

/// The lines of an item. `path`: the beginnings of the lines of the items around it and of its own.
pub(super) fn find(lines: &[&str], path: &str) -> Option<Range<usize>> {
    let mut within = 0..lines.len();
    for step in path.split(" > ") {
        let range = within.clone();
        let start = range.clone().find(|&at| {
            begins(lines[at], step.trim()) && (range.len() == lines.len() || at > range.start)
        })?;
        within = start..end_of(lines, start)?;
    }
    let mut start = within.start;
    while start > 0 {
        let above = lines[start - 1].trim_start();
        if !(above.starts_with("//") && !above.starts_with("//!") || above.starts_with("#[")) {
            break;
        }
        start -= 1;
    }
    Some(start..within.end)
}

fn begins(line: &str, with: &str) -> bool {
    let mut line = line.trim_start();
    for word in ["pub(crate) ", "pub(super) ", "pub ", "async ", "unsafe "] {
        line = line.strip_prefix(word).unwrap_or(line);
    }
    line.strip_prefix(with)
        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}

/// The line after the item that begins at `start`.
fn end_of(lines: &[&str], start: usize) -> Option<usize> {
    let (mut braces, mut others, mut opened) = (0, 0, false);
    for (at, line) in lines.iter().enumerate().skip(start) {
        let code = without_literals(line);
        for c in code.chars() {
            match c {
                '{' => {
                    braces += 1;
                    opened = true;
                }
                '}' => braces -= 1,
                '(' | '[' => others += 1,
                ')' | ']' => others -= 1,
                _ => {}
            }
        }
        let is_over = braces == 0 && others == 0;
        if is_over && (opened || code.trim_end().ends_with(';')) {
            return Some(at + 1);
        }
    }
    None
}

/// The line without its comment, string literals and character literals.
fn without_literals(line: &str) -> String {
    let mut out = String::new();
    let mut chars = line.chars().peekable();
    let mut in_string = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' if in_string => {
                chars.next();
            }
            '"' => in_string = !in_string,
            _ if in_string => {}
            '/' if chars.peek() == Some(&'/') => break,
            '\'' => {
                // A character literal if it ends in a quote, else a lifetime.
                let rest: String = chars.clone().take(3).collect();
                let length = match rest.strip_prefix('\\') {
                    Some(_) => 3,
                    None if rest.chars().nth(1) == Some('\'') => 2,
                    None => 0,
                };
                chars.by_ref().take(length).for_each(drop);
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::find;

    const TEXT: &str = "\
//! Header.

/// Doc.
#[derive(Debug)]
pub struct A {
    b: char,
}

impl A {
    fn open(
        &self,
    ) -> char {
        '{'
    }
}

mod inner {
    pub const A: &str = \"}\";
    // Why.
    fn open() {}
}
";

    fn lines_of(path: &str) -> Option<(usize, usize)> {
        let lines: Vec<&str> = TEXT.lines().collect();
        find(&lines, path).map(|range| (range.start, range.end))
    }

    #[test]
    fn an_item_is_found_with_its_comments_to_its_end() {
        assert_eq!(lines_of("struct A"), Some((2, 7)));
        assert_eq!(lines_of("impl A > fn open"), Some((9, 14)));
        assert_eq!(lines_of("mod inner > fn open"), Some((18, 20)));
        assert_eq!(lines_of("mod inner > const A"), Some((17, 18)));
        assert_eq!(lines_of("struct B"), None);
    }
}
