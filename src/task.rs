//! Asynchronous tasks: spawning them, awaiting them, running blocking work beside them.

#[cfg(feature = "rt")]
pub use runtime_core::task::{
    AbortHandle, Builder, Id, JoinError, JoinHandle, JoinSet, LocalEnterGuard, LocalKey, LocalSet,
    Unconstrained, block_in_place, consume_budget, id, spawn, spawn_blocking, spawn_local, try_id,
    unconstrained, yield_now,
};

/// Futures that task-locals make.
#[cfg(feature = "rt")]
pub mod futures {
    pub use runtime_core::task::TaskLocalFuture;
}

/// The set of tasks, under the path of its module.
#[cfg(feature = "rt")]
pub mod join_set {
    pub use runtime_core::task::JoinSet;
    pub use runtime_core::task::join_set_builder::Builder;
}

/// Cooperative scheduling: how tasks yield, and how futures take part.
pub mod coop {
    pub use runtime_core::coop::{
        Coop, RestoreOnPending, Unconstrained, consume_budget, cooperative, has_budget_remaining,
        poll_proceed, unconstrained,
    };
}
