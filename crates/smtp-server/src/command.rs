//! Command lines: verbs and what stands behind them. Whether a command fits the moment is not known here.

use reply::{Row, smtp};

pub(crate) mod bdat;
pub(crate) mod mail;
mod parameters;
pub(crate) mod proxy;
pub(crate) mod queue;
pub(crate) mod rcpt;

/// The first word of a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Ehlo,
    Helo,
    Mail,
    Rcpt,
    Data,
    Bdat,
    Rset,
    Noop,
    Quit,
    Help,
    Vrfy,
    Expn,
    StartTls,
    Auth,
    Etrn,
    Atrn,
    XClient,
    XForward,
    /// A command of some RFC that this server does not do (RFC 5321 section 4.2.4: 502, not 500).
    NotOffered,
    /// A request meant for a web server.
    Http,
}

/// The verbs by name.
const VERBS: &[(&str, Verb)] = &[
    ("MAIL", Verb::Mail),
    ("RCPT", Verb::Rcpt),
    ("DATA", Verb::Data),
    ("BDAT", Verb::Bdat),
    ("EHLO", Verb::Ehlo),
    ("HELO", Verb::Helo),
    ("RSET", Verb::Rset),
    ("NOOP", Verb::Noop),
    ("QUIT", Verb::Quit),
    ("HELP", Verb::Help),
    ("VRFY", Verb::Vrfy),
    ("EXPN", Verb::Expn),
    ("STARTTLS", Verb::StartTls),
    ("AUTH", Verb::Auth),
    ("SEND", Verb::NotOffered),
    ("SOML", Verb::NotOffered),
    ("SAML", Verb::NotOffered),
    ("TURN", Verb::NotOffered),
    ("ETRN", Verb::Etrn),
    ("ATRN", Verb::Atrn),
    ("BURL", Verb::NotOffered),
    ("XCLIENT", Verb::XClient),
    ("XFORWARD", Verb::XForward),
    ("GET", Verb::Http),
    ("POST", Verb::Http),
    ("PUT", Verb::Http),
    ("HEAD", Verb::Http),
    ("PATCH", Verb::Http),
    ("DELETE", Verb::Http),
    ("OPTIONS", Verb::Http),
    ("CONNECT", Verb::Http),
    ("TRACE", Verb::Http),
];

impl Verb {
    /// Finds a verb by name, in any case (RFC 5321 section 2.4).
    pub(crate) fn parse(word: &[u8]) -> Option<Self> {
        VERBS
            .iter()
            .find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, verb)| *verb)
    }

    /// What to say when the argument holds octets no argument may hold (RFC 5321 section 4.1.2: 501). Nothing,
    /// where the argument does not matter.
    pub(crate) const fn bad_octets(self) -> Option<&'static Row> {
        Some(match self {
            Self::Ehlo => &smtp::EHLO_USAGE,
            Self::Helo => &smtp::HELO_USAGE,
            Self::Mail => &smtp::BAD_SENDER,
            Self::Rcpt => &smtp::BAD_RECIPIENT,
            Self::Data => &smtp::DATA_USAGE,
            Self::Rset => &smtp::RSET_USAGE,
            Self::Noop => &smtp::NOOP_OCTETS,
            Self::Quit => &smtp::QUIT_USAGE,
            Self::Vrfy => &smtp::VRFY_USAGE,
            Self::StartTls => &smtp::STARTTLS_USAGE,
            Self::Auth => &smtp::AUTH_USAGE,
            Self::Help | Self::Expn => &smtp::BAD_ARGUMENT,
            // An argument of BDAT that cannot be read has a fate of its own.
            Self::Bdat | Self::NotOffered | Self::Http => return None,
            // Whether the client may say it at all comes first.
            Self::Etrn | Self::Atrn | Self::XClient | Self::XForward => return None,
        })
    }
}

/// Splits a line into its verb and the argument, white space around both taken off.
///
/// RFC 5321 section 4.1.1: white space before the CRLF is tolerated.
pub(crate) fn split(line: &[u8]) -> (&[u8], &[u8]) {
    let end = line
        .iter()
        .position(|octet| is_space(*octet))
        .unwrap_or(line.len());
    let (verb, argument) = line.split_at(end);
    (verb, trim(argument))
}

/// Takes spaces and tabs off both ends.
pub(crate) fn trim(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_space(*first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && is_space(*last)
    {
        text = rest;
    }
    text
}

/// The words of an argument.
pub(crate) fn words(argument: &[u8]) -> impl Iterator<Item = &[u8]> {
    argument
        .split(|octet| is_space(*octet))
        .filter(|word| !word.is_empty())
}

const fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

/// Takes a keyword and its colon off the front, in any case, and spaces behind it: `FROM:<a@b>`.
///
/// RFC 5321 section 3.3 forbids clients the space; devices send it all the same, and it can mean nothing else.
fn after_keyword<'a>(argument: &'a [u8], keyword: &str) -> Option<&'a [u8]> {
    let (word, rest) = argument.split_at_checked(keyword.len())?;
    word.eq_ignore_ascii_case(keyword.as_bytes())
        .then(|| trim(rest))
}

#[cfg(test)]
mod tests {
    use super::{Verb, split, words};

    #[test]
    fn lines_fall_into_verb_and_argument() {
        #[track_caller]
        fn check(line: &str, verb: &str, argument: &str) {
            assert_eq!(
                split(line.as_bytes()),
                (verb.as_bytes(), argument.as_bytes()),
                "{line:?}"
            );
        }
        check("NOOP", "NOOP", "");
        check("NOOP  ", "NOOP", "");
        check("NOOP \t x y\t", "NOOP", "x y");
        check("mail FROM:<a@b> ", "mail", "FROM:<a@b>");
        check("", "", "");
        check(" NOOP", "", "NOOP");
    }

    #[test]
    fn verbs_have_no_case() {
        assert_eq!(Verb::parse(b"eHlO"), Some(Verb::Ehlo));
        assert_eq!(Verb::parse(b"StartTLS"), Some(Verb::StartTls));
        assert_eq!(Verb::parse(b"TURN"), Some(Verb::NotOffered));
        assert_eq!(Verb::parse(b"get"), Some(Verb::Http));
        assert_eq!(Verb::parse(b"START"), None);
        assert_eq!(Verb::parse(b""), None);
        assert_eq!(Verb::parse(b"MAI\xcc"), None);
    }

    #[test]
    fn words_are_what_spaces_separate() {
        let seen: Vec<&[u8]> = words(b" a \t b  c").collect();
        assert_eq!(seen, [b"a", b"b", b"c"]);
    }
}
