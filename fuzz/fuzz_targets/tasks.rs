//! The fuzzer's way into `selvedge_fuzz::tasks`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| selvedge_fuzz::tasks::run(bytes));
