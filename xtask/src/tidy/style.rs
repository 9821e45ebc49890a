//! The checks that read a file line by line.
//!
//! Files begin with `//!`; none outside tests exceeds 900 lines, items' docs aside; `// SAFETY:` stands above each unsafe
//! block and impl; `Ordering:` (or the word counter) is written in the function of each atomic
//! operation, or in its docs; no placeholders, no `dbg!`, no tabs, no trailing blanks. Strings and comments
//! are blanked first; these checks need no more parsing.

use std::path::Path;

const MAX_LINES: usize = 900;
/// How far above an unsafe block its comment may begin.
const SAFETY_REACH: usize = 10;
/// How far above an atomic operation its comment may stand, even outside of its function.
const ORDERING_REACH: usize = 12;

pub fn check(path: &Path, text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    let code: Vec<String> = lines.iter().map(|l| code_of(l)).collect();
    let test_file = is_test(path);
    let tests_from = lines
        .windows(2)
        .position(|w| {
            w[0].trim().starts_with("#[cfg(")
                && w[0].contains("test")
                && w[1].contains("mod ")
                && w[1].ends_with('{')
        })
        .unwrap_or(usize::MAX);
    if !lines
        .iter()
        .find(|l| !l.trim().is_empty())
        .is_some_and(|l| l.starts_with("//!"))
    {
        found.push((1, "begins without a `//!` header".to_owned()));
    }
    // Doc lines do not count: examples make docs long, but the file is not harder to read.
    let is_doc = |line: &&&str| line.trim_start().starts_with("///");
    let count = lines.len() - lines.iter().filter(is_doc).count();
    if !test_file && count > MAX_LINES {
        found.push((MAX_LINES, format!("{count} lines, more than {MAX_LINES}")));
    }
    for (i, line) in lines.iter().enumerate() {
        let mut say = |problem: &str| found.push((i + 1, problem.to_owned()));
        if line.contains('\t') {
            say("tab");
        }
        if line.ends_with(' ') {
            say("trailing blank");
        }
        let code_line = code[i].as_str();
        if ["todo!(", "unimplemented!(", "dbg!("]
            .iter()
            .any(|m| code_line.contains(m))
        {
            say("placeholder or debugging macro");
        }
        let is_unsafe = code_line.contains("unsafe {") || code_line.contains("unsafe impl");
        if is_unsafe && !(i.saturating_sub(SAFETY_REACH)..=i).any(|j| lines[j].contains("SAFETY:"))
        {
            say("unsafe without `// SAFETY:`");
        }
        let tested = test_file || i >= tests_from;
        if !tested && names_ordering(code_line) && !ordering_is_explained(&lines, &code, i) {
            say("atomic operation without `// Ordering:`");
        }
    }
    found
}

fn is_test(path: &Path) -> bool {
    let in_tests = path.components().any(|c| {
        let name = c.as_os_str().to_string_lossy();
        ["tests", "benches", "examples", "shim"].contains(&name.as_ref())
    });
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    in_tests || ["tests.rs", "loom.rs", "unit.rs"].contains(&name.as_ref())
}

fn names_ordering(code: &str) -> bool {
    let orders = ["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"];
    !code.trim_start().starts_with("use ")
        && !code.trim_start().starts_with("pub use ")
        && orders.iter().any(|o| {
            code.contains(&format!("Ordering::{o}"))
                || code.contains(&format!("({o})"))
                || code.contains(&format!(", {o})"))
        })
}

/// Looks upwards for the comment: through the function and its docs.
fn ordering_is_explained(lines: &[&str], code: &[String], from: usize) -> bool {
    let says = |line: &str| {
        let comment = line.find("//").map_or("", |at| &line[at..]);
        comment.contains("Ordering:") || comment.to_lowercase().contains("counter")
    };
    let mut in_docs = false;
    for i in (0..=from).rev() {
        if says(lines[i]) {
            return true;
        }
        let line = lines[i].trim_start();
        if in_docs {
            if !(line.starts_with("//") || line.starts_with("#[")) {
                return false;
            }
        } else if is_fn(&code[i]) && from - i >= 1 {
            in_docs = true;
        } else if from - i > ORDERING_REACH && line.starts_with('}') {
            return false;
        }
    }
    false
}

fn is_fn(code: &str) -> bool {
    let code = code.trim_start();
    code.split(' ').take(6).any(|word| word == "fn")
}

/// The line without its comment and without the contents of its strings.
fn code_of(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    let mut in_string = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' if in_string => {
                chars.next();
            }
            '"' => {
                in_string = !in_string;
                out.push('"');
            }
            // The literal '"', or an escaped one.
            '\'' if !in_string && chars.peek() == Some(&'"') => {
                chars.next();
            }
            '/' if !in_string && chars.peek() == Some(&'/') => break,
            _ if in_string => {}
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::check;
    use std::path::Path;

    fn problems(text: &str) -> Vec<String> {
        let found = check(Path::new("a/src/x.rs"), text);
        found.into_iter().map(|(_, problem)| problem).collect()
    }

    #[test]
    fn each_planted_fault_is_found() {
        assert_eq!(problems("//! Header.\nfn f() {}\n"), [""; 0]);
        for (text, problem) in [
            ("fn f() {}", "begins without"),
            ("//! H.\n\tfn f() {}", "tab"),
            ("//! H.\nfn f() {} ", "trailing blank"),
            ("//! H.\nfn f() { todo!() }", "placeholder"),
            ("//! H.\nfn f() { unsafe { g() } }", "SAFETY"),
            (
                "//! H.\nfn f() {\n    a.load(Ordering::Acquire);\n}",
                "Ordering:",
            ),
        ] {
            let found = problems(text);
            assert!(
                found.iter().any(|p| p.contains(problem)),
                "{text:?}: {found:?}"
            );
        }
        let long = "//! H.\n".repeat(901);
        assert!(problems(&long)[0].contains("more than 900"));
        let documented = format!("//! H.\n{}", "/// Docs.\n".repeat(901));
        assert!(problems(&documented).is_empty());
    }
}
