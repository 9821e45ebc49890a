//! The fuzzer's way into `selvedge_fuzz::locks`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| selvedge_fuzz::locks::run(bytes));
