//! The fuzzer's way into `selvedge_fuzz::read_buf`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| selvedge_fuzz::read_buf::run(bytes));
