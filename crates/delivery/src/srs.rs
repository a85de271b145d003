//! The Sender Rewriting Scheme: a forwarded copy leaves under an address of ours, so that the sender's SPF record does
//! not speak against it, and what bounces finds its way back through us.
//!
//! ```text
//! SRS0=HHHHHH=TT=host=local@ours              a first rewriting: mark, day, and the address it stands for
//! SRS1=HHHHHH=first==HHHH=TT=host=local@ours    of what `first` had rewritten: mark, `first`, and its words as they were
//! ```
//!
//! Nothing is kept: the address holds all it takes to undo it. It is written so that others, who know this scheme,
//! can go on with it, whatever length their own marks have. A mark is 30 bits in six letters. Whoever guesses one sends
//! to that address through us for three weeks, and the limits per address of a client let some 75 guesses a second
//! through: four letters would last a few hours, less for whoever has more addresses than one; six last for months.
//!
//! **Too long.** A local part ends at 64 octets (RFC 5321 section 4.5.3.1.1), and other servers refuse longer ones. An
//! address that would not fit is not rewritten: the copy goes out under the sender's own, as RFC 5321 section 3.9.1
//! has it for every alias. A receiver that insists on SPF may refuse that copy, and then the sender is told. The other
//! ways would be worse: under `<>` nobody would be told, and a shorter form would need a table that can be filled.

use std::fmt;

use address::{Domain, Host, LocalPart, Mailbox, ReversePath};

use crate::base32;
use crate::days::{self, ROUND};
use crate::keys::{Keys, MARK, Purpose};
use crate::senders::quoted;

/// Letters of a mark.
const LETTERS: usize = 6;
/// Letters of the word in a message that was sent on: nobody meets another one by chance.
const LETTERS_SENT_ON: usize = 24;
/// The longest validity: beyond it, a day of the future could not be told from one of the past.
pub const LONGEST_VALIDITY: u16 = 1000;
/// The day ahead that is forgiven: another of our servers may have a clock that is ahead.
const AHEAD: u16 = 1;
/// Longest path in octets with its brackets (RFC 5321 section 4.5.3.1.3).
const LONGEST_PATH: usize = 256;

/// Rewrites reverse-paths, and undoes it.
#[derive(Clone)]
pub struct Srs {
    keys: Keys,
    domain: Domain,
    validity: u16,
}

/// Which reverse-path a forwarded copy gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forwarded {
    /// The one it came with.
    Kept(Why),
    /// This one, at our domain.
    Rewritten(Mailbox),
}

/// Why a reverse-path stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is `<>`, and stays so: RFC 5321 section 4.5.5, nobody may be made to hear of it.
    Null,
    /// Its host is one of ours already; SPF speaks for it.
    Ours,
    /// Rewritten it would be longer than other servers take.
    TooLong,
}

/// Why an address is not turned back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreturnable {
    /// It does not begin like a rewritten address; it is somebody's own.
    #[error("this is no rewritten address")]
    NotRewritten,
    /// It begins like one and does not go on like one.
    #[error("this looks like a rewritten address, but a part of it is missing or unreadable")]
    Malformed,
    /// The mark is not ours: invented, altered, or made with a key that is gone.
    #[error("this address was not made here, or it was altered")]
    Forged,
    /// It was ours, and its time is over.
    #[error("this rewritten address is no longer valid")]
    TooOld,
}

impl Srs {
    /// Rewritten addresses are at `domain` and can be turned back for `validity` days, of which
    /// [`LONGEST_VALIDITY`] count at most.
    #[must_use]
    pub fn new(keys: Keys, domain: Domain, validity: u16) -> Self {
        Self {
            keys,
            domain,
            validity: validity.min(LONGEST_VALIDITY),
        }
    }

    /// The word in a message by which we know it again when it comes back: that this address of ours has sent it on
    /// before. Nobody else can make it, or read from it which address that was.
    #[must_use]
    pub fn sent_on(&self, by: &Mailbox) -> String {
        let mark = self.keys.mark(Purpose::SentOn, &[by.key().as_bytes()]);
        base32::encode(&mark, LETTERS_SENT_ON)
    }

    /// Which reverse-path a copy gets that leaves on `day`, counted from 1970-01-01. `is_ours` says whether mail under
    /// that host leaves from here anyway.
    #[must_use]
    pub fn forwarded(
        &self,
        reverse_path: &ReversePath,
        day: u64,
        is_ours: impl FnOnce(&Host) -> bool,
    ) -> Forwarded {
        let sender = match reverse_path {
            ReversePath::Null => return Forwarded::Kept(Why::Null),
            ReversePath::Mailbox(mailbox) => mailbox,
        };
        if sender.host.domain() == Some(&self.domain) || is_ours(&sender.host) {
            return Forwarded::Kept(Why::Ours);
        }
        match self.rewrite(sender, day) {
            Some(mailbox) => Forwarded::Rewritten(mailbox),
            None => Forwarded::Kept(Why::TooLong),
        }
    }

    /// The address at our domain that stands for `sender`, unless it is too long.
    fn rewrite(&self, sender: &Mailbox, day: u64) -> Option<Mailbox> {
        let words = match Tag::of(sender.local.as_str()) {
            Some((Tag::First, words)) => self.srs1(&sender.host.to_string(), words),
            // What stands behind the mark of a second rewriting says where the first one was; the second need not hear.
            Some((Tag::Second, words)) => match Second::read(words) {
                Some(second) => self.srs1(&second.host.to_string(), second.words),
                None => self.srs0(sender, day),
            },
            None => self.srs0(sender, day),
        };
        let mailbox = Mailbox::new(local_part(&words)?, self.domain.clone().into());
        (mailbox.to_string().len() + "<>".len() <= LONGEST_PATH).then_some(mailbox)
    }

    fn srs0(&self, sender: &Mailbox, day: u64) -> String {
        let day = base32::pair(days::within_round(day));
        let (host, local) = (sender.host.to_string(), sender.local.as_str());
        let mark = self.keys.mark(
            Purpose::Srs0,
            &[day.as_bytes(), host.as_bytes(), folded(local).as_bytes()],
        );
        format!("SRS0={}={day}={host}={local}", shortened(&mark))
    }

    fn srs1(&self, host: &str, words: &str) -> String {
        let mark = self
            .keys
            .mark(Purpose::Srs1, &[host.as_bytes(), folded(words).as_bytes()]);
        format!("SRS1={}={host}={words}", shortened(&mark))
    }

    /// Whom mail for `local` at our domain is really for. Letters may have changed their case on the way.
    ///
    /// # Errors
    /// Why mail for it is refused. The mark is judged before the day, so that strangers learn nothing of either.
    pub fn reverse(&self, local: &LocalPart, day: u64) -> Result<Mailbox, Unreturnable> {
        match Tag::of(local.as_str()) {
            Some((Tag::First, words)) => self.reverse_first(words, day),
            Some((Tag::Second, words)) => self.reverse_second(words),
            None => Err(Unreturnable::NotRewritten),
        }
    }

    fn reverse_first(&self, words: &str, day: u64) -> Result<Mailbox, Unreturnable> {
        // The separator, then mark, day, host and the rest, which may hold any number of `=`.
        let mut parts = words[1..].splitn(4, '=');
        let mut part = || parts.next().ok_or(Unreturnable::Malformed);
        let (mark, then, host, local) = (part()?, part()?, part()?, part()?);
        let then = base32::number(then).ok_or(Unreturnable::Malformed)?;
        let host = Host::parse(host).map_err(|_| Unreturnable::Malformed)?;
        let made = [&base32::pair(then), &host.to_string(), &folded(local)];
        self.judge(Purpose::Srs0, &made.map(|part| part.as_bytes()), mark)?;
        let age = days::age(day, then);
        if age > self.validity && age < ROUND - AHEAD {
            return Err(Unreturnable::TooOld);
        }
        let local = local_part(local).ok_or(Unreturnable::Malformed)?;
        Ok(Mailbox::new(local, host))
    }

    /// How long it is good for is for the first one to say; the day is in its words.
    fn reverse_second(&self, words: &str) -> Result<Mailbox, Unreturnable> {
        let second = Second::read(words).ok_or(Unreturnable::Malformed)?;
        let made = [&second.host.to_string(), &folded(second.words)];
        self.judge(
            Purpose::Srs1,
            &made.map(|part| part.as_bytes()),
            second.mark,
        )?;
        let local = local_part(&format!("SRS0{}", second.words)).ok_or(Unreturnable::Malformed)?;
        Ok(Mailbox::new(local, second.host))
    }

    fn judge(&self, purpose: Purpose, parts: &[&[u8]], mark: &str) -> Result<(), Unreturnable> {
        let given = mark.to_ascii_uppercase();
        let shape = |mark: &[u8; MARK]| shortened(mark).into_bytes();
        if self.keys.knows(purpose, parts, given.as_bytes(), shape) {
            Ok(())
        } else {
            Err(Unreturnable::Forged)
        }
    }
}

impl fmt::Debug for Srs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Srs")
            .field("domain", &self.domain)
            .field("validity", &self.validity)
            .finish_non_exhaustive()
    }
}

/// How a rewritten local part begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    First,
    Second,
}

impl Tag {
    /// The tag, in either case, and what is behind it: one of the separators that are in use, and more.
    fn of(local: &str) -> Option<(Self, &str)> {
        let (tag, words) = local.split_at_checked(4)?;
        if !words.starts_with(['=', '+', '-']) {
            return None;
        }
        match tag.to_ascii_uppercase().as_str() {
            "SRS0" => Some((Self::First, words)),
            "SRS1" => Some((Self::Second, words)),
            _ => None,
        }
    }
}

/// What stands behind `SRS1`.
struct Second<'a> {
    mark: &'a str,
    /// Who rewrote first.
    host: Host,
    /// What stood behind its `SRS0`, with the separator.
    words: &'a str,
}

impl<'a> Second<'a> {
    fn read(words: &'a str) -> Option<Self> {
        let (mark, rest) = words[1..].split_once('=')?;
        let (host, words) = rest.split_once('=')?;
        let host = Host::parse(host).ok()?;
        let whole = words.starts_with(['=', '+', '-']);
        whole.then_some(Self { mark, host, words })
    }
}

fn shortened(mark: &[u8; MARK]) -> String {
    base32::encode(mark, LETTERS)
}

/// As marked: whoever changes the case of an address on its way does not make it strange.
fn folded(words: &str) -> String {
    address::fold(words)
}

/// Any words as a local part. `None` when there are too many.
fn local_part(words: &str) -> Option<LocalPart> {
    quoted(words).parse().ok()
}

#[cfg(test)]
mod tests;
