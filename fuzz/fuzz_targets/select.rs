//! The fuzzer's way into `selvedge_fuzz::select`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| selvedge_fuzz::select::run(bytes));
