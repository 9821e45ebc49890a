//! Unit tests of the room.

mod answers;
mod connection;
mod server;
mod socket;
mod unit;
