//! PROXY headers of both versions against a slow reference.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tegami_fuzz::proxy::check(input));
