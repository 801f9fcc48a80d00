//! What comes in on the line from a board.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| derby_tests::readers::frames(bytes));
