//! TLSA records (RFC 6698 section 2.1), as far as mail servers may use them (RFC 7672 section 3.1).

use std::fmt;

use sha2::{Digest, Sha256, Sha512};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Records of one host that are looked at. More would only cost time in a handshake.
const MOST: usize = 32;

/// One record that can be used.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Tlsa {
    usage: Usage,
    selector: Selector,
    matching: Matching,
    data: Box<[u8]>,
}

/// Whose certificate it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Usage {
    /// DANE-TA(2): one that signs the server's, and whom DNS says to trust with that.
    TrustAnchor,
    /// DANE-EE(3): the server's own; nothing else about it counts.
    EndEntity,
}

/// What of the certificate is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Selector {
    /// Cert(0): all of it.
    Certificate,
    /// SPKI(1): its public key.
    PublicKey,
}

/// In which form it stands in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Matching {
    /// Full(0): as it is.
    Full,
    /// SHA2-256(1).
    Sha256,
    /// SHA2-512(2).
    Sha512,
}

/// What DNS, secured by DNSSEC, says of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Records {
    /// The server must show a certificate that one of these promises. At least one.
    Usable(Vec<Tlsa>),
    /// There are records, and none can be used: TLS must be, but whose certificate comes is not known (RFC 7672 section
    /// 2.2).
    Unusable,
    /// There are none.
    None,
}

impl Tlsa {
    /// A record by its numbers; nothing when it cannot be used: RFC 7672 section 3.1.3 wants none of the usages that need
    /// certificate authorities, and the length of a digest has to be right.
    #[must_use]
    pub fn new(usage: u8, selector: u8, matching: u8, data: &[u8]) -> Option<Self> {
        let usage = match usage {
            2 => Usage::TrustAnchor,
            3 => Usage::EndEntity,
            _ => return None,
        };
        let selector = match selector {
            0 => Selector::Certificate,
            1 => Selector::PublicKey,
            _ => return None,
        };
        let matching = match matching {
            0 if !data.is_empty() => Matching::Full,
            1 if data.len() == 32 => Matching::Sha256,
            2 if data.len() == 64 => Matching::Sha512,
            _ => return None,
        };
        Some(Self {
            usage,
            selector,
            matching,
            data: data.into(),
        })
    }

    /// Whose certificate it is about.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// Whether this certificate (DER) is the one that is meant. One that cannot be read is none.
    #[must_use]
    pub fn matches(&self, certificate: &[u8]) -> bool {
        let compared = match self.selector {
            Selector::Certificate => certificate,
            Selector::PublicKey => match public_key(certificate) {
                Some(key) => key,
                None => return false,
            },
        };
        match self.matching {
            Matching::Full => *self.data == *compared,
            Matching::Sha256 => *self.data == *Sha256::digest(compared),
            Matching::Sha512 => *self.data == *Sha512::digest(compared),
        }
    }

    /// The certificate of a trust anchor that stands in DNS as it is, so that the server need not send it.
    pub(crate) fn whole_anchor(&self) -> Option<&[u8]> {
        let whole = (self.usage, self.selector, self.matching);
        let anchor = whole == (Usage::TrustAnchor, Selector::Certificate, Matching::Full);
        anchor.then_some(&self.data)
    }
}

/// As in a zone file, the data shortened.
impl fmt::Debug for Tlsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usage = match self.usage {
            Usage::TrustAnchor => 2,
            Usage::EndEntity => 3,
        };
        let selector = match self.selector {
            Selector::Certificate => 0,
            Selector::PublicKey => 1,
        };
        let matching = match self.matching {
            Matching::Full => 0,
            Matching::Sha256 => 1,
            Matching::Sha512 => 2,
        };
        write!(f, "TLSA {usage} {selector} {matching} ")?;
        for octet in self.data.iter().take(8) {
            write!(f, "{octet:02x}")?;
        }
        f.write_str("..")
    }
}

impl Records {
    /// What records of these numbers (usage, selector, matching type, data) come to.
    #[must_use]
    pub fn new<'a>(records: impl IntoIterator<Item = (u8, u8, u8, &'a [u8])>) -> Self {
        let mut records = records.into_iter().take(MOST).peekable();
        if records.peek().is_none() {
            return Self::None;
        }
        let usable: Vec<Tlsa> = records
            .filter_map(|(usage, selector, matching, data)| {
                Tlsa::new(usage, selector, matching, data)
            })
            .collect();
        if usable.is_empty() {
            return Self::Unusable;
        }
        Self::Usable(strongest(usable))
    }
}

/// RFC 7671 section 9: of the digests of one usage and selector only the strongest kind counts, so that a weak one, broken
/// some day, opens nothing. What stands there as it is, is no digest.
fn strongest(records: Vec<Tlsa>) -> Vec<Tlsa> {
    let best = |of: &Tlsa| {
        let same = records
            .iter()
            .filter(|one| (one.usage, one.selector) == (of.usage, of.selector));
        same.map(|one| one.matching).max()
    };
    let counts = |one: &&Tlsa| one.matching == Matching::Full || Some(one.matching) == best(one);
    records.iter().filter(counts).cloned().collect()
}

fn public_key(certificate: &[u8]) -> Option<&[u8]> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(certificate.tbs_certificate.subject_pki.raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_mail_servers_may_use_is_usable() {
        for (usage, selector, matching, length, usable) in [
            (3, 1, 1, 32, true),
            (3, 0, 2, 64, true),
            (2, 0, 1, 32, true),
            (2, 1, 0, 5, true),
            (0, 0, 1, 32, false),
            (1, 1, 1, 32, false),
            (4, 1, 1, 32, false),
            (255, 1, 1, 32, false),
            (3, 2, 1, 32, false),
            (3, 1, 3, 32, false),
            (3, 1, 1, 31, false),
            (3, 1, 1, 64, false),
            (3, 1, 2, 32, false),
            (3, 1, 0, 0, false),
        ] {
            let record = Tlsa::new(usage, selector, matching, &vec![7; length]);
            assert_eq!(
                record.is_some(),
                usable,
                "{usage} {selector} {matching} {length}"
            );
        }
    }

    #[test]
    fn records_are_usable_unusable_or_none() {
        let (short, long) = ([1; 32], [2; 64]);
        let records = |numbers: &[(u8, u8, u8)]| {
            Records::new(numbers.iter().map(|(usage, selector, matching)| {
                let data: &[u8] = if *matching == 2 { &long } else { &short };
                (*usage, *selector, *matching, data)
            }))
        };
        assert_eq!(records(&[]), Records::None);
        assert_eq!(
            records(&[(0, 0, 1), (1, 0, 1), (3, 1, 9)]),
            Records::Unusable
        );
        let usable = |numbers: &[(u8, u8, u8)]| match records(numbers) {
            Records::Usable(usable) => usable.iter().map(|one| format!("{one:?}")).collect(),
            Records::Unusable | Records::None => Vec::new(),
        };
        // The stronger digest of each usage and selector, and whatever is none.
        assert_eq!(
            usable(&[
                (3, 1, 1),
                (3, 1, 2),
                (3, 1, 0),
                (3, 0, 1),
                (2, 1, 1),
                (1, 1, 1)
            ]),
            [
                "TLSA 3 1 2 0202020202020202..",
                "TLSA 3 1 0 0101010101010101..",
                "TLSA 3 0 1 0101010101010101..",
                "TLSA 2 1 1 0101010101010101..",
            ]
        );
        let many = [(3, 1, 1); MOST + 1];
        assert_eq!(usable(&many).len(), MOST);
    }
}
