//! The policy itself (RFC 8461 section 3.2), and what it says of a host.
//!
//! ```text
//! version: STSv1
//! mode: enforce
//! mx: mail.example.com
//! mx: *.example.net
//! max_age: 604800
//! ```

use std::fmt;
use std::time::Duration;

use address::Domain;

use crate::record::is_extension_name;

/// The longest time a policy may be kept: about a year.
const LONGEST: u64 = 31_557_600;
/// More mail servers than any domain has.
const MOST_PATTERNS: usize = 256;

/// What a domain promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    mode: Mode,
    mx: Vec<Pattern>,
    max_age: Duration,
}

/// What happens to mail when the promise is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is not sent.
    Enforce,
    /// It is sent, and the domain wants to hear of it (TLS-RPT, RFC 8460).
    Testing,
    /// The domain promises nothing, or no longer does.
    None,
}

/// Names of mail servers: one, or all of one label more (`*.example.net`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    wild: bool,
    domain: Domain,
}

/// How a host is to be treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// As if there were no policy.
    Ordinary,
    /// With TLS, and a certificate for its name by a CA that is trusted.
    Verified {
        /// Without it nothing is sent there; otherwise mail goes, and the domain is told.
        enforced: bool,
    },
    /// The policy does not know this host.
    NotListed {
        /// Nothing is sent there; otherwise mail goes, and the domain is told.
        enforced: bool,
    },
}

/// Why a text is no policy. Then there is none (RFC 8461 section 3.2).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// It is not UTF-8.
    #[error("the policy is no text in UTF-8")]
    NoText,
    /// A line without a name, a colon and a value.
    #[error("line {0} of the policy is no `name: value`")]
    Line(usize),
    /// There is no `version: STSv1`.
    #[error("the policy has no `version: STSv1`")]
    Version,
    /// There is no mode, or one that is not known.
    #[error("the policy has no `mode` of `enforce`, `testing` or `none`")]
    Mode,
    /// There is no age, or no number of at most ten digits.
    #[error("the policy has no `max_age` in seconds")]
    MaxAge,
    /// A pattern is no name of hosts.
    #[error("line {0} of the policy: `mx` is no host name, and no `*.` before one")]
    Mx(usize),
    /// Mail is to be sent to listed hosts only, and none is listed.
    #[error("the policy lists no `mx`")]
    NoMx,
    /// It lists more hosts than anybody has.
    #[error("the policy lists more than {MOST_PATTERNS} `mx`")]
    TooMany,
}

/// What was read so far. Of what stands there twice the first counts.
#[derive(Default)]
struct Read<'a> {
    version: Option<&'a str>,
    mode: Option<&'a str>,
    max_age: Option<&'a str>,
    mx: Vec<Pattern>,
}

impl Policy {
    /// Reads a policy as it comes over HTTPS. How long that may be is not decided here.
    ///
    /// # Errors
    /// What keeps it from being one.
    pub fn parse(octets: &[u8]) -> Result<Self, PolicyError> {
        let text = str::from_utf8(octets).map_err(|_| PolicyError::NoText)?;
        let mut read = Read::default();
        // sts-policy-term = LF / CRLF; the last line may have none.
        let text = text.strip_suffix('\n').unwrap_or(text);
        for (index, line) in text.split('\n').enumerate() {
            read.line(index + 1, line.strip_suffix('\r').unwrap_or(line))?;
        }
        read.policy()
    }

    /// What happens when the promise is not kept.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// How long it is to be kept.
    #[must_use]
    pub fn max_age(&self) -> Duration {
        self.max_age
    }

    /// The hosts that are meant.
    #[must_use]
    pub fn mx(&self) -> &[Pattern] {
        &self.mx
    }

    /// How this mail server of the domain is to be treated.
    #[must_use]
    pub fn treatment(&self, host: &Domain) -> Treatment {
        let enforced = match self.mode {
            Mode::Enforce => true,
            Mode::Testing => false,
            Mode::None => return Treatment::Ordinary,
        };
        if self.mx.iter().any(|pattern| pattern.matches(host)) {
            Treatment::Verified { enforced }
        } else {
            Treatment::NotListed { enforced }
        }
    }
}

impl<'a> Read<'a> {
    /// ```text
    /// sts-policy-field       = name sts-policy-field-delim value *WSP
    /// sts-policy-field-delim = ":" *WSP
    /// ```
    fn line(&mut self, number: usize, line: &'a str) -> Result<(), PolicyError> {
        let blank = [' ', '\t'];
        let (name, value) = line.split_once(':').ok_or(PolicyError::Line(number))?;
        let value = value.trim_matches(blank);
        if !is_extension_name(name) || value.is_empty() || value.contains(char::is_control) {
            return Err(PolicyError::Line(number));
        }
        match name {
            "version" => self.version = self.version.or(Some(value)),
            "mode" => self.mode = self.mode.or(Some(value)),
            "max_age" => self.max_age = self.max_age.or(Some(value)),
            "mx" => {
                if self.mx.len() == MOST_PATTERNS {
                    return Err(PolicyError::TooMany);
                }
                let pattern = Pattern::parse(value).ok_or(PolicyError::Mx(number))?;
                self.mx.push(pattern);
            }
            // RFC 8461 section 3.2: what is not known is ignored.
            _ => {}
        }
        Ok(())
    }

    fn policy(self) -> Result<Policy, PolicyError> {
        if self.version != Some("STSv1") {
            return Err(PolicyError::Version);
        }
        let mode = match self.mode {
            Some("enforce") => Mode::Enforce,
            Some("testing") => Mode::Testing,
            Some("none") => Mode::None,
            Some(_) | None => return Err(PolicyError::Mode),
        };
        let age = self.max_age.and_then(seconds).ok_or(PolicyError::MaxAge)?;
        if self.mx.is_empty() && mode != Mode::None {
            return Err(PolicyError::NoMx);
        }
        Ok(Policy {
            mode,
            mx: self.mx,
            max_age: Duration::from_secs(age.min(LONGEST)),
        })
    }
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let stem = text.strip_prefix("*.");
        let domain = Domain::from_ascii(stem.unwrap_or(text).as_bytes()).ok()?;
        Some(Self {
            wild: stem.is_some(),
            domain,
        })
    }

    /// RFC 8461 section 4.1: the wildcard stands for exactly one label, the first.
    #[must_use]
    pub fn matches(&self, host: &Domain) -> bool {
        if !self.wild {
            return *host == self.domain;
        }
        let stem = host.as_str().split_once('.');
        stem.is_some_and(|(_, stem)| stem == self.domain.as_str())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wild = if self.wild { "*." } else { "" };
        write!(f, "{wild}{}", self.domain)
    }
}

/// As it would be published.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.mode {
            Mode::Enforce => "enforce",
            Mode::Testing => "testing",
            Mode::None => "none",
        };
        write!(f, "version: STSv1\nmode: {mode}\n")?;
        for pattern in &self.mx {
            writeln!(f, "mx: {pattern}")?;
        }
        writeln!(f, "max_age: {}", self.max_age.as_secs())
    }
}

/// `1*10(DIGIT)`.
fn seconds(text: &str) -> Option<u64> {
    let right = text.len() <= 10 && text.bytes().all(|octet| octet.is_ascii_digit());
    if right { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENFORCE: &str =
        "version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.example.net\nmax_age: 604800\n";

    #[track_caller]
    fn wrong(text: &str, error: &PolicyError) {
        assert_eq!(
            Policy::parse(text.as_bytes()).as_ref(),
            Err(error),
            "{text:?}"
        );
    }

    #[track_caller]
    fn right(text: &str, printed: &str) {
        let policy = Policy::parse(text.as_bytes());
        assert_eq!(
            policy.map(|policy| policy.to_string()).as_deref(),
            Ok(printed),
            "{text:?}"
        );
    }

    #[test]
    fn policies_are_read_as_they_are_published() {
        right(ENFORCE, ENFORCE);
        right(&ENFORCE.replace('\n', "\r\n"), ENFORCE);
        right(ENFORCE.trim_end(), ENFORCE);
        right(&ENFORCE.replace(": ", ":"), ENFORCE);
        right(&ENFORCE.replace('\n', " \t\n"), ENFORCE);
        // In any order, with fields of another time; of what stands there twice the first counts.
        right(
            "max_age: 1\nx-new.field: é = anything: else\nmode: testing\nmode: enforce\nmx: A.Example\nversion: STSv1\nmax_age: 2",
            "version: STSv1\nmode: testing\nmx: a.example\nmax_age: 1\n",
        );
        let none = "version: STSv1\nmode: none\nmax_age: 86400\n";
        right(none, none);
        right(
            "version: STSv1\nmode: none\nmax_age: 9999999999\n",
            "version: STSv1\nmode: none\nmax_age: 31557600\n",
        );
    }

    #[test]
    fn what_is_no_policy_says_why() {
        let without = |line: &str| ENFORCE.replace(line, "x: y\n");
        wrong("", &PolicyError::Line(1));
        wrong("<html>", &PolicyError::Line(1));
        wrong(&format!("{ENFORCE}\n"), &PolicyError::Line(6));
        wrong(&without("version: STSv1\n"), &PolicyError::Version);
        wrong(&ENFORCE.replace("STSv1", "STSv2"), &PolicyError::Version);
        wrong(&ENFORCE.replace("STSv1", "stsv1"), &PolicyError::Version);
        wrong(&without("mode: enforce\n"), &PolicyError::Mode);
        wrong(&ENFORCE.replace("enforce", "Enforce"), &PolicyError::Mode);
        wrong(&without("max_age: 604800\n"), &PolicyError::MaxAge);
        for age in ["-1", "+1", "1d", "12345678901", "1 2"] {
            wrong(&ENFORCE.replace("604800", age), &PolicyError::MaxAge);
        }
        wrong(&ENFORCE.replace("604800", ""), &PolicyError::Line(5));
        for mx in [
            "*",
            "*.",
            "*.*.example.net",
            "mx*.example.net",
            "mail.example.com.",
            "[192.0.2.1]",
            "bücher.example",
        ] {
            wrong(&ENFORCE.replace("*.example.net", mx), &PolicyError::Mx(4));
        }
        wrong(
            "version: STSv1\nmode: testing\nmax_age: 1",
            &PolicyError::NoMx,
        );
        wrong(&ENFORCE.replace("mode:", "mode :"), &PolicyError::Line(2));
        wrong(&ENFORCE.replace("mode:", " mode:"), &PolicyError::Line(2));
        wrong(
            &ENFORCE.replace("enforce", "enf\rorce"),
            &PolicyError::Line(2),
        );
        assert_eq!(
            Policy::parse(b"version: STSv1\xff"),
            Err(PolicyError::NoText)
        );
        let many = "mx: a.example\n".repeat(257);
        wrong(&many, &PolicyError::TooMany);
    }

    #[test]
    fn a_wildcard_stands_for_one_label() {
        let policy = |mode| Policy::parse(ENFORCE.replace("enforce", mode).as_bytes()).unwrap();
        for (host, listed) in [
            ("mail.example.com", true),
            ("MAIL.example.com", true),
            ("a.example.net", true),
            ("example.net", false),
            ("a.b.example.net", false),
            ("aexample.net", false),
            ("other.example.com", false),
            ("a.mail.example.com", false),
        ] {
            let host = Domain::parse(host).unwrap();
            for (mode, enforced) in [("enforce", true), ("testing", false)] {
                let expected = if listed {
                    Treatment::Verified { enforced }
                } else {
                    Treatment::NotListed { enforced }
                };
                assert_eq!(policy(mode).treatment(&host), expected, "{host} {mode}");
            }
            assert_eq!(policy("none").treatment(&host), Treatment::Ordinary);
        }
    }
}
