//! The field `TLS-Required: No` (RFC 8689 section 3): whoever wrote a message wants it to arrive even where the TLS that
//! the recipient's domain asks for cannot be had, perhaps to tell somebody that a certificate has expired.
//!
//! Whether the message was also marked with REQUIRETLS, which goes before the field, stands in its envelope and is not
//! known here.

use crate::fields::Fields;

/// Whether the header of a message that begins so has the field. A header that does not end in what is given counts as far
/// as it goes.
///
/// RFC 8689 section 3: the field stands there once. Of one that stands there twice nobody can say what was meant, so
/// neither counts; nor does one that says anything else.
///
/// ```
/// assert!(delivery::tls_required::is_waived(b"Subject: expired\r\nTLS-Required: No\r\n\r\n"));
/// ```
#[must_use]
pub fn is_waived(beginning: &[u8]) -> bool {
    let mut found = Fields::new(beginning).filter(|field| field.is("TLS-Required"));
    let (first, second) = (found.next(), found.next());
    first.is_some_and(|field| field.text().eq_ignore_ascii_case("no")) && second.is_none()
}

#[cfg(test)]
mod tests {
    use super::is_waived;

    #[track_caller]
    fn check(message: &str, expected: bool) {
        assert_eq!(is_waived(message.as_bytes()), expected, "{message:?}");
    }

    // TLS-14
    #[test]
    fn the_field_counts_where_it_stands_once_and_says_no() {
        check("TLS-Required: No\r\n\r\nbody\r\n", true);
        check(
            "Received: from a by b\r\n with ESMTP\r\ntls-required:no\r\nA: b\r\n\r\n",
            true,
        );
        check("A: b\r\nTLS-Required:\r\n No\r\n\r\n", true);
        check("TLS-Required: NO \r\n", true);
        for message in [
            "",
            "\r\n",
            "A: b\r\n\r\nTLS-Required: No\r\n",
            "TLS-Required: Yes\r\n\r\n",
            "TLS-Required: No, thanks\r\n\r\n",
            "TLS-Required:\r\n\r\n",
            "TLS-Required: No\r\nTLS-Required: No\r\n\r\n",
            "TLS-Required: No\r\nA: b\r\nTLS-Required: Yes\r\n\r\n",
            "X-TLS-Required: No\r\n\r\n",
            "Subject: a\r\n TLS-Required: No\r\n\r\n",
            "TLS-Required\r\n: No\r\n\r\n",
        ] {
            check(message, false);
        }
    }
}
