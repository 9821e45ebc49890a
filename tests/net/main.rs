//! Sockets and pipes by what they promise.

#[path = "../support/mod.rs"]
mod support;

mod no_descriptor;
mod packets;
