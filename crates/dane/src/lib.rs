//! DANE for SMTP (RFC 7672): the certificates of a mail server, held against the TLSA records of its host.
//!
//! [`Tlsa`] is a record that can be used, [`Records`] what a host has of them, [`verify`] says whether a chain of certificates
//! is what they promise, and [`Verifier`] asks that in a TLS handshake. Whether records may be believed (DNSSEC) has been
//! decided before anything gets here; this crate asks no DNS, opens no socket and reads no clock.
#![forbid(unsafe_code)]

mod record;
mod verifier;
mod verify;

pub use record::{Matching, Records, Selector, Tlsa, Usage};
pub use verifier::Verifier;
pub use verify::{DaneError, verify};
