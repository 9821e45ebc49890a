//! Tasks as their users see them: when they run, where, how long they may be kept waiting, and how they end.

#[path = "../support/mod.rs"]
mod support;

mod block_in_place;
mod builder;
mod chains;
mod counts;
mod fairness;
mod idle_workers;
mod join_set;
mod large;
mod life;
mod misuse;
mod stuck_workers;
mod task_locals;
mod watch_thread;
