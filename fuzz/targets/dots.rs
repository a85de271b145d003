//! Dot transparency in both directions against a slow reference.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tegami_fuzz::dots::check(input));
