//! The fuzzer's way into `selvedge_fuzz::timers`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| selvedge_fuzz::timers::run(bytes));
