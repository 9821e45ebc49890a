//! The fuzzer's way into `selvedge_fuzz::watch`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| selvedge_fuzz::watch::run(bytes));
