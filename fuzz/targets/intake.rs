//! A message on its way in: DATA against BDAT, and both against a slow reading of the header.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tegami_fuzz::intake::check(input));
