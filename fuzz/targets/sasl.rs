//! SASL exchanges and their base64.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tegami_fuzz::sasl::check(input));
