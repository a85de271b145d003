//! The catalogue itself, one file per subject, and the macro that turns its entries into constants.
//!
//! An entry reads `"id" NAME = status, "text" { rfc: .., when: .., cause: .., remedy: .. }`; those of POP3 begin with
//! `ja: ..`, the text in Japanese. The macro knows no
//! reply; the entries hold no code. Whether an entry is right is checked in `tests/catalogue.rs`.

use crate::row::{Enhanced, Status};

/// Makes a `pub static` per entry, named and documented by its own words, and `ROWS` over all of them.
macro_rules! rows {
    (@shape) => { crate::row::Shape::Line };
    (@shape $shape:ident) => { crate::row::Shape::$shape };
    (@ja) => { None };
    (@ja $ja:literal) => { Some($ja) };
    ($(
        $id:literal $name:ident = $status:expr, $text:literal {
            $(ja: $ja:literal,)?
            rfc: $rfc:literal,
            when: $when:literal,
            cause: $cause:literal,
            remedy: $remedy:literal
            $(, shape: $shape:ident)?
            $(,)?
        }
    )*) => {
        $(
            #[doc = concat!("`", $id, "`: `", $text, "`")]
            pub static $name: crate::row::Row = crate::row::Row {
                id: $id,
                name: stringify!($name),
                status: $status,
                text: $text,
                ja: rows!(@ja $($ja)?),
                shape: rows!(@shape $($shape)?),
                rfc: $rfc,
                when: $when,
                cause: $cause,
                remedy: $remedy,
            };
        )*
        /// Every row of this part of the catalogue, in its order.
        pub static ROWS: &[&crate::row::Row] = &[$(&$name),*];
    };
}

pub mod pop3;
pub mod smtp;

/// An SMTP status with its enhanced code, whose class is the reply's first digit by construction.
///
/// RFC 2034 section 4: the first number of the enhanced code must match the first digit of the reply code.
const fn coded(code: u16, subject: u16, detail: u16) -> Status {
    assert!(
        matches!(code / 100, 2 | 4 | 5),
        "RFC 2034 section 4: only 2xx, 4xx and 5xx carry an enhanced code"
    );
    Status::Smtp(code, Some(Enhanced((code / 100) as u8, subject, detail)))
}

/// An SMTP status without an enhanced code: greetings, HELO and EHLO, and 3xx (RFC 2034 section 4).
const fn plain(code: u16) -> Status {
    Status::Smtp(code, None)
}
