//! Checks the links of all pages.
//!
//! In every Markdown file of the repository, relative links lead to a file or a folder, and anchors to a
//! heading. Each chapter is in `SUMMARY.md`. In a chapter's table whose rows begin with a link to a file, the
//! names in the second column occur in that file. The glossary has each term once. Links to other hosts are not checked.

use super::{chapters, shown, source};
use crate::env;
use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

pub fn check(root: &Path) -> std::io::Result<Vec<String>> {
    let mut problems = Vec::new();
    for page in env::files_below(root, "md")? {
        let text = fs::read_to_string(&page)?;
        for (line, link) in links(&text) {
            if let Err(problem) = resolve(&page, &text, &link.target) {
                problems.push(format!("{}:{line}: {problem}", shown(root, &page)));
            }
        }
    }
    let summary = fs::read_to_string(source(root).join("SUMMARY.md"))?;
    for (path, text) in chapters(root)? {
        let name = shown(root, &path);
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        if file != "SUMMARY.md" && !summary.contains(&format!("({file})")) {
            problems.push(format!("{name}: is not in SUMMARY.md"));
        }
        problems.extend(
            missing_names(&path, &text)
                .into_iter()
                .map(|p| format!("{name}:{p}")),
        );
        if file == "glossary.md" {
            let mut seen = HashSet::new();
            let terms = text.lines().filter_map(|line| line.strip_prefix("**"));
            for term in terms.filter_map(|line| line.split("**").next()) {
                if !seen.insert(term.to_lowercase()) {
                    problems.push(format!("{name}: explains {term:?} twice"));
                }
            }
        }
    }
    Ok(problems)
}

/// A link of a page, with its target as the page has it.
pub(super) struct Link {
    pub(super) target: String,
}

/// The links of a page with their lines, code aside.
pub(super) fn links(text: &str) -> Vec<(usize, Link)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        let line = without_code(line);
        for (at, _) in line.match_indices("](") {
            let rest = &line[at + 2..];
            if let Some(end) = rest.find(')') {
                let target = rest[..end].to_owned();
                found.push((number + 1, Link { target }));
            }
        }
    }
    found
}

/// The line with the text between backquotes blanked.
fn without_code(line: &str) -> String {
    let mut in_code = false;
    line.chars()
        .map(|c| {
            if c == '`' {
                in_code = !in_code;
            }
            if in_code && c.len_utf8() == 1 { ' ' } else { c }
        })
        .collect()
}

/// Is the target on another host?
pub(super) fn is_foreign(target: &str) -> bool {
    target.contains("://") || target.starts_with("mailto:")
}

fn resolve(page: &Path, text: &str, target: &str) -> Result<(), String> {
    if is_foreign(target) {
        return Ok(());
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => page.to_path_buf(),
        file => normal(&page.parent().unwrap_or(page).join(file)),
    };
    if !path.exists() {
        return Err(format!("{target} leads nowhere"));
    }
    if anchor.is_empty() {
        return Ok(());
    }
    let text = match file {
        "" => text.to_owned(),
        _ => fs::read_to_string(&path).map_err(|e| format!("{target}: {e}"))?,
    };
    match anchors(&text).contains(anchor) {
        true => Ok(()),
        false => Err(format!("{target}: no such heading")),
    }
}

/// The path without `..` and `.`, by its text.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            part => out.push(part),
        }
    }
    out
}

fn anchors(text: &str) -> HashSet<String> {
    let mut found = HashSet::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.starts_with("```") {
            in_code = !in_code;
        }
        if !in_code && line.starts_with('#') {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let slug: String = title
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect();
            found.insert(slug);
        }
    }
    found
}

/// Names in tables of files that the files do not have.
fn missing_names(page: &Path, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let cells: Vec<&str> = line.split(" | ").collect();
        if !line.starts_with("| [") || cells.len() < 2 {
            continue;
        }
        let Some((_, link)) = links(cells[0]).pop() else {
            continue;
        };
        let file = normal(&page.parent().unwrap_or(page).join(&link.target));
        let Ok(code) = fs::read_to_string(&file) else {
            continue; // a folder; whether it exists has been checked
        };
        let words: HashSet<&str> = code
            .split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .collect();
        for name in cells[1].split('`').skip(1).step_by(2) {
            let last = name.rsplit("::").next().unwrap_or(name);
            if !words.contains(last) {
                problems.push(format!("{}: {} has no `{name}`", number + 1, link.target));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::{anchors, links, normal};
    use std::path::Path;

    #[test]
    fn links_in_code_are_none() {
        let text = "[a](b.md) `[c](d)` [`e`](f.rs#g)\n```\n[h](i)\n```\n";
        let found: Vec<String> = links(text).into_iter().map(|(_, l)| l.target).collect();
        assert_eq!(found, ["b.md", "f.rs#g"]);
    }

    #[test]
    fn headings_become_anchors() {
        assert!(anchors("## The state word: why?\n").contains("the-state-word-why"));
    }

    #[test]
    fn a_path_loses_its_dots() {
        assert_eq!(normal(Path::new("/a/b/../c/./d")), Path::new("/a/c/d"));
    }
}
