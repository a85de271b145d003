//! What becomes of mail for an account beside its mailbox, and mailing lists as the store keeps them.
//!
//! The settings of a list and of a vacation are the host's: they are kept as they are given, and nothing is read in them.

use address::Mailbox;
use serde::{Deserialize, Serialize};

use crate::account::ChangeError;

/// Most targets of an alias.
pub const MOST_TARGETS: usize = 1_000;
/// Most addresses that one account forwards to.
pub const MOST_FORWARDS: usize = 100;
/// Most octets of the settings of a vacation.
pub const MOST_VACATION: usize = 256 << 10;
/// Most octets of the settings of a list.
pub const MOST_LIST: usize = 4 << 20;
/// What the local part of a list's other addresses ends with.
const SUFFIXES: [(ListAddress, &str); 3] = [
    (ListAddress::Request, "-request"),
    (ListAddress::Bounces, "-bounces"),
    (ListAddress::Owner, "-owner"),
];

/// What becomes of mail for an account. Formats before 5 knew nothing of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handling {
    /// Whom else it is sent on to.
    #[serde(default)]
    pub forward: Option<Forward>,
    /// The account has moved: senders are told this address, and nothing is taken (551, RFC 5321 section 3.4). It does
    /// not go with a forward.
    #[serde(default)]
    pub moved: Option<Mailbox>,
    /// What senders are told while somebody is away (RFC 3834).
    #[serde(default)]
    pub vacation: Option<String>,
}

/// Where mail for an account is sent on to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// Accounts, aliases, lists or addresses elsewhere; one at least.
    pub to: Vec<Mailbox>,
    /// A copy stays here.
    pub keep: bool,
    /// Senders are told where to (251, RFC 5321 section 3.4). That goes with one address, and no copy here.
    pub disclosed: bool,
}

/// A mailing list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredList {
    /// Where posts go. The addresses that end in `-request`, `-bounces` and `-owner` are its own, too.
    pub address: Mailbox,
    /// All else.
    pub settings: String,
}

/// What one of the addresses of a list is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ListAddress {
    /// Posts.
    Post,
    /// `-request`: programs' ears.
    Request,
    /// `-bounces`: what could not be delivered.
    Bounces,
    /// `-owner`: whoever looks after it.
    Owner,
}

impl StoredList {
    /// Its other addresses; `None` when there is no room for them in a local part (RFC 5321 section 4.5.3.1.1).
    pub(crate) fn others(&self) -> Option<Vec<Mailbox>> {
        let with = |(_, suffix): &(ListAddress, &str)| {
            let local = format!("{}{suffix}", self.address.local).parse().ok()?;
            Some(Mailbox::new(local, self.address.host.clone()))
        };
        SUFFIXES.iter().map(with).collect()
    }
}

/// The key of the list that an address of this folded local part may belong to, and what it would be for there.
pub(crate) fn bases(address: &Mailbox) -> impl Iterator<Item = (ListAddress, String)> {
    let local = address.local.folded();
    let host = address.host.clone();
    SUFFIXES.into_iter().filter_map(move |(what, suffix)| {
        let base = local.strip_suffix(suffix)?.parse().ok()?;
        Some((what, Mailbox::new(base, host.clone()).key()))
    })
}

/// `*@host`: whoever there is nobody for.
pub(crate) fn catch_all(address: &Mailbox) -> Option<Mailbox> {
    let local = "*".parse().ok()?;
    Some(Mailbox::new(local, address.host.clone()))
}

pub(crate) fn is_catch_all(address: &Mailbox) -> bool {
    address.local.as_str() == "*"
}

impl Handling {
    /// Whether an account can be so.
    ///
    /// # Errors
    /// What cannot.
    pub(crate) fn check(&self, of: &Mailbox) -> Result<(), ChangeError> {
        if let Some(forward) = &self.forward {
            if forward.to.is_empty() {
                return Err(ChangeError::NoTargets(of.clone()));
            }
            if forward.to.len() > MOST_FORWARDS {
                return Err(ChangeError::TooMany {
                    address: of.clone(),
                    most: MOST_FORWARDS,
                });
            }
            if forward.disclosed && (forward.keep || forward.to.len() != 1) {
                return Err(ChangeError::Disclosed(of.clone()));
            }
            if self.moved.is_some() {
                return Err(ChangeError::ForwardAndMoved(of.clone()));
            }
        }
        if (self.moved.as_ref()).is_some_and(|to| to.key() == of.key()) {
            return Err(ChangeError::MovedToItself(of.clone()));
        }
        if (self.vacation.as_ref()).is_some_and(|settings| settings.len() > MOST_VACATION) {
            return Err(ChangeError::SettingsTooLong(of.clone()));
        }
        Ok(())
    }
}
