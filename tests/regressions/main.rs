//! Bugs that async runtimes have had, one named test (or more) each. The number is the row in the table of
//! docs/regressions.md; the cause is restated here, so that the test can be read alone. Rows that only a
//! memory model can show (lost orderings) are loom models beside the code instead.

#[path = "../support/mod.rs"]
mod support;

mod io;
mod shutdown;
mod stalls;
mod sync;
mod timers;

/// The table names tests that exist, at least one for each row.
#[test]
fn every_row_of_the_table_has_its_tests() {
    fn collect(folder: &std::path::Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            match path.extension() {
                _ if path.is_dir() && !path.ends_with("target") => collect(&path, text),
                Some(extension) if extension == "rs" => {
                    text.push_str(&std::fs::read_to_string(&path).unwrap());
                }
                _ => {}
            }
        }
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    for folder in [
        "tests",
        "runtime-core/src",
        "runtime-io/src",
        "runtime-time/src",
    ] {
        collect(&root.join(folder), &mut sources);
    }
    let table = include_str!("../../docs/regressions.md");
    let rows: Vec<_> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" |"))
        .filter_map(|(number, rest)| Some((number.parse::<usize>().ok()?, rest)))
        .collect();
    assert_eq!(rows.len(), 36);
    for (at, (number, rest)) in rows.into_iter().enumerate() {
        assert_eq!(number, at + 1);
        let held_by = rest.trim_end_matches('|').rsplit('|').next().unwrap();
        let mut names = held_by.split('`').skip(1).step_by(2).peekable();
        assert!(names.peek().is_some(), "row {number} has no test");
        for name in names {
            assert!(
                sources.contains(&format!("fn {name}(")),
                "row {number}: {name} is gone"
            );
        }
    }
}
