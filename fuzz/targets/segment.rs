//! Replay of a damaged segment of the log.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tegami_fuzz::segment::check(input));
