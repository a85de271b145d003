//! What a sender wants to hear about a message: the parameters of RFC 3461, checked and kept verbatim.
//!
//! Making delivery reports is not done here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text::serde_as_text;
use crate::xtext;

/// Longest ENVID in characters (RFC 3461 section 4.4).
const MAX_ENVID: usize = 100;
/// Longest ORCPT in characters (RFC 3461 section 4.2).
const MAX_ORCPT: usize = 500;

/// A DSN parameter that cannot be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the DSN parameter is malformed")]
pub struct DsnError;

/// How much of the message a failure report brings back (RFC 3461 section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Ret {
    /// `FULL`: all of it.
    Full,
    /// `HDRS`: its header section only.
    Headers,
}

impl Ret {
    /// Reads the value of `RET=`, in any case.
    ///
    /// # Errors
    /// Neither `FULL` nor `HDRS`.
    pub fn parse(value: &[u8]) -> Result<Self, DsnError> {
        if value.eq_ignore_ascii_case(b"FULL") {
            Ok(Self::Full)
        } else if value.eq_ignore_ascii_case(b"HDRS") {
            Ok(Self::Headers)
        } else {
            Err(DsnError)
        }
    }
}

impl fmt::Display for Ret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "FULL",
            Self::Headers => "HDRS",
        })
    }
}

/// When to report about a recipient (RFC 3461 section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Notify {
    /// `NEVER`, which stands alone.
    Never,
    /// Any of the others, at least one.
    On {
        /// `SUCCESS`: tell when it is delivered.
        success: bool,
        /// `FAILURE`: tell when it cannot be.
        failure: bool,
        /// `DELAY`: tell when it takes long.
        delay: bool,
    },
}

impl Notify {
    /// Reads the value of `NOTIFY=`, in any case.
    ///
    /// ```text
    /// notify-esmtp-value = "NEVER" / 1#notify-list-element     ; RFC 3461 section 4.1
    /// notify-list-element = "SUCCESS" / "FAILURE" / "DELAY"
    /// ```
    /// # Errors
    /// An unknown word, or `NEVER` together with others.
    pub fn parse(value: &[u8]) -> Result<Self, DsnError> {
        if value.eq_ignore_ascii_case(b"NEVER") {
            return Ok(Self::Never);
        }
        let (mut success, mut failure, mut delay) = (false, false, false);
        for word in value.split(|octet| *octet == b',') {
            if word.eq_ignore_ascii_case(b"SUCCESS") {
                success = true;
            } else if word.eq_ignore_ascii_case(b"FAILURE") {
                failure = true;
            } else if word.eq_ignore_ascii_case(b"DELAY") {
                delay = true;
            } else {
                return Err(DsnError);
            }
        }
        Ok(Self::On {
            success,
            failure,
            delay,
        })
    }
}

impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Never => f.write_str("NEVER"),
            Self::On {
                success,
                failure,
                delay,
            } => {
                let words = [(success, "SUCCESS"), (failure, "FAILURE"), (delay, "DELAY")];
                let mut separator = "";
                for (_, word) in words.into_iter().filter(|(wanted, _)| *wanted) {
                    write!(f, "{separator}{word}")?;
                    separator = ",";
                }
                Ok(())
            }
        }
    }
}

/// The sender's own name for the envelope (RFC 3461 section 4.4), kept as the xtext it came as.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Envid(Box<str>);

impl Envid {
    /// Reads the value of `ENVID=`.
    ///
    /// # Errors
    /// Empty, over 100 characters, no xtext, or not printable once decoded.
    pub fn parse(value: &[u8]) -> Result<Self, DsnError> {
        if value.is_empty() || value.len() > MAX_ENVID {
            return Err(DsnError);
        }
        Ok(Self(checked_xtext(value)?.into()))
    }

    /// The xtext, to be relayed verbatim (RFC 3461 section 5.2.1).
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text a report shows.
    #[must_use]
    pub fn decoded(&self) -> String {
        decoded(&self.0)
    }
}

impl fmt::Display for Envid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Envid {
    type Err = DsnError;

    fn from_str(text: &str) -> Result<Self, DsnError> {
        Self::parse(text.as_bytes())
    }
}

/// The recipient as its sender first wrote it (RFC 3461 section 4.2), kept as it came: `type;xtext`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Orcpt(Box<str>);

impl Orcpt {
    /// Reads the value of `ORCPT=`.
    ///
    /// ```text
    /// original-recipient-address = addr-type ";" xtext    ; RFC 3461 section 4.2
    /// addr-type                  = atom
    /// ```
    /// Addresses of type `utf-8` may hold UTF-8 as it is (RFC 6533 section 3, `utf-8-addr-unitext`).
    ///
    /// # Errors
    /// Not of that form, over 500 characters, or not printable once decoded.
    pub fn parse(value: &[u8]) -> Result<Self, DsnError> {
        if value.len() > MAX_ORCPT {
            return Err(DsnError);
        }
        let separator = value
            .iter()
            .position(|octet| *octet == b';')
            .ok_or(DsnError)?;
        let (kind, address) = (&value[..separator], &value[separator + 1..]);
        let kind_is_atom = kind
            .iter()
            .all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-');
        if kind.is_empty() || !kind_is_atom || address.is_empty() {
            return Err(DsnError);
        }
        if kind.eq_ignore_ascii_case(b"utf-8") && !address.is_ascii() {
            checked_unitext(address)?;
        } else {
            checked_xtext(address)?;
        }
        Ok(Self(str::from_utf8(value).map_err(|_| DsnError)?.into()))
    }

    /// The whole value, to be relayed verbatim (RFC 3461 section 5.2.1).
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address type, such as `rfc822`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.0.split_once(';').map_or("", |(kind, _)| kind)
    }

    /// The address a report shows.
    #[must_use]
    pub fn decoded(&self) -> String {
        let address = self.0.split_once(';').map_or("", |(_, address)| address);
        if address.is_ascii() {
            decoded(address)
        } else {
            address.to_owned()
        }
    }
}

impl fmt::Display for Orcpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Orcpt {
    type Err = DsnError;

    fn from_str(text: &str) -> Result<Self, DsnError> {
        Self::parse(text.as_bytes())
    }
}

serde_as_text!(Envid, Orcpt);

/// RFC 3461 sections 4.2 and 4.4: before encoding it is graphic and white space of ASCII, nothing else. That
/// also keeps line breaks out of every report.
fn checked_xtext(value: &[u8]) -> Result<&str, DsnError> {
    let decoded = xtext::decode(value).ok_or(DsnError)?;
    if !decoded
        .iter()
        .all(|octet| matches!(octet, b'\t' | 32..=126))
    {
        return Err(DsnError);
    }
    str::from_utf8(value).map_err(|_| DsnError)
}

/// Xtext with letters beyond ASCII between, none of which is a control.
fn checked_unitext(value: &[u8]) -> Result<(), DsnError> {
    let text = str::from_utf8(value).map_err(|_| DsnError)?;
    if text.contains(char::is_control) {
        return Err(DsnError);
    }
    let plain: Vec<u8> = value.iter().copied().filter(u8::is_ascii).collect();
    checked_xtext(&plain).map(|_| ())
}

/// Values were checked when they were made, so nothing is lost here.
fn decoded(text: &str) -> String {
    xtext::decode(text.as_bytes()).map_or_else(String::new, |octets| {
        String::from_utf8_lossy(&octets).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::{Envid, Notify, Orcpt, Ret};

    #[test]
    fn ret_values() {
        assert_eq!(Ret::parse(b"FULL"), Ok(Ret::Full));
        assert_eq!(Ret::parse(b"hdrs"), Ok(Ret::Headers));
        for value in ["", "ALL", "FULL,HDRS", "FULL "] {
            assert!(Ret::parse(value.as_bytes()).is_err(), "{value:?}");
        }
        assert_eq!(
            (Ret::Full.to_string(), Ret::Headers.to_string()),
            ("FULL".to_owned(), "HDRS".to_owned())
        );
    }

    #[track_caller]
    fn notify(value: &str, expected: Option<&str>) {
        let parsed = Notify::parse(value.as_bytes());
        assert_eq!(
            parsed.map(|notify| notify.to_string()).ok().as_deref(),
            expected,
            "{value:?}"
        );
        if let Ok(notify) = parsed {
            assert_eq!(Notify::parse(notify.to_string().as_bytes()), Ok(notify));
        }
    }

    #[test]
    fn notify_values() {
        notify("NEVER", Some("NEVER"));
        notify("never", Some("NEVER"));
        notify("SUCCESS", Some("SUCCESS"));
        notify("delay,Failure,success", Some("SUCCESS,FAILURE,DELAY"));
        notify("FAILURE,FAILURE", Some("FAILURE"));
        notify("", None);
        notify("NEVER,SUCCESS", None);
        notify("SUCCESS,NEVER", None);
        notify("SUCCESS,", None);
        notify("SUCCESS, DELAY", None);
        notify("SOMETIMES", None);
    }

    #[track_caller]
    fn envid(value: &str, decoded: Option<&str>) {
        let parsed = Envid::parse(value.as_bytes());
        assert_eq!(
            parsed.as_ref().map(Envid::decoded).ok().as_deref(),
            decoded,
            "{value:?}"
        );
        if let Ok(envid) = parsed {
            assert_eq!(envid.as_str(), value);
            assert_eq!(envid.to_string().parse(), Ok(envid));
        }
    }

    #[test]
    fn envid_values() {
        envid("QQ314159", Some("QQ314159"));
        envid("Case+20Kept", Some("Case Kept"));
        envid("a+2Bb", Some("a+b"));
        envid(&"e".repeat(100), Some(&"e".repeat(100)));
        envid(&"e".repeat(101), None);
        envid("", None);
        envid("a=b", None);
        envid("a+0Ab", None);
        envid("a+00b", None);
        envid("a+E9", None);
        envid("é", None);
    }

    #[track_caller]
    fn orcpt(value: &str, expected: Option<(&str, &str)>) {
        let parsed = Orcpt::parse(value.as_bytes());
        let seen = parsed
            .as_ref()
            .ok()
            .map(|orcpt| (orcpt.kind().to_owned(), orcpt.decoded()));
        assert_eq!(
            seen,
            expected.map(|(kind, text)| (kind.to_owned(), text.to_owned())),
            "{value:?}"
        );
        if let Ok(orcpt) = parsed {
            assert_eq!(orcpt.as_str(), value);
            assert_eq!(orcpt.to_string().parse(), Ok(orcpt));
        }
    }

    #[test]
    fn orcpt_values() {
        orcpt(
            "rfc822;Bob@big-bucks.example",
            Some(("rfc822", "Bob@big-bucks.example")),
        );
        orcpt("RFC822;a+2Bb@c", Some(("RFC822", "a+b@c")));
        orcpt("x-other;a;b", Some(("x-other", "a;b")));
        let longest = format!("rfc822;{}", "a".repeat(493));
        orcpt(&longest, Some(("rfc822", &"a".repeat(493))));
        orcpt(&format!("{longest}a"), None);
        orcpt("rfc822;", None);
        orcpt(";a@b", None);
        orcpt("rfc822", None);
        orcpt("", None);
        orcpt("rfc 822;a", None);
        orcpt("rfc822;a=b", None);
        orcpt("rfc822;a+0D+0Ab", None);
        orcpt("utf-8;j\\x{F6}rg@b", Some(("utf-8", "j\\x{F6}rg@b")));
        orcpt("UTF-8;jörg@b", Some(("UTF-8", "jörg@b")));
        orcpt("utf-8;jörg@b=c", None);
        orcpt("utf-8;jörg\u{85}", None);
        orcpt("rfc822;jörg@b", None);
        assert!(Orcpt::parse(b"utf-8;j\xc3").is_err());
    }
}
