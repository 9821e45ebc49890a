//! The end of the tasks: which worker cancels them, and in which order.
//!
//! The first worker that comes to its end gathers every permit that it can get at: those of the tasks that wait to be woken,
//! and those of the tasks in queues and slots. It sorts them, and cancels one after another, oldest first. So two runs of a
//! program see the same order, as far as the tasks were not running at the time.
//!
//! A destructor may block until another task is gone. So the other workers stay until the list is empty. If one task takes
//! longer than [`PATIENCE`], the next worker takes the turn and goes on with the list.
//!
//! I1: at most one worker has the turn, and only that worker takes permits off the list. A worker whose destructor takes longer
//!     than [`PATIENCE`] may lose the turn to the next.
//! I2: no lock is held while a task is cancelled.

use crate::base::shim::sync::{Condvar, Mutex};
use crate::task::Runnable;
use std::collections::VecDeque;
use std::time::Duration;

/// How long one destructor may keep the others waiting.
const PATIENCE: Duration = Duration::from_millis(10);

/// See the module's page.
pub(crate) struct Ending {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Default)]
struct State {
    began: bool,
    gathered: bool,
    permits: VecDeque<Runnable>,
    /// Counts turns; odd while a worker has one.
    turn: u64,
}

impl State {
    fn begin_turn(&mut self) -> u64 {
        self.turn += if self.is_taken() { 2 } else { 1 };
        self.turn
    }

    /// Does nothing if another worker took the turn meanwhile.
    fn end_turn(&mut self, turn: u64) {
        if self.turn == turn {
            self.turn += 1;
        }
    }

    /// Nobody will need a turn any more.
    fn is_over(&self) -> bool {
        self.gathered && self.permits.is_empty()
    }

    fn is_taken(&self) -> bool {
        self.turn % 2 == 1
    }
}

impl Ending {
    pub(crate) fn new() -> Ending {
        Ending {
            state: Mutex::new(State::default()),
            moved: Condvar::new(),
        }
    }

    /// The list is empty: nobody has to wait for a turn.
    fn let_others_go(&self) {
        self.moved.notify_all();
    }

    /// Cancels what `gather` finds, together with the other workers. `gather` is called once, by the first of them, and
    /// decides the order.
    pub(crate) fn cancel_in_turn(&self, gather: impl FnOnce() -> Vec<Runnable>) {
        let mut state = self.state.lock();
        if !state.began {
            state.began = true;
            let turn = state.begin_turn();
            drop(state);
            let permits = gather();
            state = self.state.lock();
            state.permits = permits.into();
            state.gathered = true;
            state.end_turn(turn);
            if state.permits.is_empty() {
                drop(state);
                self.let_others_go();
                return;
            }
        }
        loop {
            while state.is_taken() && !state.is_over() {
                let seen = state.turn;
                let timed_out;
                (state, timed_out) = self.moved.wait_timeout(state, PATIENCE);
                if timed_out && state.turn == seen {
                    break;
                }
            }
            let Some(task) = state.permits.pop_front() else {
                return;
            };
            let is_last = state.permits.is_empty();
            let turn = state.begin_turn();
            drop(state);
            if is_last {
                self.let_others_go();
            }
            task.cancel();
            state = self.state.lock();
            state.end_turn(turn);
        }
    }
}

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/ending.rs"]
mod tests;
