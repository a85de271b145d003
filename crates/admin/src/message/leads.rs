//! What is asked and answered about where mail goes on to: forwards and mailing lists.

use address::Mailbox;
use delivery::list::{Expansion, Joining, Posting, ReplyTo, Settings};
use delivery::vacation;
use serde::{Deserialize, Serialize};

use super::Request;

/// One thing to do about what becomes of an account's mail beside its mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "handling", rename_all = "kebab-case", deny_unknown_fields)]
pub enum HandlingRequest {
    /// Sends it on, or changes how.
    Forward {
        /// Whose.
        address: Mailbox,
        /// What is new.
        forward: NewForward,
    },
    /// Sends it on no more.
    ForwardOff {
        /// Whose.
        address: Mailbox,
    },
    /// Refers senders to another address, and takes nothing; or takes mail again.
    Refer {
        /// Whose mail.
        address: Mailbox,
        /// Where senders should write to.
        to: Option<Mailbox>,
    },
    /// Tells senders that somebody is away, or no more.
    Vacation {
        /// Who.
        address: Mailbox,
        /// What they are told, and when.
        settings: Option<vacation::Settings>,
    },
    /// Shows what senders are told.
    VacationShow {
        /// By whose account.
        address: Mailbox,
    },
}

/// One thing to do about mailing lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "list", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ListRequest {
    /// Makes one.
    Add {
        /// All there is to say of it.
        settings: Box<Settings>,
    },
    /// Changes one; what is not named stays.
    Set {
        /// Which one.
        address: Mailbox,
        /// What is new.
        changes: NewList,
    },
    /// Puts people on one and takes others from it.
    Members {
        /// Which one.
        address: Mailbox,
        /// Who gets its posts from now on.
        add: Vec<Mailbox>,
        /// Who gets them no more.
        remove: Vec<Mailbox>,
    },
    /// Lists all of them.
    List,
    /// Shows one.
    Show {
        /// Which one.
        address: Mailbox,
    },
    /// Removes one.
    Remove {
        /// Which one.
        address: Mailbox,
    },
}

impl From<HandlingRequest> for Request {
    fn from(request: HandlingRequest) -> Self {
        Self::Handling(request)
    }
}

impl From<ListRequest> for Request {
    fn from(request: ListRequest) -> Self {
        Self::List(request)
    }
}

impl HandlingRequest {
    pub(super) fn changes(&self) -> bool {
        match self {
            Self::Forward { .. }
            | Self::ForwardOff { .. }
            | Self::Refer { .. }
            | Self::Vacation { .. } => true,
            Self::VacationShow { .. } => false,
        }
    }
}

impl ListRequest {
    pub(super) fn changes(&self) -> bool {
        match self {
            Self::Add { .. } | Self::Set { .. } | Self::Members { .. } | Self::Remove { .. } => {
                true
            }
            Self::List | Self::Show { .. } => false,
        }
    }
}

/// What is new of where mail for an account is sent on to; what is not named stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewForward {
    /// Where to, all of it.
    pub to: Option<Vec<Mailbox>>,
    /// Whether a copy stays here. Unless anything is said, one does.
    pub keep: Option<bool>,
    /// Whether senders are told where to, which goes with one address and no copy here.
    pub disclosed: Option<bool>,
}

/// What is new of a list; what is not named stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewList {
    /// Its short name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Who looks after it, all of them.
    pub owners: Option<Vec<Mailbox>>,
    /// Who decides about posts, all of them.
    pub moderators: Option<Vec<Mailbox>>,
    /// Who may post.
    pub posting: Option<Posting>,
    /// Who is told the members.
    pub expansion: Option<Expansion>,
    /// Whether people can join by mail.
    pub joining: Option<Joining>,
    /// Where replies go.
    pub reply_to: Option<ReplyTo>,
    /// What stands in front of subjects; nothing if it is empty.
    pub subject_tag: Option<String>,
}

/// A list as shown among others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListFacts {
    /// Where posts go.
    pub address: Mailbox,
    /// Its short name; may be empty.
    pub name: String,
    /// How many get the posts.
    pub members: u64,
    /// Who looks after it.
    pub owners: Vec<Mailbox>,
    /// Who may post.
    pub posting: Posting,
    /// Whether people can join by mail.
    pub joining: Joining,
}

impl NewList {
    /// Replaces what is named, and leaves the rest.
    pub(crate) fn put_into(self, settings: &mut Settings) {
        let Self {
            name,
            description,
            owners,
            moderators,
            posting,
            expansion,
            joining,
            reply_to,
            subject_tag,
        } = self;
        put(name, &mut settings.name);
        put(description, &mut settings.description);
        put(owners, &mut settings.owners);
        put(moderators, &mut settings.moderators);
        put(posting, &mut settings.posting);
        put(expansion, &mut settings.expansion);
        put(joining, &mut settings.joining);
        put(reply_to, &mut settings.reply_to);
        if let Some(tag) = subject_tag {
            settings.subject_tag = Some(tag).filter(|tag| !tag.is_empty());
        }
    }
}

fn put<T>(new: Option<T>, into: &mut T) {
    if let Some(new) = new {
        *into = new;
    }
}

impl From<&Settings> for ListFacts {
    fn from(settings: &Settings) -> Self {
        Self {
            address: settings.address.clone(),
            name: settings.name.clone(),
            members: settings.members.len() as u64,
            owners: settings.owners.clone(),
            posting: settings.posting,
            joining: settings.joining,
        }
    }
}
