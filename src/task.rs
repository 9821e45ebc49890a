//! Asynchronous tasks: spawning them, awaiting them, running blocking work beside them.

#[cfg(feature = "rt")]
pub use runtime_core::coop::{Unconstrained, consume_budget, unconstrained};
pub use runtime_core::spawn::{
    Builder, JoinSet, LocalEnterGuard, LocalSet, block_in_place, spawn, spawn_blocking, spawn_local,
};
pub use runtime_core::task::{
    AbortHandle, Id, JoinError, JoinHandle, LocalKey, id, try_id, yield_now,
};

/// Futures that task-locals make.
#[cfg(feature = "rt")]
pub mod futures {
    pub use runtime_core::task::TaskLocalFuture;
}

/// The set of tasks, under the path of its module.
#[cfg(feature = "rt")]
pub mod join_set {
    pub use runtime_core::spawn::JoinSet;
    pub use runtime_core::spawn::join_set_builder::Builder;
}

/// Cooperative scheduling: how tasks yield, and how futures take part.
pub mod coop {
    pub use runtime_core::coop::{
        Coop, RestoreOnPending, Unconstrained, consume_budget, cooperative, has_budget_remaining,
        poll_proceed, unconstrained,
    };
}
