//! What other domains promise of their TLS.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tegami_fuzz::promises::check(input));
