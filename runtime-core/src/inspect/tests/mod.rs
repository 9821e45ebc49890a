//! Unit tests of the room.

mod unit;
