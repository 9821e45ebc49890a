//! The fuzzer's way into `selvedge_fuzz::process_signal`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| selvedge_fuzz::process_signal::run(bytes));
