//! One row of the catalogue: what a reply is, when it comes, why, and what to do about it.

use crate::japanese;
use crate::language::Language;

/// One reply the server can give.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// Catalogue id, such as `S-503a`; stable for ever, used in logs and documentation.
    pub id: &'static str,
    /// The constant's name, such as `MAIL_FIRST`.
    pub name: &'static str,
    /// What the peer's software decides by.
    pub status: Status,
    /// The text for people; `{name}` marks an argument given at run time.
    pub text: &'static str,
    /// The same in Japanese, with the same arguments. SMTP has no way to ask for it (RFC 6856 is POP3's).
    pub ja: Option<&'static str>,
    /// Whether lines follow the first one, and how they end.
    pub shape: Shape,
    /// The deciding RFC section, such as `RFC 5321 section 4.1.4`.
    pub rfc: &'static str,
    /// When it is sent, in terms of what the client did.
    pub when: &'static str,
    /// Why, in plain words.
    pub cause: &'static str,
    /// What the reader can do about it; never empty for a refusal.
    pub remedy: &'static str,
}

/// Protocol a row belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// RFC 5321 and its extensions.
    Smtp,
    /// RFC 1939 and its extensions.
    Pop3,
}

/// The machine-readable part of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// SMTP: three-digit code, and the enhanced code where RFC 2034 wants one.
    Smtp(u16, Option<Enhanced>),
    /// POP3 `+OK`.
    Ok,
    /// POP3 `-ERR`, with the response code of RFC 2449 section 8 between the brackets, such as `IN-USE`.
    Err(Option<&'static str>),
    /// POP3 `+ `: more of a SASL exchange is wanted (RFC 5034 section 4).
    Continue,
}

/// Enhanced status code `class.subject.detail` (RFC 3463 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enhanced(pub u8, pub u16, pub u16);

/// What a row says about itself, in one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reasons {
    /// When it is sent, in terms of what the client did.
    pub when: &'static str,
    /// Why, in plain words.
    pub cause: &'static str,
    /// What the reader can do about it.
    pub remedy: &'static str,
}

/// How many lines a reply has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One line; SMTP replies may still gain more by [`Reply::line`](crate::Reply::line).
    Line,
    /// POP3: lines follow, ended by a lone dot (RFC 1939 section 3).
    List,
}

impl Row {
    /// The protocol this row belongs to.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        match self.status {
            Status::Smtp(..) => Protocol::Smtp,
            Status::Ok | Status::Err(_) | Status::Continue => Protocol::Pop3,
        }
    }

    /// Whether the row refuses something, for a while or for good.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        match self.status {
            Status::Smtp(code, _) => code >= 400,
            Status::Err(_) => true,
            Status::Ok | Status::Continue => false,
        }
    }

    /// When, why and what to do, in this language; in English where the words are missing.
    #[must_use]
    pub fn reasons(&self, language: Language) -> Reasons {
        let english = Reasons {
            when: self.when,
            cause: self.cause,
            remedy: self.remedy,
        };
        match language {
            Language::English => english,
            Language::Japanese => japanese::reasons(self.id).unwrap_or(english),
        }
    }

    /// The row as it looks on the wire, its arguments still in braces.
    #[must_use]
    pub fn first_line(&self) -> String {
        crate::document::first_line(self)
    }

    /// What those who sent the command or the message can do: the remedy without what only the administrator of this
    /// server can. `None` where nothing is left.
    #[must_use]
    pub fn remedy_for_sender(&self) -> Option<&'static str> {
        let (theirs, _) = self
            .remedy
            .split_once("Administrator:")
            .unwrap_or((self.remedy, ""));
        Some(theirs.trim_end()).filter(|theirs| self.is_refusal() && !theirs.is_empty())
    }

    /// Whether further lines may follow that say why, and what to do ([`Reply::explained`](crate::Reply::explained)).
    ///
    /// RFC 2034 section 4: every line repeats the enhanced code, so greetings, HELO and EHLO, and 3xx gain none. 421
    /// hangs up, often on a program that reads no more. Programs read the lines of 551 as an address (RFC 5321
    /// section 3.4) and those of an ambiguous name as the candidates (section 3.5.1).
    #[must_use]
    pub fn takes_reasons(&self) -> bool {
        match self.status {
            Status::Smtp(421 | 551, _) | Status::Smtp(_, None) => false,
            Status::Smtp(_, Some(Enhanced(_, 1, 4))) => false,
            Status::Smtp(_, Some(_)) => self.remedy_for_sender().is_some(),
            Status::Ok | Status::Err(_) | Status::Continue => false,
        }
    }

    /// The text in this language; in English where there is no other.
    #[must_use]
    pub const fn text_in(&self, language: Language) -> &'static str {
        match (language, self.ja) {
            (Language::Japanese, Some(ja)) => ja,
            (Language::Japanese, None) | (Language::English, _) => self.text,
        }
    }

    /// Names of the arguments in the row's text, in their order.
    pub fn arguments(&self) -> impl Iterator<Item = &'static str> + use<> {
        let mut rest = self.text;
        std::iter::from_fn(move || {
            let (_, name, after) = next_argument(rest)?;
            rest = after;
            Some(name)
        })
    }
}

/// Splits `text` at its first `{name}`.
pub(crate) fn next_argument(text: &str) -> Option<(&str, &str, &str)> {
    let (before, tail) = text.split_once('{')?;
    let (name, after) = tail.split_once('}')?;
    Some((before, name, after))
}
