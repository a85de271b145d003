//! Mail folders of other programs, and their lists of unique ids.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tegami_fuzz::folders::check(input));
