//! Tasks as programs see them: when and where they run, how long they may wait, and how they end.

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
