//! The fuzzer's way into `selvedge_fuzz::readiness`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| selvedge_fuzz::readiness::run(bytes));
