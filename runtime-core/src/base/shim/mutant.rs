//! One ordering weakened, or one fence or notify left out, chosen when the models run.
//!
//! `cargo xtask mutants` asks whether some model notices. The site is named by file, line and column of the call,
//! as `#[track_caller]` tells them, so that one build serves all mutants. The variable
//! `RUNTIME_MUTANT` holds `file:line:column:at:ordering`: `at` counts the orderings of the call, `ordering` is
//! the one to use instead, or `None` to skip the call.

use std::panic::Location;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

struct Mutant {
    file: String,
    line: u32,
    column: u32,
    at: usize,
    weaker: Option<Ordering>,
}

fn chosen() -> Option<&'static Mutant> {
    static CHOSEN: OnceLock<Option<Mutant>> = OnceLock::new();
    CHOSEN
        .get_or_init(|| {
            let text = std::env::var("RUNTIME_MUTANT").ok()?;
            let mut parts = text.split(':');
            let mut next = || parts.next().expect("five parts");
            Some(Mutant {
                file: next().to_owned(),
                line: next().parse().expect("a line"),
                column: next().parse().expect("a column"),
                at: next().parse().expect("an index"),
                weaker: match next() {
                    "Relaxed" => Some(Ordering::Relaxed),
                    "Acquire" => Some(Ordering::Acquire),
                    "Release" => Some(Ordering::Release),
                    "AcqRel" => Some(Ordering::AcqRel),
                    _ => None,
                },
            })
        })
        .as_ref()
}

fn hits(location: &Location<'_>, at: usize) -> Option<&'static Mutant> {
    static TOLD: AtomicBool = AtomicBool::new(false);
    let mutant = chosen()?;
    let hit = mutant.line == location.line()
        && mutant.column == location.column()
        && mutant.at == at
        && location.file().ends_with(&mutant.file);
    // Ordering: Relaxed; only to say it once.
    if hit && !TOLD.swap(true, Ordering::Relaxed) {
        eprintln!("mutant reached");
    }
    hit.then_some(mutant)
}

/// The ordering to use at the caller's call.
#[track_caller]
pub(super) fn ordering(at: usize, order: Ordering) -> Ordering {
    match hits(Location::caller(), at) {
        Some(mutant) => mutant.weaker.unwrap_or(order),
        None => order,
    }
}

/// Is the caller's call left out?
#[track_caller]
pub(super) fn is_left_out() -> bool {
    hits(Location::caller(), 0).is_some_and(|mutant| mutant.weaker.is_none())
}
