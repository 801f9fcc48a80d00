//! The file of a checkpoint.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| derby_tests::readers::checkpoint(bytes));
