//! A net in derby's own format.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| derby_tests::readers::model(bytes));
