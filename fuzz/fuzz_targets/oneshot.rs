//! The fuzzer's way into `selvedge_fuzz::oneshot`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| selvedge_fuzz::oneshot::run(bytes));
