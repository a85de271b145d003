//! Messages on the admin socket.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tegami_fuzz::admin::check(input));
