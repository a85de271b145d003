//! The configuration and the accounts file.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tegami_fuzz::files::check(input));
