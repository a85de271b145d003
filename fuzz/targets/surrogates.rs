//! Headers put into ASCII for clients that read nothing else.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tegami_fuzz::surrogates::check(input));
