//! Mailing lists: what a list is, and every decision about it that needs no looking.
//!
//! Posts keep their body and every header field that is not the list's own, so that signatures on them stay good,
//! unless the list is told to put a tag into subjects or to take replies for itself. Where lists are kept and who
//! reads these decisions out to a client is not known here.

use std::collections::BTreeMap;

use address::{Domain, Mailbox};
use serde::{Deserialize, Serialize};

mod copies;
mod header;
mod moderation;
mod one_click;
mod posting;
mod request;

pub use copies::{OneClick, PostCopy};
pub use moderation::Moderation;
pub use one_click::{UrlBase, UrlBaseError, one_click_member};
pub use posting::{AfterData, AtRcpt, Looped, Poster};
pub use request::{Action, Asked, Asking, CONFIRM_DAYS, Ignored, Request, Requested};

/// Longest name and longest tag, in octets.
const LONGEST_NAME: usize = 100;
/// Longest description, in octets.
const LONGEST_DESCRIPTION: usize = 1000;
/// Longest address: with a suffix it makes a path of 256 octets (RFC 5321 section 4.5.3.1.3), and List-Id stays within
/// the 255 of RFC 2919 section 2.
const LONGEST_ADDRESS: usize = 256 - "<-request>".len();
/// Longest local part: that of its longest other address fits into 64 octets (RFC 5321 section 4.5.3.1.1).
const LONGEST_LOCAL: usize = 64 - "-request".len();

/// A list as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Where posts go.
    pub address: Mailbox,
    /// Its short name, such as `Staff`; may be empty.
    #[serde(default)]
    pub name: String,
    /// What it is for, told to whoever asks; may be empty.
    #[serde(default)]
    pub description: String,
    /// Who hears of bounces, and whom people can ask; at least one.
    pub owners: Vec<Mailbox>,
    /// Who gets the posts.
    #[serde(default)]
    pub members: Vec<Mailbox>,
    /// Who decides about posts to a moderated list; without any, the owners.
    #[serde(default)]
    pub moderators: Vec<Mailbox>,
    /// Who may post.
    #[serde(default)]
    pub posting: Posting,
    /// Who is told the members (EXPN).
    #[serde(default)]
    pub expansion: Expansion,
    /// Whether people can join by mail.
    #[serde(default)]
    pub joining: Joining,
    /// Where replies go.
    #[serde(default)]
    pub reply_to: ReplyTo,
    /// Put in brackets in front of subjects, if there is one. Signatures over the subject do not survive it.
    #[serde(default)]
    pub subject_tag: Option<String>,
}

/// Who may post to a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Posting {
    /// Everybody.
    Anyone,
    /// Members, moderators and owners. Those who have an account here have to log in, because anybody can write under
    /// their address.
    #[default]
    Members,
    /// Everybody who has an account here and logs in.
    Authenticated,
    /// Everybody, once a moderator has agreed; moderators who log in need nobody's consent.
    Moderated,
}

/// Who is told the members of a list (RFC 5321 section 3.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expansion {
    /// Nobody.
    #[default]
    Nobody,
    /// Members, moderators and owners who are logged in.
    Members,
    /// Everybody who is logged in.
    Authenticated,
    /// Everybody. Collectors of addresses, too.
    Anyone,
}

/// Whether people can join a list by mail. Everybody can leave it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Joining {
    /// Only the owner adds members.
    #[default]
    Closed,
    /// Whoever confirms that the address is his own.
    Open,
}

/// Where replies to posts go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReplyTo {
    /// Where the sender of the post said.
    #[default]
    Sender,
    /// To the list. Signatures over Reply-To do not survive it, and what was meant for one reaches all.
    List,
}

/// Why a list cannot be like that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// Its address would not do in header fields, or leaves no room for its other addresses.
    #[error(
        "{0} cannot be the address of a list: before the @ use up to 56 letters, digits, dots, hyphens and underscores, behind it a domain, 246 octets in all"
    )]
    Address(Mailbox),
    /// Its address is the other address of another list.
    #[error(
        "{0} cannot be the address of a list: addresses that end in -request, -bounces or -owner belong to the list of the name before that"
    )]
    Reserved(Mailbox),
    /// Nobody would hear of bounces.
    #[error("a list needs an owner, who hears of bounces")]
    NoOwner,
    /// Mail to it would go round.
    #[error("{0} is an address of the list itself and cannot be its member, owner or moderator")]
    Itself(Mailbox),
    /// A name that is too long.
    #[error("the name of a list may have 100 octets at most")]
    NameTooLong,
    /// A description that is too long.
    #[error("the description of a list may have 1000 octets at most")]
    DescriptionTooLong,
    /// A tag that is empty, too long, or not of plain letters.
    #[error(
        "the tag of a list may have up to 100 ASCII letters, digits and marks, and no brackets or spaces"
    )]
    Tag,
}

/// A list that makes sense.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Settings", into = "Settings")]
pub struct List {
    settings: Settings,
    domain: Domain,
    /// By [`Mailbox::key`], each once.
    members: BTreeMap<String, Mailbox>,
}

/// What an address of a list is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Posts.
    Post,
    /// `-request`: programs' ears, for joining, leaving and help (RFC 2142 section 6).
    Request,
    /// `-bounces`: the reverse-path of copies; what comes here goes to the owners, from `<>`.
    Bounces,
    /// `-owner`: goes to the owners.
    Owner,
}

impl Role {
    const OTHERS: [Self; 3] = [Self::Request, Self::Bounces, Self::Owner];

    const fn suffix(self) -> &'static str {
        match self {
            Self::Post => "",
            Self::Request => "-request",
            Self::Bounces => "-bounces",
            Self::Owner => "-owner",
        }
    }
}

impl List {
    /// Takes settings that make sense.
    ///
    /// # Errors
    /// What does not.
    pub fn new(settings: Settings) -> Result<Self, ListError> {
        let domain = domain_of(&settings.address)?;
        if settings.owners.is_empty() {
            return Err(ListError::NoOwner);
        }
        if settings.name.len() > LONGEST_NAME {
            return Err(ListError::NameTooLong);
        }
        if settings.description.len() > LONGEST_DESCRIPTION {
            return Err(ListError::DescriptionTooLong);
        }
        if settings
            .subject_tag
            .as_ref()
            .is_some_and(|tag| !is_tag(tag))
        {
            return Err(ListError::Tag);
        }
        let members = settings
            .members
            .iter()
            .map(|member| (member.key(), member.clone()))
            .collect();
        let list = Self {
            settings,
            domain,
            members,
        };
        let settings = &list.settings;
        let mut everybody = settings
            .owners
            .iter()
            .chain(&settings.members)
            .chain(&settings.moderators);
        if let Some(itself) = everybody.find(|mailbox| list.role(mailbox).is_some()) {
            return Err(ListError::Itself(itself.clone()));
        }
        Ok(list)
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What this address is for here, if it is one of the list's.
    #[must_use]
    pub fn role(&self, mailbox: &Mailbox) -> Option<Role> {
        if mailbox.host.domain() != Some(&self.domain) {
            return None;
        }
        let (local, ours) = (mailbox.local.folded(), self.settings.address.local.folded());
        let behind = local.strip_prefix(&ours)?;
        let mut roles = std::iter::once(Role::Post).chain(Role::OTHERS);
        roles.find(|role| role.suffix() == behind)
    }

    /// Its address for this.
    #[must_use]
    pub fn mailbox(&self, role: Role) -> Mailbox {
        let local = format!("{}{}", self.settings.address.local, role.suffix());
        match local.parse() {
            Ok(local) => Mailbox::new(local, self.domain.clone().into()),
            // Its letters and its length were seen to when it was made.
            Err(_) => self.settings.address.clone(),
        }
    }

    /// Everybody who gets posts, each once, in the order of the addresses.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &Mailbox> {
        self.members.values()
    }

    /// Whether somebody gets posts.
    #[must_use]
    pub fn is_member(&self, mailbox: &Mailbox) -> bool {
        self.members.contains_key(&mailbox.key())
    }

    /// Who decides about posts to a moderated list.
    #[must_use]
    pub fn moderators(&self) -> &[Mailbox] {
        match self.settings.moderators.as_slice() {
            [] => &self.settings.owners,
            moderators => moderators,
        }
    }

    /// Members, and those who look after them.
    fn belongs(&self, mailbox: &Mailbox) -> bool {
        self.is_member(mailbox)
            || contains(&self.settings.owners, mailbox)
            || contains(&self.settings.moderators, mailbox)
    }

    /// Whether the members are told (EXPN) to somebody who is logged in under these addresses, or under none.
    #[must_use]
    pub fn expands_for(&self, login: &[Mailbox]) -> bool {
        match self.settings.expansion {
            Expansion::Nobody => false,
            Expansion::Members => login.iter().any(|mailbox| self.belongs(mailbox)),
            Expansion::Authenticated => !login.is_empty(),
            Expansion::Anyone => true,
        }
    }

    /// What List-Id calls it: `staff.example.test` (RFC 2919 section 3). It does not change with the case of its
    /// address.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}.{}", self.settings.address.local.folded(), self.domain)
    }
}

impl TryFrom<Settings> for List {
    type Error = ListError;

    fn try_from(settings: Settings) -> Result<Self, ListError> {
        Self::new(settings)
    }
}

impl From<List> for Settings {
    fn from(list: List) -> Self {
        list.settings
    }
}

fn contains(mailboxes: &[Mailbox], wanted: &Mailbox) -> bool {
    let key = wanted.key();
    mailboxes.iter().any(|mailbox| mailbox.key() == key)
}

/// The domain of an address that will do: in List-Id as it is, in a `mailto:` without escapes, with a suffix in 64
/// octets.
fn domain_of(address: &Mailbox) -> Result<Domain, ListError> {
    let local = address.local.as_str();
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_');
    let is_dot_atom = local.split('.').all(|atom| !atom.is_empty());
    let is_long = local.len() > LONGEST_LOCAL || address.to_string().len() > LONGEST_ADDRESS;
    if !local.bytes().all(is_plain) || !is_dot_atom || is_long {
        return Err(ListError::Address(address.clone()));
    }
    if Role::OTHERS
        .iter()
        .any(|role| local.to_ascii_lowercase().ends_with(role.suffix()))
    {
        return Err(ListError::Reserved(address.clone()));
    }
    address
        .host
        .domain()
        .cloned()
        .ok_or_else(|| ListError::Address(address.clone()))
}

fn is_tag(tag: &str) -> bool {
    let is_mark = |octet: u8| octet.is_ascii_graphic() && !matches!(octet, b'[' | b']');
    (1..=LONGEST_NAME).contains(&tag.len()) && tag.bytes().all(is_mark)
}

#[cfg(test)]
mod tests;
