//! Sockets and pipes: packets, short reads, and peers that go away.

#[path = "../support/mod.rs"]
mod support;

mod beyond_a_short_read;
mod packets;
mod peers;
