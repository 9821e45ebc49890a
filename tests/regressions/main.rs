//! Bugs that async runtimes have had, one named test (or more) each. The number is the row in the table of
//! docs on verification; the cause is restated here, so that the test can be read alone. Rows that only a
//! memory model can show (lost orderings) are loom models beside the code instead.

#[path = "../support/mod.rs"]
mod support;

mod io;
mod shutdown;
mod stalls;
mod sync;
mod timers;
