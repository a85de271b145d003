//! Vacation replies (RFC 3834): whether the sender of a message is told that somebody is away, and the message that
//! says so.
//!
//! In doubt nobody is told. Where the message is kept, sent or lost is not known here; neither is what time it is.

use std::collections::BTreeSet;

use address::{Mailbox, ReversePath};
use serde::{Deserialize, Serialize};

use crate::answered::{Answered, Refused};
use crate::fields::{Field, Fields};
use crate::machines::{Machine, is_robot, machine};
use crate::senders::person;

mod body;
mod reply;

pub use reply::{Answer, Reply, Stamp};

/// Longest text, in octets.
pub const LONGEST_TEXT: usize = 32 * 1024;
/// Longest subject and longest name, in octets.
pub const LONGEST_SUBJECT: usize = 200;
/// The period if nobody says another, in seconds: a week (RFC 3834 section 2 wants several days).
pub const PERIOD: u64 = 7 * SHORTEST_PERIOD;
/// The shortest period, in seconds: a day.
pub const SHORTEST_PERIOD: u64 = 24 * 60 * 60;

/// What an account says while somebody is away, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Settings", into = "Settings")]
pub struct Vacation(Settings);

/// A [`Vacation`] as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The name replies come from; without one it is that of the account. RFC 3834 section 3.1.1 wants both to be for
    /// the account to choose.
    #[serde(default)]
    pub name: Option<String>,
    /// The address replies come from, if it is one of the account's; otherwise its main one.
    #[serde(default)]
    pub address: Option<Mailbox>,
    /// The subject of replies; without one it is `Auto:` and the subject of the message that is replied to.
    #[serde(default)]
    pub subject: Option<String>,
    /// What replies say.
    pub text: String,
    /// The first second of it, since 1970-01-01; without one it has begun.
    #[serde(default)]
    pub from: Option<u64>,
    /// The second it is over; without one it goes on.
    #[serde(default)]
    pub until: Option<u64>,
    /// Seconds for which nobody is told again; at least [`SHORTEST_PERIOD`].
    #[serde(default = "period")]
    pub period: u64,
}

fn period() -> u64 {
    PERIOD
}

impl Settings {
    /// From now on until it is switched off, with nothing else said.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self {
            name: None,
            address: None,
            subject: None,
            text,
            from: None,
            until: None,
            period: PERIOD,
        }
    }
}

/// Why settings are not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VacationError {
    /// Nothing to say.
    #[error("the text of the vacation reply is empty; write what senders should know")]
    NoText,
    /// Too much to say.
    #[error("the text of the vacation reply is longer than 32 KiB; shorten it")]
    TextTooLong,
    /// A subject that is too long.
    #[error("the subject of the vacation reply is longer than 200 octets; shorten it")]
    SubjectTooLong,
    /// A name that is too long.
    #[error("the name in front of the address is longer than 200 octets; shorten it")]
    NameTooLong,
    /// It ends before it begins.
    #[error("the vacation ends before it begins; check both dates")]
    EndsBeforeItBegins,
    /// People would be told again and again.
    #[error(
        "the vacation reply may be repeated to one sender once a day at most; choose a longer period"
    )]
    PeriodTooShort,
}

impl Vacation {
    /// Takes settings that make sense.
    ///
    /// # Errors
    /// What does not.
    pub fn new(settings: Settings) -> Result<Self, VacationError> {
        if settings.text.trim().is_empty() {
            return Err(VacationError::NoText);
        }
        if settings.text.len() > LONGEST_TEXT {
            return Err(VacationError::TextTooLong);
        }
        if settings
            .subject
            .as_ref()
            .is_some_and(|subject| subject.len() > LONGEST_SUBJECT)
        {
            return Err(VacationError::SubjectTooLong);
        }
        if settings
            .name
            .as_ref()
            .is_some_and(|name| name.len() > LONGEST_SUBJECT)
        {
            return Err(VacationError::NameTooLong);
        }
        if let (Some(from), Some(until)) = (settings.from, settings.until)
            && until <= from
        {
            return Err(VacationError::EndsBeforeItBegins);
        }
        if settings.period < SHORTEST_PERIOD {
            return Err(VacationError::PeriodTooShort);
        }
        Ok(Self(settings))
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0
    }

    /// Decides about one message, at `now` in seconds since 1970-01-01. Who is answered is noted in `answered`, which
    /// has to be kept before the reply leaves.
    pub fn decide(
        &self,
        owner: &Owner<'_>,
        message: &Message<'_>,
        answered: &mut Answered,
        now: u64,
    ) -> Decision {
        match self.answer(owner, message, answered, now) {
            Ok(answer) => Decision::Answer(answer),
            Err(silence) => Decision::Silence(silence),
        }
    }

    fn answer(
        &self,
        owner: &Owner<'_>,
        message: &Message<'_>,
        answered: &mut Answered,
        now: u64,
    ) -> Result<Answer, Silence> {
        let begun = self.0.from.is_none_or(|from| from <= now);
        if !begun || self.0.until.is_some_and(|until| until <= now) {
            return Err(Silence::NotNow);
        }
        // RFC 3834 section 4: responses go to the reverse-path and nowhere else; RFC 5321 section 4.5.5: never to `<>`.
        let to = match message.reverse_path {
            ReversePath::Null => return Err(Silence::NullReversePath),
            ReversePath::Mailbox(mailbox) => mailbox,
        };
        let behind = person(to);
        if is_robot(&behind) {
            return Err(Silence::Robot);
        }
        let called = Called::new(owner);
        if called.is(&behind) {
            return Err(Silence::Oneself);
        }
        let answer = read_header(
            &called,
            message.header,
            Answer::to(to.clone(), message.requiretls),
        )?;
        answered
            .note(to, now, self.0.period)
            .map_err(|refused| match refused {
                Refused::Already => Silence::AnsweredAlready,
                Refused::Full => Silence::TooManyAnswered,
            })?;
        Ok(answer)
    }
}

impl TryFrom<Settings> for Vacation {
    type Error = VacationError;

    fn try_from(settings: Settings) -> Result<Self, VacationError> {
        Self::new(settings)
    }
}

impl From<Vacation> for Settings {
    fn from(vacation: Vacation) -> Self {
        vacation.0
    }
}

/// Whose mail it is.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// Its main address.
    pub mailbox: &'a Mailbox,
    /// The name of whoever has it; may be empty.
    pub name: &'a str,
    /// Every other address that leads to the account: aliases, other domains. A detail (`+...`) need not be named.
    pub others: &'a [Mailbox],
}

/// The addresses of an account, to be compared with any number of others.
struct Called(BTreeSet<String>);

impl Called {
    fn new(owner: &Owner<'_>) -> Self {
        Self(
            std::iter::once(owner.mailbox)
                .chain(owner.others)
                .map(Mailbox::key)
                .collect(),
        )
    }

    /// Whether this is one of the account's addresses, with a detail or without.
    fn is(&self, mailbox: &Mailbox) -> bool {
        let plain = || mailbox.local.detail().map(|_| without_detail(mailbox));
        self.0.contains(&mailbox.key()) || plain().is_some_and(|plain| self.0.contains(&plain))
    }
}

fn without_detail(mailbox: &Mailbox) -> String {
    format!("{}@{}", address::fold(mailbox.local.base()), mailbox.host)
}

/// What came in.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// From MAIL.
    pub reverse_path: &'a ReversePath,
    /// Its first octets; as many as the caller likes to read. If the header section does not end in them, nobody is
    /// told anything: what speaks against it may stand in what is missing.
    pub header: &'a [u8],
    /// It came under REQUIRETLS, and so the reply goes under it, as reports do (RFC 8689 section 5): it repeats the
    /// subject.
    pub requiretls: bool,
}

/// Whether the sender is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Answer(Answer),
    /// No.
    Silence(Silence),
}

/// Why nobody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It has not begun, or it is over.
    NotNow,
    /// The message is a report or a reply of a machine.
    NullReversePath,
    /// The sender's address is one that programs have.
    Robot,
    /// The account wrote to itself.
    Oneself,
    /// The header section is too long, or none.
    HeaderCut,
    /// The message says that a machine made it.
    Automatic,
    /// It came through a mailing list, or is one of many alike.
    List,
    /// The account is not among those it is addressed to.
    NotNamed,
    /// The sender was told within the period.
    AnsweredAlready,
    /// Too many others were.
    TooManyAnswered,
}

/// Reads from the header what speaks against a reply, and what a reply repeats.
fn read_header(called: &Called, header: &[u8], mut answer: Answer) -> Result<Answer, Silence> {
    let mut fields = Fields::new(header);
    let mut named = false;
    for field in fields.by_ref() {
        match machine(&field) {
            Some(Machine::Automatic) => return Err(Silence::Automatic),
            Some(Machine::List) => return Err(Silence::List),
            None => {}
        }
        named = named || names(&field, called);
        answer.read(&field);
    }
    // RFC 5322 section 2.1: an empty line ends the header section.
    if !fields.rest().starts_with(b"\r\n") && !fields.rest().starts_with(b"\n") {
        return Err(Silence::HeaderCut);
    }
    if named {
        Ok(answer)
    } else {
        Err(Silence::NotNamed)
    }
}

/// RFC 3834 section 2: a personal responder answers what names its owner.
fn names(field: &Field<'_>, called: &Called) -> bool {
    let addressed = ["To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"];
    addressed.iter().any(|name| field.is(name))
        && field.mailboxes().iter().any(|mailbox| called.is(mailbox))
}

#[cfg(test)]
mod tests;
