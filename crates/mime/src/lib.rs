//! What a message is written in: fields that are folded, text beyond ASCII in encoded words, bodies in a transfer
//! encoding (RFC 5322 section 2.2.3, RFC 2047, RFC 2045 section 6).
//!
//! - [`Field`] writes one field of a header.
//! - [`text`], [`phrase`] and [`encoded`] make the words of one; [`decode`] reads them.
//! - [`Transfer`](transfer::Transfer) is how octets get through; it encodes them in pieces.
//!
//! Which fields a message has, and what they say, is not known here. Nothing is parsed but what is encoded.
//!
//! ```
//! let field = mime::Field::new("From").mailbox("Jörg", &"joerg@example.test").finish();
//! assert_eq!(field, "From: =?utf-8?B?SsO2cmc=?= <joerg@example.test>\r\n");
//! assert_eq!(mime::decode("=?utf-8?B?SsO2cmc=?="), "Jörg".as_bytes());
//! ```
#![forbid(unsafe_code)]

mod encoded;
mod field;
pub mod transfer;

pub use encoded::{decode, encoded, is_atext, phrase, text};
pub use field::Field;

/// Longest line to write where words allow it, without its CRLF: 78 by RFC 5322 section 2.1.1, 76 by RFC 2047 section 2
/// where an encoded word is in it, and so 76 everywhere. The same in encoded bodies (RFC 2045 section 6.7).
pub const LINE: usize = 76;

/// Longest line there may be, without its CRLF (RFC 5322 section 2.1.1).
pub const LONGEST_LINE: usize = 998;
