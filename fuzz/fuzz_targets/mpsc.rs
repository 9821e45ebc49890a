//! The fuzzer's way into `selvedge_fuzz::mpsc`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| selvedge_fuzz::mpsc::run(bytes));
