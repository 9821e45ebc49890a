//! Tests of the state word's counts near their limits, which no model reaches.

use super::state::{OnPending, OnWake, State};

/// A word with these counts.
fn state(wakes: u32, references: u64) -> State {
    State::of_counts(wakes, references)
}

#[test]
fn the_last_reference_is_known_as_such_and_no_other() {
    for references in [1, 2, 3, 1 << 20, 1 << 27] {
        assert_eq!(state(1, references).unref(), references == 1);
        let expected = match references {
            1 => OnWake::Deallocate,
            _ => OnWake::Nothing,
        };
        assert_eq!(state(1, references).wake_and_unref(), expected);
    }
    let state = state(1, 1);
    (0..1_000).for_each(|_| state.reference());
    for left in (0..=1_000).rev() {
        assert_eq!(state.unref(), left == 0);
    }
}

#[test]
fn wakes_during_a_run_are_accounted_for_up_to_saturation() {
    let saturated = 1_u32 << 31;
    for wakes in [1, 2, 1_000, saturated - 1] {
        let state = state(wakes, 2);
        let begin = state.begin_run();
        assert_eq!(begin.wakes(), wakes);
        assert_eq!(state.wake(), OnWake::Nothing);
        assert_eq!(state.pending(begin), OnPending::Again);
        assert_eq!(state.begin_run().wakes(), 1);
        let begin = state.begin_run();
        assert_eq!(state.pending(begin), OnPending::Idle);
        assert_eq!(state.wake(), OnWake::Schedule);
    }
}

/// I5: a saturated count stops growing, and a run that began saturated is followed by another run.
#[test]
fn a_saturated_count_of_wakes_neither_wraps_nor_loses_one() {
    let (saturated, slack) = (1_u32 << 31, 1_u32 << 20);
    for wakes in [saturated, saturated + 1, saturated + slack] {
        let state = state(wakes, 2);
        let begin = state.begin_run();
        (0..3 * slack).for_each(|_| assert_eq!(state.wake(), OnWake::Nothing));
        assert!(state.load().wakes() <= saturated + slack);
        assert_eq!(state.load().references(), 2);
        assert_eq!(state.pending(begin), OnPending::Again);
        let begin = state.begin_run();
        assert!(begin.wakes() <= slack + 1);
        assert_eq!(state.pending(begin), OnPending::Idle);
    }
}

/// Also without a wake in between: nobody knows which wakes were not counted.
#[test]
fn a_run_that_began_saturated_is_followed_by_another() {
    let state = state(1 << 31, 2);
    let begin = state.begin_run();
    assert_eq!(state.pending(begin), OnPending::Again);
}

/// Too many references end the process before their count runs into the wakes.
#[test]
fn too_many_references_end_the_process() {
    const CHILD: &str = "SELVEDGE_TOO_MANY_REFERENCES";
    if std::env::var_os(CHILD).is_some() {
        let state = state(1, 1 << 27);
        state.reference();
        println!("one more");
        state.reference();
        println!("two more");
        return;
    }
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("task::counts::too_many_references_end_the_process")
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(!child.status.success());
    assert!(
        said.contains("one more") && !said.contains("two more"),
        "{said}"
    );
}
