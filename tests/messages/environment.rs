//! Environment variables with values that are not valid.
#![allow(clippy::redundant_closure)] // As a function that is passed on has no caller here.

use super::told;
use crate::support::in_own_process;
use tokio::runtime::{Builder, Runtime};

#[test]
fn a_number_of_workers_that_is_none() {
    if !in_own_process!() {
        return;
    }
    for (value, says) in [
        ("four", "must be usize"),
        ("-1", "must be usize"),
        ("", "must be usize"),
        ("0", "cannot be set to 0"),
    ] {
        // SAFETY: this process has no other test, and no other thread that reads the environment.
        unsafe { std::env::set_var("TOKIO_WORKER_THREADS", value) };
        let says = ["\"TOKIO_WORKER_THREADS\"", says, "or unset it"];
        told!(".build()", says, || Builder::new_multi_thread().build());
        told!("Runtime::new()", says, || Runtime::new());
        // The variable is not read where the program sets the number.
        let told = Builder::new_multi_thread().worker_threads(1).build();
        assert_eq!(told.unwrap().metrics().num_workers(), 1);
        assert!(Builder::new_current_thread().build().is_ok());
    }
}
