//! CRAM-MD5 (RFC 2195) and APOP (RFC 1939 section 7): answers that only somebody who has the secret can make.
//!
//! Both use MD5 and need the password itself on the server's side, so both are off unless somebody wants them.
//! Timestamps are given from outside.

use hmac::{Hmac, Mac};
use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

use crate::scram::keyed;
use crate::secret::Secret;

/// An answer of one of the two, complete and not yet judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// HMAC-MD5 of the timestamp under the secret.
    CramMd5 { timestamp: String, digest: [u8; 16] },
    /// MD5 of the timestamp followed by the secret.
    Apop { timestamp: String, digest: [u8; 16] },
}

impl Answer {
    /// True when whoever gave this answer has the secret.
    pub(crate) fn fits(&self, secret: &Secret) -> bool {
        let secret = secret.prepared();
        let (computed, given): ([u8; 16], _) = match self {
            Self::CramMd5 { timestamp, digest } => {
                let keyed: Hmac<Md5> = keyed(secret.as_bytes());
                let computed = keyed.chain_update(timestamp.as_bytes()).finalize();
                (computed.into_bytes().into(), digest)
            }
            Self::Apop { timestamp, digest } => {
                let computed = Md5::new()
                    .chain_update(timestamp.as_bytes())
                    .chain_update(secret.as_bytes())
                    .finalize();
                (computed.into(), digest)
            }
        };
        computed.ct_eq(given).into()
    }

    /// What tells this guess from every other one. One APOP timestamp can be answered many times.
    pub(crate) fn parts(&self) -> [&[u8]; 2] {
        match self {
            Self::CramMd5 { timestamp, digest } | Self::Apop { timestamp, digest } => {
                [timestamp.as_bytes(), digest]
            }
        }
    }
}

/// RFC 2195 section 2: the client answers with user name, a space and the digest in lower-case hexadecimal. A
/// user name may hold spaces, so the last one counts.
pub(crate) fn cram_response(response: &[u8]) -> Option<(String, [u8; 16])> {
    let (user, digest) = str::from_utf8(response).ok()?.rsplit_once(' ')?;
    let fits = !user.is_empty() && !user.contains('\0');
    Some((fits.then(|| user.to_owned())?, hex_digest(digest)?))
}

/// Reads the digest of APOP and CRAM-MD5: 32 hexadecimal digits, letters in lower case.
pub fn hex_digest(text: &str) -> Option<[u8; 16]> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let digits: &[u8; 32] = text.as_bytes().try_into().ok()?;
    let mut digest = [0; 16];
    for (octet, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        *octet = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn digest(text: &str) -> [u8; 16] {
        hex_digest(text).unwrap()
    }

    fn cram(timestamp: &str, response: &str) -> (String, Answer) {
        let (user, digest) = cram_response(response.as_bytes()).unwrap();
        let timestamp = timestamp.to_owned();
        (user, Answer::CramMd5 { timestamp, digest })
    }

    #[test]
    fn cram_md5_is_that_of_rfc_2195() {
        let timestamp = "<1896.697170952@postoffice.reston.mci.net>";
        let (user, answer) = cram(timestamp, "tim b913a602c7eda7a495b4e6e7334d3890");
        assert_eq!(user, "tim");
        assert!(answer.fits(&"tanstaaftanstaaf".into()));
        assert!(!answer.fits(&"tanstaaftanstaag".into()));
        // The same answer to another challenge is worth nothing.
        let (_, replayed) = cram(
            "<1897.697170952@postoffice.reston.mci.net>",
            "tim b913a602c7eda7a495b4e6e7334d3890",
        );
        assert!(!replayed.fits(&"tanstaaftanstaaf".into()));
    }

    #[test]
    fn apop_is_that_of_rfc_1939() {
        let apop = |timestamp: &str, text| Answer::Apop {
            timestamp: timestamp.to_owned(),
            digest: digest(text),
        };
        let right = apop(
            "<1896.697170952@dbc.mtview.ca.us>",
            "c4c9334bac560ecc979e58001b3e22fb",
        );
        assert!(right.fits(&"tanstaaf".into()));
        assert!(!right.fits(&"tanstaag".into()));
        let flipped = apop(
            "<1896.697170952@dbc.mtview.ca.us>",
            "c4c9334bac560ecc979e58001b3e22fa",
        );
        assert!(!flipped.fits(&"tanstaaf".into()));
        let replayed = apop(
            "<1896.697170953@dbc.mtview.ca.us>",
            "c4c9334bac560ecc979e58001b3e22fb",
        );
        assert!(!replayed.fits(&"tanstaaf".into()));
    }

    #[test]
    fn a_digest_is_32_lower_case_hexadecimal_digits() {
        for text in [
            "",
            "zzzz",
            "c4c9334bac560ecc979e58001b3e22f",
            "c4c9334bac560ecc979e58001b3e22fb0",
            "C4C9334BAC560ECC979E58001B3E22FB",
            "c4c9334bac560ecc979e58001b3e22fg",
            "+4c9334bac560ecc979e58001b3e22fb",
            "c4c9334bac560ecc979e58001b3e22é",
        ] {
            assert_eq!(hex_digest(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_cram_response_is_a_name_a_space_and_a_digest() {
        let hex = "b913a602c7eda7a495b4e6e7334d3890";
        for (response, user) in [
            (format!("tim {hex}"), Some("tim")),
            (
                format!("\"a b\"@example.test {hex}"),
                Some("\"a b\"@example.test"),
            ),
            (format!("jürgen {hex}"), Some("jürgen")),
            (format!(" {hex}"), None),
            (format!("tim{hex}"), None),
            (format!("tim {hex} "), None),
            (format!("t\0im {hex}"), None),
            (hex.to_owned(), None),
            (String::new(), None),
        ] {
            let read = cram_response(response.as_bytes());
            assert_eq!(read.map(|(user, _)| user).as_deref(), user, "{response:?}");
        }
        assert_eq!(
            cram_response(b"\xff b913a602c7eda7a495b4e6e7334d3890"),
            None
        );
    }
}
