//! SMTP client sessions against servers of every kind.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tegami_fuzz::client::check(input));
