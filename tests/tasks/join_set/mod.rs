//! `JoinSet`: a group of tasks.

mod ends;
mod model;
mod order;
