//! Sockets and pipes by what they promise.

#[path = "../support/mod.rs"]
mod support;

mod beyond_a_short_read;
mod packets;
mod peers;
