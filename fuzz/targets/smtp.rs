//! An SMTP session: any octets, in any pieces, with anything happening in between.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tegami_fuzz::smtp::check(input));
