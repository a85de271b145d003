//! Domain names, normalised once and for all. No DNS, no public-suffix knowledge.

use std::fmt;
use std::str::FromStr;

use idna::AsciiDenyList;

use crate::text::serde_as_text;

/// Longest domain in octets (RFC 5321 section 4.5.3.1.2).
const MAX_OCTETS: usize = 255;
/// Longest label in octets (RFC 1035 section 2.3.4).
const MAX_LABEL_OCTETS: usize = 63;

/// A domain name: letters, digits and hyphens, lower case, A-labels for international names, no final dot.
///
/// ```
/// let domain: address::Domain = "Bücher.Example".parse().unwrap();
/// assert_eq!(domain.as_str(), "xn--bcher-kva.example");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Domain(Box<str>);

/// Why a text is not a domain name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DomainError {
    /// Nothing there.
    #[error("the domain is empty")]
    Empty,
    /// Two dots in a row, or a dot at either end.
    #[error("the domain has an empty label (two dots in a row, or a dot at an end)")]
    EmptyLabel,
    /// A label starts or ends with a hyphen.
    #[error("a label of the domain starts or ends with a hyphen")]
    EdgeHyphen,
    /// An octet that is no letter, digit, hyphen or dot.
    #[error("the domain may hold letters, digits, hyphens and dots only")]
    Character,
    /// A label over 63 octets.
    #[error("a label of the domain is longer than 63 octets")]
    LabelTooLong,
    /// More than 255 octets.
    #[error("the domain is longer than 255 octets")]
    TooLong,
    /// An international name that UTS 46 refuses.
    #[error("the international domain name has no valid ASCII form")]
    International,
}

impl Domain {
    /// Reads a domain as SMTP writes it: ASCII only, no final dot.
    ///
    /// ```text
    /// Domain     = sub-domain *("." sub-domain)        ; RFC 5321 section 4.1.2
    /// sub-domain = Let-dig [Ldh-str]
    /// Ldh-str    = *( ALPHA / DIGIT / "-" ) Let-dig
    /// ```
    ///
    /// # Errors
    /// What is wrong with the name; [`DomainError::International`] never.
    pub fn from_ascii(octets: &[u8]) -> Result<Self, DomainError> {
        check(octets)?;
        let mut text = str::from_utf8(octets)
            .map_err(|_| DomainError::Character)?
            .to_owned();
        text.make_ascii_lowercase();
        Ok(Self(text.into_boxed_str()))
    }

    /// Reads a domain as people write it in configuration: like [`Domain::from_ascii`], and international
    /// names become A-labels (UTS 46), so that both spellings are one domain (RFC 6531 section 3.2).
    ///
    /// # Errors
    /// What is wrong with the name.
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        if text.is_ascii() {
            return Self::from_ascii(text.as_bytes());
        }
        let ascii = idna::domain_to_ascii_cow(text.as_bytes(), AsciiDenyList::STD3)
            .map_err(|_| DomainError::International)?;
        Self::from_ascii(ascii.as_bytes())
    }

    /// The name in its own letters: U-labels where there are A-labels that stand for some (RFC 5890 section
    /// 2.3.2.1), for people to read. Where those letters would not read as this name again it stays as it is.
    ///
    /// ```
    /// let domain: address::Domain = "xn--bcher-kva.example".parse().unwrap();
    /// assert_eq!(domain.unicode(), "bücher.example");
    /// ```
    #[must_use]
    pub fn unicode(&self) -> String {
        let (unicode, outcome) = idna::domain_to_unicode(&self.0);
        match outcome {
            // RFC 5890 section 2.3.2.1: the two forms of a label stand for each other, or it is none.
            Ok(()) if Self::parse(&unicode).as_ref() == Ok(self) => unicode,
            Ok(()) | Err(_) => self.0.to_string(),
        }
    }

    /// The normalised name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Refuses everything the grammar and the length limits refuse.
fn check(octets: &[u8]) -> Result<(), DomainError> {
    if octets.is_empty() {
        return Err(DomainError::Empty);
    }
    for label in octets.split(|octet| *octet == b'.') {
        check_label(label)?;
    }
    if octets.len() > MAX_OCTETS {
        return Err(DomainError::TooLong);
    }
    Ok(())
}

fn check_label(label: &[u8]) -> Result<(), DomainError> {
    let (Some(first), Some(last)) = (label.first(), label.last()) else {
        return Err(DomainError::EmptyLabel);
    };
    if !label
        .iter()
        .all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-')
    {
        return Err(DomainError::Character);
    }
    if *first == b'-' || *last == b'-' {
        return Err(DomainError::EdgeHyphen);
    }
    if label.len() > MAX_LABEL_OCTETS {
        return Err(DomainError::LabelTooLong);
    }
    Ok(())
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Domain {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        Self::parse(text)
    }
}

impl AsRef<str> for Domain {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

serde_as_text!(Domain);

#[cfg(test)]
mod tests {
    use super::{Domain, DomainError};

    #[track_caller]
    fn check(input: &str, expected: Result<&str, DomainError>) {
        let parsed = Domain::parse(input);
        assert_eq!(
            parsed.as_ref().map(Domain::as_str).map_err(|error| *error),
            expected,
            "{input:?}"
        );
        if let Ok(domain) = parsed {
            // What was written reads back as the same value.
            assert_eq!(
                Domain::from_ascii(domain.to_string().as_bytes()),
                Ok(domain)
            );
        }
    }

    #[test]
    fn known_domains() {
        check("example.test", Ok("example.test"));
        check("EXAMPLE.Test", Ok("example.test"));
        check("a", Ok("a"));
        check("1", Ok("1"));
        check("1.2.3.4", Ok("1.2.3.4"));
        check("a-b.c--d.e", Ok("a-b.c--d.e"));
        check("bücher.example", Ok("xn--bcher-kva.example"));
        check("BÜCHER.example", Ok("xn--bcher-kva.example"));
        check("xn--bcher-kva.example", Ok("xn--bcher-kva.example"));
        check("日本語.jp", Ok("xn--wgv71a119e.jp"));
        check("日本語。jp", Ok("xn--wgv71a119e.jp"));
        check("", Err(DomainError::Empty));
        check(".", Err(DomainError::EmptyLabel));
        check("example.test.", Err(DomainError::EmptyLabel));
        check(".example.test", Err(DomainError::EmptyLabel));
        check("a..b", Err(DomainError::EmptyLabel));
        check("bücher.example.", Err(DomainError::EmptyLabel));
        check("-a.b", Err(DomainError::EdgeHyphen));
        check("a-.b", Err(DomainError::EdgeHyphen));
        check("a_b.c", Err(DomainError::Character));
        check("a b", Err(DomainError::Character));
        check("a@b", Err(DomainError::Character));
        check("a\r\nb", Err(DomainError::Character));
        check("[192.0.2.1]", Err(DomainError::Character));
        check("bü cher.example", Err(DomainError::International));
        check("\u{fffd}.example", Err(DomainError::International));
    }

    #[test]
    fn people_read_their_own_letters() {
        let unicode = |text: &str| Domain::parse(text).unwrap().unicode();
        assert_eq!(unicode("BÜCHER.example"), "bücher.example");
        assert_eq!(unicode("XN--WGV71A119E.jp"), "日本語.jp");
        assert_eq!(unicode("example.test"), "example.test");
        // No label of IDNA; it stays what it is.
        assert_eq!(unicode("xn--a.example"), "xn--a.example");
        // Its letters begin with `xn--` again, which no label may (RFC 5891 section 4.2.3.1): they would not read back.
        let nested = "xn--xn--w-wgw-wgv25e";
        assert_eq!(unicode(nested), nested);
    }

    #[test]
    fn limits_are_63_and_255_octets() {
        let label = "a".repeat(63);
        check(&label, Ok(&label));
        check(&"a".repeat(64), Err(DomainError::LabelTooLong));
        let longest = [label.as_str(); 4].join(".");
        assert_eq!(longest.len(), 255);
        check(&longest, Ok(&longest));
        let over = format!("{}.{}.{}.{}.b", label, label, label, &label[1..]);
        assert_eq!(over.len(), 256);
        check(&over, Err(DomainError::TooLong));
    }

    #[test]
    fn smtp_form_refuses_octets_above_ascii() {
        assert_eq!(
            Domain::from_ascii("bücher.example".as_bytes()),
            Err(DomainError::Character)
        );
        assert_eq!(
            Domain::from_ascii(b"\xff.example"),
            Err(DomainError::Character)
        );
    }
}
