//! Codes in what people paste, and what is said about them.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tegami_fuzz::explain::check(input));
