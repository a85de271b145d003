//! What a web browser says of itself and sends.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tegami_fuzz::web::check(input));
