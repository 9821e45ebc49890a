//! The fuzzer's way into `selvedge_fuzz::io_utils`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| selvedge_fuzz::io_utils::run(bytes));
