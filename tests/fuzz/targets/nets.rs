//! A list of nets.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| derby_tests::readers::nets(bytes));
