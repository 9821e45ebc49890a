//! Tests of what only this crate can see, or what no program should do.

mod unit;
