//! Checks that clocks, threads, randomness and locks come from one place, so that models, paused time and other systems can replace them.

use super::paths::File;

/// Folders whose files may name them.
const ALLOWED: [&str; 2] = ["runtime-core/src/base/shim/", "runtime-core/src/base/"];

/// Paths that other files may not name. A trailing `::` means all items below.
const RAW: [&str; 18] = [
    "std::time::Instant::now",
    "std::time::SystemTime::now",
    "std::thread::spawn",
    "std::thread::Builder",
    "std::thread::sleep",
    "std::thread::park",
    "std::thread::park_timeout",
    "std::thread::scope",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::sync::Condvar",
    "std::sync::Barrier",
    "std::hash::RandomState",
    "std::collections::hash_map::RandomState",
    "rand::",
    "fastrand::",
    "getrandom::",
    "parking_lot::",
];

pub fn check(file: &File) -> Vec<(usize, String)> {
    if ALLOWED.iter().any(|dir| file.name.starts_with(dir)) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for named in &file.paths {
        let mut path = named.parts.clone();
        // The path that the first part stands for.
        let bound = file.bound.get(&path[0]).and_then(|bound| bound.first());
        if let Some(bound) = bound.filter(|bound| bound.len() > 1) {
            path.splice(..1, bound.iter().cloned());
        }
        let path = path.join("::");
        let is_raw = |raw: &&&str| match raw.strip_suffix("::") {
            Some(all) => path.starts_with(**raw) || path == all,
            None => path == ***raw || path.starts_with(&format!("{raw}::")),
        };
        if let Some(raw) = RAW.iter().find(is_raw) {
            let raw = raw.trim_end_matches("::");
            let finding = format!("{raw} outside of the shim");
            if found.last() != Some(&(named.line, finding.clone())) {
                found.push((named.line, finding));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::paths::read;

    #[test]
    fn clocks_threads_and_locks_are_found_by_whatever_name() {
        let text = "use std::sync::{Arc, Mutex};
            use std::time::Instant as Clock;
            use std::thread;
            fn f() { Clock::now(); thread::spawn(g); std::thread::sleep(d); thread::current(); }
            fn g() { parking_lot::Mutex::new(()); }";
        let lines: Vec<usize> = check(&read("a/src/x.rs", text).unwrap())
            .iter()
            .map(|f| f.0)
            .collect();
        assert_eq!(lines, [1, 4, 4, 4, 5]);
    }

    #[test]
    fn the_shim_and_what_comes_from_it_are_not() {
        let text = "use crate::shim::{thread, sync::Mutex}; use crate::Instant;
            fn f() { thread::spawn(g); Mutex::new(()); Instant::now(); }";
        assert_eq!(check(&read("a/src/x.rs", text).unwrap()), []);
        let text = "use std::sync::Mutex;";
        assert_eq!(
            check(&read("runtime-core/src/base/shim/native.rs", text).unwrap()),
            []
        );
    }
}
