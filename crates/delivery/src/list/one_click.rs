//! Leaving a list with one click (RFC 8058): an address for each member, which nobody else can make.

use std::fmt;

use address::Mailbox;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{Aead, KeyInit};

use super::List;
use crate::keys::{Keys, Purpose};

/// Octets of the nonce of XChaCha20.
const NONCE: usize = 24;
/// Longest base, in octets.
const LONGEST_BASE: usize = 250;
/// Longest token that is looked at: two addresses of full length fit.
const LONGEST_TOKEN: usize = 1024;

/// What the addresses begin with, such as `https://lists.example.test/leave`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlBase(String);

/// Why a text is no such beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlBaseError {
    /// RFC 8058 section 3.1 wants HTTPS.
    #[error("it has to begin with https:// and a host name")]
    NotHttps,
    /// Something that would end the address in a header field, or in front of the token.
    #[error(
        "it may hold no spaces, quotes, commas, angle brackets, `?` or `#`, and letters of ASCII only"
    )]
    Character,
    /// Too long for a line of a header.
    #[error("it may have 250 octets at most")]
    TooLong,
}

impl UrlBase {
    /// Reads the beginning, to which a `/` and a token are added.
    ///
    /// # Errors
    /// Why it will not do.
    pub fn parse(text: &str) -> Result<Self, UrlBaseError> {
        let host = text
            .strip_prefix("https://")
            .ok_or(UrlBaseError::NotHttps)?;
        if !host.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '[') {
            return Err(UrlBaseError::NotHttps);
        }
        if text.len() > LONGEST_BASE {
            return Err(UrlBaseError::TooLong);
        }
        let fits = |octet: u8| octet.is_ascii_graphic() && !b"<>\"',\\?#`{}|^".contains(&octet);
        if !text.bytes().all(fits) {
            return Err(UrlBaseError::Character);
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }

    /// What is one step below this.
    #[must_use]
    pub fn below(&self, step: &str) -> Self {
        Self(self.with(step))
    }

    /// The address with this token.
    pub(super) fn with(&self, token: &str) -> String {
        format!("{}/{token}", self.0)
    }
}

impl fmt::Display for UrlBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl List {
    /// What the address by which `member` leaves this list ends in: both names, sealed, so that whoever sees it learns
    /// neither, and only this server makes one. It is the same each time, and good for as long as its key is known: old
    /// posts are kept for years.
    #[must_use]
    pub fn one_click(&self, keys: &Keys, member: &Mailbox) -> String {
        let (list, member) = (self.settings.address.key(), member.to_string());
        // Two members never have the same nonce but by chance (of 192 bits), and none has two: a nonce that is made of
        // what it seals shows only that it is the same again, as SIV modes have it (RFC 5297 section 7).
        let mark = keys.mark(Purpose::OneClick, &[list.as_bytes(), member.as_bytes()]);
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&mark[..NONCE]);
        let named = [list.as_bytes(), b"\0", member.as_bytes()].concat();
        let key = keys.derived(Purpose::OneClickSeal);
        #[expect(clippy::expect_used, reason = "two addresses are no 256 GiB")]
        let sealed = cipher(&key)
            .encrypt(&nonce.into(), &*named)
            .expect("short enough");
        URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat())
    }
}

/// The list and the member a token names, if it was made here. Whether there still is such a list and such a member is
/// for the caller to see.
#[must_use]
pub fn one_click_member(keys: &Keys, token: &str) -> Option<(Mailbox, Mailbox)> {
    if token.len() > LONGEST_TOKEN {
        return None;
    }
    let octets = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (nonce, sealed) = octets.split_first_chunk::<NONCE>()?;
    // The tag is compared in a time that does not depend on it, and says under which key it was made.
    let named = keys
        .all_derived(Purpose::OneClickSeal)
        .find_map(|key| cipher(&key).decrypt(nonce.into(), sealed).ok())?;
    let (list, member) = str::from_utf8(&named).ok()?.split_once('\0')?;
    Some((list.parse().ok()?, member.parse().ok()?))
}

fn cipher(key: &[u8; 32]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.into())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::{URL_SAFE_NO_PAD, UrlBase, UrlBaseError, one_click_member};
    use crate::keys::{Key, Keys};
    use crate::list::tests::list;

    fn keys(octet: u8, former: &[u8]) -> Keys {
        let key = |octet: u8| Key::new(&[octet; 32]).unwrap();
        Keys::new(key(octet), former.iter().map(|octet| key(*octet)).collect())
    }

    #[test]
    fn a_token_names_list_and_member_for_whoever_has_the_key() {
        for member in [
            "bob@example.net",
            "Bob+Lists@example.net",
            "jörg@bücher.example",
            "\"a b\"@[192.0.2.1]",
        ] {
            let member = member.parse().unwrap();
            let token = list().one_click(&keys(1, &[]), &member);
            assert!(
                token
                    .bytes()
                    .all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet)),
                "{token}"
            );
            // Nor does it say in another alphabet whom it is for.
            let octets = URL_SAFE_NO_PAD.decode(&token).unwrap();
            let local = member.to_string();
            for name in ["staff", "example", &local[..3]] {
                let seen = |text: &[u8]| text.windows(name.len()).any(|at| at == name.as_bytes());
                assert!(!seen(&octets) && !seen(token.as_bytes()), "{token}");
            }
            let named = Some(("staff@example.test".parse().unwrap(), member));
            assert_eq!(one_click_member(&keys(1, &[]), &token), named);
            assert_eq!(one_click_member(&keys(2, &[3, 1]), &token), named);
            assert_eq!(one_click_member(&keys(2, &[3]), &token), None);
        }
    }

    #[test]
    fn a_member_has_one_token_and_nobody_elses() {
        let token = |member: &str| list().one_click(&keys(1, &[]), &member.parse().unwrap());
        let bob = token("bob@example.net");
        assert_eq!(bob, token("bob@example.net"));
        for other in ["bob@example.com", "Bob@example.net", "alice@example.net"] {
            assert_ne!(bob, token(other));
            // No two share a nonce, which would let one be read by the other.
            assert_ne!(bob[..32], token(other)[..32]);
        }
    }

    #[test]
    fn altered_and_invented_tokens_name_nobody() {
        let token = list().one_click(&keys(1, &[]), &"bob@example.net".parse().unwrap());
        for at in 0..token.len() {
            let mut altered = token.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            // The last letter may hold bits that count for nothing; such letters are refused, too.
            assert_eq!(one_click_member(&keys(1, &[]), &altered), None, "{at}");
        }
        let longer = format!("{token}A");
        let endless = "A".repeat(100_000);
        for token in [
            "",
            "A",
            "AAAA",
            "not base64!",
            &token[1..],
            &token[..token.len() - 1],
            &longer,
            &endless,
        ] {
            assert_eq!(
                one_click_member(&keys(1, &[]), token),
                None,
                "{:.40}",
                token
            );
        }
    }

    #[test]
    fn the_base_is_https_and_ends_in_no_slash() {
        let long = format!("https://a.test/{}", "a".repeat(236));
        for (text, expected) in [
            (
                "https://lists.example.test",
                Ok("https://lists.example.test/T"),
            ),
            (
                "https://lists.example.test:8443/leave/",
                Ok("https://lists.example.test:8443/leave/T"),
            ),
            ("http://lists.example.test", Err(UrlBaseError::NotHttps)),
            ("https://", Err(UrlBaseError::NotHttps)),
            ("https:///x", Err(UrlBaseError::NotHttps)),
            ("https://a.test/?x=", Err(UrlBaseError::Character)),
            ("https://a.test/>\r\nBcc: x", Err(UrlBaseError::Character)),
            ("https://a.test/ä", Err(UrlBaseError::Character)),
            ("https://a.test/a,b", Err(UrlBaseError::Character)),
            (&long, Err(UrlBaseError::TooLong)),
        ] {
            let read = UrlBase::parse(text).map(|base| base.with("T"));
            assert_eq!(read, expected.map(str::to_owned), "{text}");
        }
    }
}
