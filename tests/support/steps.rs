//! Random lists of steps, for tests that compare with a model. A failure prints the shortest failing list that was found.

use proptest::prelude::*;

/// Runs `test` with many random lists of steps.
pub fn with_steps<S: Clone + std::fmt::Debug + 'static>(
    step: impl Strategy<Value = S>,
    test: impl Fn(&[S]),
) {
    let config = ProptestConfig {
        cases: ProptestConfig::default().cases * 3 / 2,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let steps = proptest::collection::vec(step, 1..100);
    proptest!(config, |(steps in steps)| test(&steps));
}

/// A number that chooses an item of a list, by `place`.
pub fn which() -> std::ops::Range<usize> {
    0..60
}

/// The index in `list` that `which` chooses; `None` if the list is empty.
pub fn place<T>(list: &[T], which: usize) -> Option<usize> {
    (!list.is_empty()).then(|| which % list.len())
}

#[allow(dead_code)]
pub fn remove<T>(list: &mut Vec<T>, which: usize) -> Option<T> {
    place(list, which).map(|at| list.remove(at))
}
