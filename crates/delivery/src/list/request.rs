//! Mail to the `-request` address of a list: joining, leaving, help. What is asked stands in the subject.
//!
//! Answers go to the reverse-path, and nothing is done for an address that has not shown that it wants it: by logging
//! in, or by sending back words that only it was sent. The words of answers are not made here.

use address::{Mailbox, ReversePath};
use serde::{Deserialize, Serialize};

use super::{Joining, List};
use crate::answered::Answered;
use crate::base32;
use crate::days;
use crate::fields::Fields;
use crate::keys::{Keys, MARK, Purpose};
use crate::machines::{is_robot, machine};
use crate::senders::{person, without_tag};

/// Days for which a confirmation is good.
pub const CONFIRM_DAYS: u16 = 7;
/// Seconds for which nobody is given the same answer again.
const PERIOD: u64 = 60 * 60;
/// Letters of a mark in a confirmation: 80 bits.
const LETTERS: usize = 16;
/// Seconds of a day.
const DAY: u64 = 24 * 60 * 60;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// To get posts.
    Join,
    /// To get them no longer.
    Leave,
}

impl Action {
    const fn purpose(self) -> Purpose {
        match self {
            Self::Join => Purpose::Join,
            Self::Leave => Purpose::Leave,
        }
    }
}

/// A message to the `-request` address.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// From MAIL.
    pub reverse_path: &'a ReversePath,
    /// All addresses of the account that is logged in; empty if none is.
    pub login: &'a [Mailbox],
    /// Its first octets; if the header section does not end in them, nothing is done.
    pub header: &'a [u8],
}

/// When it is, and what words are marked with.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// What confirmations are marked with.
    pub keys: &'a Keys,
    /// Seconds since 1970-01-01.
    pub now: u64,
}

/// Who was answered by a list; for the caller to keep, as [`Answered`] is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    joining: Answered,
    leaving: Answered,
    help: Answered,
    others: Answered,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requested {
    /// This one is a member from now on, and is told so.
    Joined(Mailbox),
    /// This one is a member no longer, and is told so.
    Left(Mailbox),
    /// This one is asked to send a message with the subject `confirm` and this word.
    Confirm(Action, Mailbox, String),
    /// This one is told that it was a member already.
    AlreadyMember(Mailbox),
    /// This one is told that it is no member under this address.
    NotMember(Mailbox),
    /// This one is told that the owner adds members.
    Closed(Mailbox),
    /// This one is told that the confirmation is wrong or too old, and how to ask for another.
    WrongConfirmation(Mailbox),
    /// This one is told what can be asked for.
    Help(Mailbox),
    /// Nobody hears anything.
    Ignored(Ignored),
}

/// Why nobody hears anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// A machine wrote it, or it is from nobody.
    Machine,
    /// Its header section is too long, or none.
    HeaderCut,
    /// The same was answered within the hour, or too many were.
    AnsweredAlready,
}

/// The words of a subject.
enum Words {
    Do(Action),
    Confirm(String),
    Help,
}

impl List {
    /// Decides about a request. Who is answered is noted in `asked`, which has to be kept before the answer leaves.
    pub fn requested(
        &self,
        request: &Request<'_>,
        asking: &Asking<'_>,
        asked: &mut Asked,
    ) -> Requested {
        let words = match read(request.header) {
            Ok(words) => words,
            Err(ignored) => return Requested::Ignored(ignored),
        };
        let sender = match request.reverse_path {
            ReversePath::Mailbox(mailbox) => &without_tag(mailbox),
            // RFC 3834 section 2: no answers to answers.
            ReversePath::Null => return Requested::Ignored(Ignored::Machine),
        };
        let behind = person(sender);
        if is_robot(&behind) || self.role(&behind).is_some() {
            return Requested::Ignored(Ignored::Machine);
        }
        let requested = match words {
            Words::Do(action) => self.perform(action, sender, request, asking),
            Words::Confirm(word) => self.confirmed(sender, &word, asking),
            Words::Help => Requested::Help(sender.clone()),
        };
        asked.note(requested, sender, asking.now)
    }

    fn perform(
        &self,
        action: Action,
        sender: &Mailbox,
        request: &Request<'_>,
        asking: &Asking<'_>,
    ) -> Requested {
        if let Some(obstacle) = self.obstacle(action, sender) {
            return obstacle;
        }
        if super::contains(request.login, sender) {
            return done(action, sender);
        }
        Requested::Confirm(
            action,
            sender.clone(),
            self.confirmation(action, sender, asking),
        )
    }

    /// What makes it needless or impossible.
    fn obstacle(&self, action: Action, sender: &Mailbox) -> Option<Requested> {
        match action {
            Action::Join if self.is_member(sender) => {
                Some(Requested::AlreadyMember(sender.clone()))
            }
            Action::Join if self.settings.joining == Joining::Closed => {
                Some(Requested::Closed(sender.clone()))
            }
            Action::Leave if !self.is_member(sender) => Some(Requested::NotMember(sender.clone())),
            Action::Join | Action::Leave => None,
        }
    }

    fn confirmed(&self, sender: &Mailbox, word: &str, asking: &Asking<'_>) -> Requested {
        let fits = |action: &Action| self.is_confirmation(*action, sender, word, asking);
        match [Action::Join, Action::Leave].into_iter().find(fits) {
            Some(action) => self
                .obstacle(action, sender)
                .unwrap_or_else(|| done(action, sender)),
            None => Requested::WrongConfirmation(sender.clone()),
        }
    }

    /// The word that shows that its sender reads the mail of `sender`: day and mark, in letters that survive any case.
    fn confirmation(&self, action: Action, sender: &Mailbox, asking: &Asking<'_>) -> String {
        let day = base32::pair(days::within_round(asking.now / DAY));
        let mark = asking.keys.mark(
            action.purpose(),
            &self
                .parts(sender, &day)
                .each_ref()
                .map(|part| part.as_bytes()),
        );
        format!("{day}{}", base32::encode(&mark, LETTERS))
    }

    fn is_confirmation(
        &self,
        action: Action,
        sender: &Mailbox,
        word: &str,
        asking: &Asking<'_>,
    ) -> bool {
        let Some((day, mark)) = word.split_at_checked(2) else {
            return false;
        };
        let Some(then) = base32::number(day) else {
            return false;
        };
        let parts = self.parts(sender, &base32::pair(then));
        let shape = |mark: &[u8; MARK]| base32::encode(mark, LETTERS).into_bytes();
        let given = mark.to_ascii_uppercase();
        let parts = parts.each_ref().map(|part| part.as_bytes());
        let is_ours = asking
            .keys
            .knows(action.purpose(), &parts, given.as_bytes(), shape);
        let age = days::age(asking.now / DAY, then);
        is_ours && age <= CONFIRM_DAYS
    }

    fn parts(&self, sender: &Mailbox, day: &str) -> [String; 3] {
        [self.settings.address.key(), sender.key(), day.to_owned()]
    }
}

fn done(action: Action, sender: &Mailbox) -> Requested {
    match action {
        Action::Join => Requested::Joined(sender.clone()),
        Action::Leave => Requested::Left(sender.clone()),
    }
}

impl Asked {
    /// Notes an answer to somebody who may not have asked for it; what was proven may be done at any time.
    fn note(&mut self, requested: Requested, sender: &Mailbox, now: u64) -> Requested {
        let memory = match &requested {
            Requested::Joined(_) | Requested::Left(_) | Requested::Ignored(_) => return requested,
            // Who has just joined may leave.
            Requested::Confirm(Action::Join, ..) => &mut self.joining,
            Requested::Confirm(Action::Leave, ..) => &mut self.leaving,
            Requested::Help(_) => &mut self.help,
            Requested::AlreadyMember(_)
            | Requested::NotMember(_)
            | Requested::Closed(_)
            | Requested::WrongConfirmation(_) => &mut self.others,
        };
        match memory.note(sender, now, PERIOD) {
            Ok(()) => requested,
            Err(_) => Requested::Ignored(Ignored::AnsweredAlready),
        }
    }
}

/// Reads what is asked from the header, unless a machine asks.
fn read(header: &[u8]) -> Result<Words, Ignored> {
    let mut fields = Fields::new(header);
    let mut subject = None;
    for field in fields.by_ref() {
        if machine(&field).is_some() {
            return Err(Ignored::Machine);
        }
        if field.is("Subject") && subject.is_none() {
            subject = Some(field.text());
        }
    }
    if !fields.rest().starts_with(b"\r\n") && !fields.rest().starts_with(b"\n") {
        return Err(Ignored::HeaderCut);
    }
    Ok(words(&subject.unwrap_or_default()))
}

/// `unsubscribe`, `Re: confirm ABC`, and what people write instead.
fn words(subject: &str) -> Words {
    let mut words = subject
        .split_ascii_whitespace()
        .map(|word| word.trim_matches(|letter: char| !letter.is_alphanumeric() && letter != ':'))
        // `Re:`, `AW:`, `Fwd:`.
        .filter(|word| !word.is_empty() && !word.ends_with(':'));
    match words
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase()
        .as_str()
    {
        "subscribe" | "join" => Words::Do(Action::Join),
        "unsubscribe" | "leave" | "remove" | "signoff" => Words::Do(Action::Leave),
        "confirm" => Words::Confirm(words.next().unwrap_or_default().to_owned()),
        _ => Words::Help,
    }
}

#[cfg(test)]
mod tests;
