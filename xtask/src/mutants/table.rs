//! Reads `xtask/mutants.txt`: which files are mutated, which judges run, which survivors are accepted.

use std::sync::atomic::{AtomicBool, Ordering};

/// `[FILE]`: the ordering mutants of one file. `[logic PREFIX]`: the logic mutants of all files whose path begins with PREFIX.
#[derive(Default)]
pub struct Section {
    pub file: String,
    pub is_logic: bool,
    /// Filters for the models, each a part of a path. If empty, all models of the crate.
    pub models: Vec<String>,
    /// Integration tests of the root package: the names of their binaries.
    pub tests: Vec<String>,
    pub replaces: Vec<(String, String)>,
    pub allowed: Vec<Allow>,
}

/// A survivor that is accepted, and why.
pub struct Allow {
    site: String,
    what: Option<String>,
    reason: String,
    /// Some mutant matches it.
    matched: AtomicBool,
    /// Some survivor needed it.
    used: AtomicBool,
}

impl Allow {
    fn read(site: &str, reason: &str) -> Self {
        let (site, what) = match site.split_once(" [") {
            Some((site, what)) => (site, Some(what.trim_end_matches(']').to_owned())),
            None => (site, None),
        };
        Allow {
            site: site.to_owned(),
            what,
            reason: reason.to_owned(),
            matched: AtomicBool::new(false),
            used: AtomicBool::new(false),
        }
    }
}

impl Section {
    /// The line that accepts a mutant of the site `text`, if there is one.
    pub fn allow(&self, text: &str, what: &str) -> Option<usize> {
        let mut first = None;
        for (at, allow) in self.allowed.iter().enumerate() {
            let is_what = allow.what.as_ref().is_none_or(|only| only == what);
            if is_what && text.contains(&allow.site) {
                first = first.or(Some(at));
                // Ordering: Relaxed; read when all mutants are judged.
                allow.matched.store(true, Ordering::Relaxed);
            }
        }
        first
    }

    /// Marks the line at `at` as needed by a survivor, and returns its reason.
    pub fn accept(&self, at: usize) -> &str {
        // Ordering: Relaxed; as in `allow`.
        self.allowed[at].used.store(true, Ordering::Relaxed);
        &self.allowed[at].reason
    }

    /// What is wrong with the section's `allow` lines. That a line matches no mutant is known at once; that no survivor needs
    /// the line is known only when all mutants were judged (`all`).
    pub fn stale(&self, all: bool) -> Vec<String> {
        let mut found = Vec::new();
        for allow in &self.allowed {
            // Ordering: Relaxed; as in `allow`.
            let is_matched = allow.matched.load(Ordering::Relaxed);
            let is_used = allow.used.load(Ordering::Relaxed);
            let problem = match (is_matched, is_used) {
                (false, _) => "means no mutant",
                (true, false) if all => "is needed by no survivor",
                _ => continue,
            };
            let what = allow.what.as_ref().map(|w| format!(" [{w}]"));
            found.push(format!(
                "{}: {problem}: allow = {}{} | {}",
                self.file,
                allow.site,
                what.unwrap_or_default(),
                allow.reason
            ));
        }
        found
    }
}

pub fn read(text: &str) -> Result<Vec<Section>, String> {
    let mut sections: Vec<Section> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let wrong = || format!("mutants.txt:{}: cannot read {line:?}", number + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            let prefix = name.strip_prefix("logic ");
            sections.push(Section {
                file: prefix.unwrap_or(name).to_owned(),
                is_logic: prefix.is_some(),
                ..Section::default()
            });
            continue;
        }
        let (key, value) = line.split_once(" = ").ok_or_else(wrong)?;
        let section = sections.last_mut().ok_or_else(wrong)?;
        let pair = |separator: &str| {
            let (a, b) = value.split_once(separator).ok_or_else(wrong)?;
            Ok::<_, String>((a.trim().to_owned(), b.trim().to_owned()))
        };
        let words = || value.split_whitespace().map(str::to_owned);
        match (key, section.is_logic) {
            ("models", _) => section.models.extend(words()),
            ("tests", true) => section.tests.extend(words()),
            ("replace", false) => section.replaces.push(pair(" => ")?),
            ("allow", _) => {
                // Split at the last bar, as Rust code may contain bars.
                let (site, reason) = value.rsplit_once(" | ").ok_or_else(wrong)?;
                let allow = Allow::read(site.trim(), reason.trim());
                section.allowed.push(allow);
            }
            _ => return Err(wrong()),
        }
    }
    Ok(sections)
}

#[cfg(test)]
mod tests {
    use super::read;

    const TABLE: &str = "
        # A comment.
        [a/src/x.rs]
        models = one two
        allow = load(Ordering::Acquire) [Acquire -> Relaxed] | only a hint
        allow = store( | a | b | never met
        allow = swap( | the same
        replace = old => new
        [logic a/src]
        tests = room
    ";

    #[test]
    fn reads_sections_of_both_kinds() {
        let sections = read(TABLE).unwrap();
        assert_eq!(sections.len(), 2);
        assert_eq!(sections[0].models, ["one", "two"]);
        assert_eq!(sections[0].replaces, [("old".to_owned(), "new".to_owned())]);
        assert!(sections[1].is_logic);
        assert_eq!(
            (sections[1].file.as_str(), &*sections[1].tests),
            ("a/src", &["room".to_owned()][..])
        );
        for wrong in [
            "models = x",
            "[a]\nnonsense",
            "[a]\ntests = x",
            "[logic a]\nreplace = a => b",
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn names_allow_lines_that_mean_nothing_or_are_not_needed() {
        let sections = read(TABLE).unwrap();
        let section = &sections[0];
        let at = section.allow("word.load(Ordering::Acquire)", "Acquire -> Relaxed");
        assert_eq!(section.accept(at.unwrap()), "only a hint");
        assert!(
            section
                .allow("word.load(Ordering::Acquire)", "other")
                .is_none()
        );
        assert!(section.allow("word.swap(1)", "any").is_some());
        let part = section.stale(false);
        assert_eq!(part.len(), 1, "{part:?}");
        assert!(
            part[0].contains("means no mutant: allow = store( | a | b"),
            "{part:?}"
        );
        let all = section.stale(true);
        assert_eq!(all.len(), 2, "{all:?}");
        assert!(
            all[1].contains("is needed by no survivor: allow = swap("),
            "{all:?}"
        );
    }
}
