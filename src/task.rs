//! Asynchronous tasks: spawning them, awaiting them, running blocking work beside them.

#[cfg(feature = "rt")]
pub use runtime_core::task::*;

/// Cooperative scheduling: how tasks yield, and how futures take part.
pub mod coop {
    pub use runtime_core::coop::{
        Coop, RestoreOnPending, Unconstrained, consume_budget, cooperative, has_budget_remaining,
        poll_proceed, unconstrained,
    };
}
