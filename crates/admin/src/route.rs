//! Where mail for an address goes: plain values.

use address::Mailbox;
use serde::{Deserialize, Serialize};

/// What becomes of mail for an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fate", rename_all = "kebab-case")]
pub enum RouteFacts {
    /// It is at no domain of this server.
    Elsewhere,
    /// It goes there.
    Leads {
        /// One at least.
        ways: Vec<Way>,
        /// The address that senders are told of.
        disclosed: Option<Mailbox>,
        /// Members of an alias who have moved and get nothing: who, and where to.
        passed_over: Vec<(Mailbox, Mailbox)>,
        /// Accounts that say that somebody is away.
        away: Vec<Mailbox>,
        /// Accounts whose new mail is put off, and with it all mail for this address.
        suspended: Vec<Mailbox>,
        /// Accounts that keep nothing themselves, and whose forwarding leads back to them: their mail stays there.
        #[serde(default)]
        back: Vec<Mailbox>,
    },
    /// Nobody takes it: senders are told this address.
    Moved {
        /// The new address.
        to: Mailbox,
    },
    /// Every account that it leads to is disabled.
    Disabled {
        /// These.
        #[serde(default)]
        accounts: Vec<Mailbox>,
    },
    /// Nobody has it, but there is a postmaster at every domain: whom the configuration names, or else this account.
    Postmaster {
        /// None, where no account gets mail.
        first: Option<Mailbox>,
    },
    /// Nobody has it.
    Nobody,
    /// Aliases lead round in a circle.
    Circle,
    /// It leads to more places than can be.
    TooMany,
}

/// The addresses of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AtList {
    /// Its own: for all members.
    #[default]
    Post,
    /// For those who want to join or leave.
    Request,
    /// For bounces of posts.
    Bounces,
    /// For its owners.
    Owner,
}

/// One place that mail goes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// Which.
    #[serde(flatten)]
    pub place: Place,
    /// The aliases and forwarding accounts that lead there, in order.
    pub through: Vec<Mailbox>,
}

/// Where a way ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "place", rename_all = "kebab-case")]
pub enum Place {
    /// In a mailbox here.
    Mailbox {
        /// Whose.
        account: Mailbox,
    },
    /// At a list.
    List {
        /// Which.
        list: Mailbox,
        /// Which of its addresses.
        #[serde(default)]
        at: AtList,
    },
    /// At another server.
    Elsewhere {
        /// The address there.
        address: Mailbox,
    },
    /// At an address of this server that nobody has: left out.
    Nobody {
        /// Which.
        address: Mailbox,
    },
}
