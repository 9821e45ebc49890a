//! The fuzzer's way into `selvedge_fuzz::notify`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| selvedge_fuzz::notify::run(bytes));
