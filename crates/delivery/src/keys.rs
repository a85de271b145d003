//! Keys to know our own words by when they come back: HMAC-SHA-256 (RFC 2104, FIPS 180-4), one key in use and any
//! number that were in use before.
//!
//! Only we ever check these marks, so no other program's choice of hash binds us: SHA-256 is in the build anyway, and
//! SHA-1 would have to be explained to everybody who reads this. Where keys come from is the caller's business.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

/// Octets of a whole mark.
pub const MARK: usize = 32;
/// Fewest octets of a key: 128 bits, beyond guessing.
pub const SHORTEST_KEY: usize = 16;

/// One secret. Its octets are wiped when it is dropped, and never shown.
#[derive(Clone)]
pub struct Key(Zeroizing<Vec<u8>>);

/// A key that could be guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key is shorter than 16 octets")]
pub struct KeyTooShort;

impl Key {
    /// Takes a secret of random octets.
    ///
    /// # Errors
    /// It has fewer than [`SHORTEST_KEY`] octets.
    pub fn new(octets: &[u8]) -> Result<Self, KeyTooShort> {
        if octets.len() < SHORTEST_KEY {
            return Err(KeyTooShort);
        }
        Ok(Self(Zeroizing::new(octets.to_vec())))
    }

    fn mark(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; MARK] {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).expect("any length");
        mac.update(&[purpose as u8]);
        for part in parts {
            // With its length in front, no part can lend octets to its neighbour.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

/// What a mark stands under. A mark of one purpose is worth nothing for another; the numbers are for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Purpose {
    /// A reverse-path rewritten for the first time.
    Srs0 = 1,
    /// A reverse-path somebody else had rewritten.
    Srs1 = 2,
    /// Leaving a list by one click: what makes each member's address differ.
    OneClick = 3,
    /// Joining a list.
    Join = 4,
    /// Leaving a list by mail.
    Leave = 5,
    /// Letting a post through.
    Approve = 6,
    /// Turning a post away.
    Reject = 7,
    /// Knowing a message again that was sent on.
    SentOn = 8,
    /// The key under which the address for leaving a list is unreadable.
    OneClickSeal = 9,
}

/// The key in use, and those before it, which are still believed.
#[derive(Clone, Debug)]
pub struct Keys {
    current: Key,
    former: Vec<Key>,
}

impl Keys {
    /// Marks are made with `current`; what was marked with one of `former` is still known.
    #[must_use]
    pub fn new(current: Key, former: Vec<Key>) -> Self {
        Self { current, former }
    }

    /// The mark of these parts under the key in use.
    pub(crate) fn mark(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; MARK] {
        self.current.mark(purpose, parts)
    }

    /// A key of its own for this purpose, made of the key in use.
    pub(crate) fn derived(&self, purpose: Purpose) -> Zeroizing<[u8; MARK]> {
        Zeroizing::new(self.current.mark(purpose, &[]))
    }

    /// The same, and then those made of the former keys.
    pub(crate) fn all_derived(
        &self,
        purpose: Purpose,
    ) -> impl Iterator<Item = Zeroizing<[u8; MARK]>> + '_ {
        let former = self.former.iter();
        let former = former.map(move |key| Zeroizing::new(key.mark(purpose, &[])));
        std::iter::once(self.derived(purpose)).chain(former)
    }

    /// Whether `given` is what `shape` makes of the mark of these parts, under any of the keys. Every key is tried and
    /// every octet compared, whatever the first ones said.
    pub(crate) fn knows(
        &self,
        purpose: Purpose,
        parts: &[&[u8]],
        given: &[u8],
        shape: impl Fn(&[u8; MARK]) -> Vec<u8>,
    ) -> bool {
        let keys = std::iter::once(&self.current).chain(&self.former);
        let known = keys.fold(Choice::from(0), |known, key| {
            known | shape(&key.mark(purpose, parts)).ct_eq(given)
        });
        known.into()
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, KeyTooShort, Keys, Purpose};

    fn key(octet: u8) -> Key {
        Key::new(&[octet; 16]).unwrap()
    }

    #[test]
    fn short_keys_are_refused() {
        assert_eq!(Key::new(&[1; 15]).unwrap_err(), KeyTooShort);
        assert!(Key::new(&[1; 16]).is_ok());
    }

    #[test]
    fn keys_are_not_shown() {
        let keys = Keys::new(key(0xab), vec![key(0xcd)]);
        let shown = format!("{keys:?}");
        assert!(!shown.contains("171") && !shown.contains("205"), "{shown}");
    }

    /// Computed with another implementation: HMAC-SHA-256 over the purpose, then each part behind its length.
    #[test]
    fn a_mark_is_the_hmac_of_its_parts() {
        let keys = Keys::new(key(b'k'), Vec::new());
        let mark = keys.mark(Purpose::Srs0, &[b"BA", b"example.test"]);
        let hex: String = mark.iter().map(|octet| format!("{octet:02x}")).collect();
        assert_eq!(
            hex,
            "eb22e4d64bc6500631b24541d42c0a9b8ed694f1f12d70eac4cd165d0edc1912"
        );
    }

    #[test]
    fn parts_and_purposes_cannot_be_taken_for_each_other() {
        let keys = Keys::new(key(1), Vec::new());
        let marks = [
            keys.mark(Purpose::Srs0, &[b"ab", b"c"]),
            keys.mark(Purpose::Srs0, &[b"a", b"bc"]),
            keys.mark(Purpose::Srs0, &[b"abc"]),
            keys.mark(Purpose::Srs0, &[b"abc", b""]),
            keys.mark(Purpose::Srs1, &[b"abc"]),
        ];
        for (at, mark) in marks.iter().enumerate() {
            assert!(!marks[..at].contains(mark), "{at}");
        }
    }

    #[test]
    fn former_keys_are_believed_and_strange_ones_are_not() {
        let whole = |mark: &[u8; 32]| mark.to_vec();
        let old = Keys::new(key(1), Vec::new());
        let mark = old.mark(Purpose::Join, &[b"x"]);
        let rotated = Keys::new(key(2), vec![key(3), key(1)]);
        assert!(rotated.knows(Purpose::Join, &[b"x"], &mark, whole));
        assert_ne!(rotated.mark(Purpose::Join, &[b"x"]), mark);
        let strange = Keys::new(key(2), vec![key(3)]);
        assert!(!strange.knows(Purpose::Join, &[b"x"], &mark, whole));
        assert!(!rotated.knows(Purpose::Leave, &[b"x"], &mark, whole));
        assert!(!rotated.knows(Purpose::Join, &[b"y"], &mark, whole));
        assert!(!rotated.knows(Purpose::Join, &[b"x"], &mark[..31], whole));
    }
}
