//! Delivery reports about what strangers wrote and answered.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tegami_fuzz::reports::check(input));
