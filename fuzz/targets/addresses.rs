//! Paths, mailboxes, domains and DSN parameters: what was read reads again.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tegami_fuzz::addresses::check(input));
