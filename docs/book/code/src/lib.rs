//! The listings of the book, a module for each chapter.
//!
//! Items called *naive*, `TwoFlags` and `OneLevel` contain the fault that their chapter is about, and a test shows the
//! fault. The correct item stands beside each, with a test of its own. `mini` is the runtime of the first chapter.
//!
//! Where two threads race, the listing uses loom's types instead of std's, so that the test tries every schedule.

pub mod cancellation;
pub mod echo;
pub mod fairness;
pub mod local;
pub mod measure;
pub mod mini;
pub mod panics;
pub mod pool;
pub mod queues;
pub mod reactor;
pub mod shutdown;
pub mod sleep;
pub mod state_word;
pub mod sync;
pub mod tasks;
pub mod timers;
pub mod uring;
pub mod verify;

/// Runs `f` in every interleaving of its threads that has at most two involuntary switches.
#[cfg(test)]
fn model(f: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(f);
}
