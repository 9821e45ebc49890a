//! The fuzzer's way into `selvedge_fuzz::broadcast`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| selvedge_fuzz::broadcast::run(bytes));
