//! What a report is made of. Nothing here is written or decided.

use std::net::IpAddr;

use address::{Envelope, Host, Mailbox, Recipient};
use reply::{Enhanced, Language, Row};

use crate::message_id::MessageId;
use crate::moment::Moment;
use crate::original::Original;

/// Everything one report is made of.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The name of this server (RFC 3464 section 2.2.2).
    pub reporting: &'a Host,
    /// Our postmaster: who the report is from, and who gets it when there is no sender to tell.
    pub postmaster: &'a Mailbox,
    /// The envelope of the original; its recipients are not looked at.
    pub envelope: &'a Envelope,
    /// When the original was taken in.
    pub arrived: Moment,
    /// The time now: the report's date.
    pub now: Moment,
    /// What became of each recipient. Those nobody is to hear of ([`whom`](crate::whom)) are left out.
    pub outcomes: &'a [Outcome<'a>],
    /// What the sender reads.
    pub languages: Languages,
    /// What the original is like, where it is at hand.
    pub original: Option<&'a Original>,
    /// The original's Message-ID, where it has one.
    pub message_id: Option<&'a MessageId>,
    /// The mailing list that sent it to its members: whoever looks after that reads the report.
    pub list: Option<OfList<'a>>,
    /// Where the envelope has no sender because the one there was cannot be told: that one.
    pub untold: Option<&'a Mailbox>,
    /// What may be sent back.
    pub limits: Limits,
    /// 128 random bits, new for each report. The boundary is made of them, so nobody who writes a message can know it.
    pub random: [u8; 16],
}

/// A mailing list whose members a message was for.
#[derive(Clone, Copy, Debug)]
pub struct OfList<'a> {
    /// Where posts go.
    pub list: &'a Mailbox,
    /// Its members among those whom it did not reach, in the end.
    pub members: &'a [Mailbox],
}

/// What may be sent back of the original.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most octets of it. Above that only the header is returned; and not even that, when it alone is larger.
    pub octets: u64,
    /// The way back takes 8-bit mail (RFC 6152), or nothing is known about it.
    pub eight_bit: bool,
}

/// What became of one recipient.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    /// The recipient: the final address, and what the sender wished for.
    pub recipient: &'a Recipient,
    /// What happened.
    pub action: Action,
    /// The code for it (RFC 3463); its class is made to agree with `action`.
    pub status: Enhanced,
    /// Why, for the words people read.
    pub why: Why,
    /// The other server, when there was one.
    pub remote: Option<Remote<'a>>,
    /// When it was last tried.
    pub tried: Option<Moment>,
    /// Until when it will be tried; for [`Action::Delayed`].
    pub until: Option<Moment>,
    /// The report is due by RFC 2852 (BY), so it takes NOTIFY=NEVER to be spared it.
    pub deliver_by: bool,
}

/// What happened to a recipient (RFC 3464 section 2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Given up.
    Failed,
    /// Not delivered yet; tried on.
    Delayed,
    /// In the mailbox, or handed to a mailing list.
    Delivered,
    /// Handed to a system that will not report.
    Relayed,
    /// Delivered, and passed on to several others.
    Expanded,
}

/// Where the words for the cause come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The status says it.
    Status,
    /// Another code says it better, such as that of the last attempt before time ran out.
    Behind(Enhanced),
    /// A row of our own catalogue.
    Row(&'static Row),
    /// The sender's account has used up what it may send a day.
    Allowance,
}

/// The server that was spoken to, or that could not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote<'a> {
    /// Its name, as DNS or the configuration gave it.
    pub host: &'a Host,
    /// Its address, where it came to a connection.
    pub address: Option<IpAddr>,
    /// Its reply, where it gave one.
    pub said: Option<Said<'a>>,
}

/// A reply of another server, in its own words. Nothing is trusted about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said<'a> {
    /// The reply code.
    pub code: u16,
    /// What stood behind the code, enhanced code and all; lines are separated by CR, LF or both.
    pub text: &'a [u8],
}

/// The languages of the text for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Languages {
    /// English.
    #[default]
    English,
    /// Japanese.
    Japanese,
    /// English, then Japanese.
    Both,
}

impl Languages {
    /// Each language, in its order.
    pub(crate) const fn each(self) -> &'static [Language] {
        match self {
            Self::English => &[Language::English],
            Self::Japanese => &[Language::Japanese],
            Self::Both => &[Language::English, Language::Japanese],
        }
    }
}

impl Action {
    /// Every action, the gravest first: the order in which people read them.
    pub const ALL: [Self; 5] = [
        Self::Failed,
        Self::Delayed,
        Self::Delivered,
        Self::Relayed,
        Self::Expanded,
    ];

    /// Its name in the report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::Relayed => "relayed",
            Self::Expanded => "expanded",
        }
    }
}
