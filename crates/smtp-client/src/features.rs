//! What the peer offers (RFC 5321 section 4.1.1.1), read strictly: what is not well-formed was not offered.

use std::num::NonZeroU32;

use auth::{Mechanism, Mechanisms};

use crate::heard::{Heard, harmless};

/// Longest name kept of a peer, in octets.
const MOST_NAME: usize = 255;
/// Most digits of a size (RFC 1870 section 4).
const MOST_SIZE_DIGITS: usize = 20;
/// Most digits of a limit (RFC 9422 section 4).
const MOST_LIMIT_DIGITS: usize = 6;

/// What a reply to EHLO offers. The default is that of a server that knows HELO only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// STARTTLS (RFC 3207).
    pub starttls: bool,
    /// PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// CHUNKING (RFC 3030).
    pub chunking: bool,
    /// 8BITMIME (RFC 6152).
    pub eight_bit_mime: bool,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// DSN (RFC 3461).
    pub dsn: bool,
    /// REQUIRETLS (RFC 8689).
    pub requiretls: bool,
    /// SIZE (RFC 1870); inside, the most octets a message may have, if that is fixed.
    pub size: Option<Option<u64>>,
    /// DELIVERBY (RFC 2852); inside, the fewest seconds that may be asked for, 0 if there is no such limit.
    pub deliver_by: Option<u32>,
    /// ATRN (RFC 2645).
    pub atrn: bool,
    /// The mechanisms of AUTH (RFC 4954) that are known here.
    pub auth: Mechanisms,
    /// LIMITS (RFC 9422).
    pub limits: Limits,
}

/// What a connection and a transaction may hold (RFC 9422).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// RCPTMAX: recipients of a transaction.
    pub recipients: Option<NonZeroU32>,
    /// MAILMAX: transactions of a connection.
    pub transactions: Option<NonZeroU32>,
    /// RCPTDOMAINMAX: domains among the recipients of a transaction.
    pub domains: Option<NonZeroU32>,
}

impl Features {
    /// Reads the reply to EHLO. Its first line is a greeting and offers nothing.
    pub(crate) fn read(heard: &Heard) -> Self {
        let mut features = Self::default();
        for line in heard.lines.iter().skip(1) {
            features.line(line);
        }
        features
    }

    /// What is left of it for MAIL when nothing is said that nobody needs: AUTH= (RFC 4954 section 5) and SIZE= (RFC 1870
    /// section 5) can be left out, while the others change what becomes of the message.
    pub(crate) fn bare(&self) -> Self {
        Self {
            size: None,
            auth: Mechanisms::default(),
            ..self.clone()
        }
    }

    /// ```text
    /// ehlo-line    = ehlo-keyword *( SP ehlo-param )             ; RFC 5321 section 4.1.1.1
    /// ehlo-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
    /// ehlo-param   = 1*(%d33-126)
    /// ```
    /// A keyword that was read before counts as it was read first.
    fn line(&mut self, line: &[u8]) {
        let Ok(line) = str::from_utf8(line) else {
            return;
        };
        let mut words = line.trim_end_matches(' ').split(' ');
        let keyword = words.next().unwrap_or_default();
        let parameters: Vec<&str> = words.collect();
        if !is_keyword(keyword) || !parameters.iter().all(|word| is_parameter(word)) {
            return;
        }
        match (keyword.to_ascii_uppercase().as_str(), &parameters[..]) {
            ("STARTTLS", []) => self.starttls = true,
            ("PIPELINING", []) => self.pipelining = true,
            ("CHUNKING", []) => self.chunking = true,
            ("8BITMIME", []) => self.eight_bit_mime = true,
            // RFC 6531 section 3.1 reserves parameters: they are ignored.
            ("SMTPUTF8", _) => self.smtputf8 = true,
            ("DSN", []) => self.dsn = true,
            ("ATRN", []) => self.atrn = true,
            ("REQUIRETLS", []) => self.requiretls = true,
            ("SIZE", []) => self.size = self.size.or(Some(None)),
            ("SIZE", [digits]) => self.size = self.size.or_else(|| size(digits)),
            ("DELIVERBY", []) => self.deliver_by = self.deliver_by.or(Some(0)),
            ("DELIVERBY", [seconds]) => {
                self.deliver_by = self.deliver_by.or_else(|| number(seconds, 9));
            }
            ("AUTH", names) if self.auth.is_empty() => {
                let known = names.iter().filter_map(|name| Mechanism::parse(name));
                self.auth = known.collect();
            }
            ("LIMITS", limits) => limits.iter().for_each(|limit| self.limits.read(limit)),
            _ => {}
        }
    }
}

impl Limits {
    /// RFC 9422 section 3.7: what is unknown or malformed is ignored, and nothing else is for it.
    fn read(&mut self, limit: &str) {
        let Some((name, value)) = limit.split_once('=') else {
            return;
        };
        let Some(value) = number(value, MOST_LIMIT_DIGITS).and_then(NonZeroU32::new) else {
            return;
        };
        let place = match name.to_ascii_uppercase().as_str() {
            "RCPTMAX" => &mut self.recipients,
            "MAILMAX" => &mut self.transactions,
            "RCPTDOMAINMAX" => &mut self.domains,
            _ => return,
        };
        place.get_or_insert(value);
    }
}

/// The name the peer gives itself at the front of its greeting and of its reply to EHLO, made harmless.
pub(crate) fn name(heard: &Heard) -> String {
    let line = heard.lines.first().map_or(&[][..], Vec::as_slice);
    let end = line.iter().position(|octet| *octet == b' ');
    harmless(&line[..end.unwrap_or(line.len())], MOST_NAME)
}

fn is_keyword(word: &str) -> bool {
    let letters = word
        .bytes()
        .all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
    letters && !word.is_empty() && !word.starts_with('-')
}

fn is_parameter(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|octet| matches!(octet, 33..=126))
}

fn number(digits: &str, most: usize) -> Option<u32> {
    let fits = (1..=most).contains(&digits.len());
    let plain = fits && digits.bytes().all(|octet| octet.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// RFC 1870 section 4: `size-value ::= 1*20DIGIT`, and 0 means that there is no fixed limit.
fn size(digits: &str) -> Option<Option<u64>> {
    let fits = (1..=MOST_SIZE_DIGITS).contains(&digits.len());
    if !fits || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    // What 64 bits do not hold is no limit to anything.
    Some(digits.parse().ok().filter(|limit| *limit > 0))
}

#[cfg(test)]
mod tests;
