//! Unit tests of the inspector.

mod answers;
mod connection;
mod server;
mod socket;
mod unit;
