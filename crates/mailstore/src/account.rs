//! Accounts, aliases, lists and the changes made to them.
//!
//! A password is only ever held here as what `auth` made of it; who may log in is decided there.

use std::fmt;

use address::{Destination, Mailbox};
use auth::{Floor, LoginKeys, PasswordHash};
use serde::{Deserialize, Serialize};

use crate::handling::{Handling, StoredList};

/// Names one account for ever: an account removed and made again gets another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AccountId(pub u64);

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Somebody with a mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Given by the store, never used twice.
    pub id: AccountId,
    /// The main address; its local part compares case-insensitively and takes `+detail`.
    pub address: Mailbox,
    /// For people; may be empty.
    pub name: String,
    /// A disabled account neither logs in nor receives, and keeps its mail.
    pub enabled: bool,
    /// Without one nobody can log in.
    pub password: Option<PasswordHash>,
    /// What mechanisms other than PLAIN and LOGIN need of the password.
    pub keys: LoginKeys,
    /// Octets the mailbox may hold: `None` is the store's default, `Some(0)` no limit.
    pub quota: Option<u64>,
    /// Set when the account comes from the accounts file.
    pub declared: Option<Declared>,
    /// Grows with every change of this account; given by the store.
    pub generation: u64,
    /// The epoch of its new mail (the first half of a UIDL); given by the store, never used twice.
    pub epoch: u32,
    /// What it is held to. Formats before 4 had none.
    #[serde(default)]
    pub terms: Terms,
    /// What becomes of mail for it beside its mailbox. Formats before 5 knew of nothing.
    #[serde(default)]
    pub handling: Handling,
}

/// What one account is held to beyond the rules for all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// New mail for it is put off for a while; it logs in, fetches and sends as always.
    pub suspended: bool,
    /// Whether it has a mailbox. Without one it may log in and send; nobody can write to it, and there is nothing to
    /// fetch.
    pub mailbox: bool,
    /// Whether it takes messages with UTF-8 in their header (RFC 6532).
    pub utf8: bool,
    /// The weakest way it may log in.
    pub login: Floor,
    /// Where it may send; everywhere when none is named.
    pub send_to: Vec<Destination>,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            suspended: false,
            mailbox: true,
            utf8: true,
            login: Floor::Any,
            send_to: Vec::new(),
        }
    }
}

/// What the accounts file said when the account was last reconciled with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// Keyed fingerprint of the declared secret, so that an unchanged one is not hashed again.
    pub fingerprint: Vec<u8>,
    /// The aliases declared with the account, so that the ones made by hand are told from them.
    pub aliases: Vec<Mailbox>,
}

/// An account to be made; the store adds id, generation and epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    /// See [`Account::address`].
    pub address: Mailbox,
    /// See [`Account::name`].
    pub name: String,
    /// See [`Account::enabled`].
    pub enabled: bool,
    /// See [`Account::password`].
    pub password: Option<PasswordHash>,
    /// See [`Account::keys`].
    pub keys: LoginKeys,
    /// See [`Account::quota`].
    pub quota: Option<u64>,
    /// See [`Account::declared`].
    pub declared: Option<Declared>,
    /// See [`Account::terms`].
    pub terms: Terms,
    /// See [`Account::handling`].
    pub handling: Handling,
}

impl NewAccount {
    /// An enabled account with the default quota and no password.
    #[must_use]
    pub fn new(address: Mailbox) -> Self {
        Self {
            address,
            name: String::new(),
            enabled: true,
            password: None,
            keys: LoginKeys::default(),
            quota: None,
            declared: None,
            terms: Terms::default(),
            handling: Handling::default(),
        }
    }
}

/// Another address for mailboxes, here or elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// What is written to. `*@host` stands for everybody at that host for whom there is nothing else.
    pub address: Mailbox,
    /// Accounts, further aliases, lists or addresses elsewhere that get the mail. The store knows no domains: whatever is
    /// none of the first three is elsewhere, and whether there is such a place is for the host to say.
    pub targets: Vec<Mailbox>,
}

/// A wish to change accounts, aliases or lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Makes an account. Its address must be free.
    AddAccount(NewAccount),
    /// Replaces the account of that id. Generation and epoch given here are ignored.
    PutAccount(Account),
    /// Gives an account keys for the password it has, unless it has been changed since that generation.
    PutKeys {
        /// Whose.
        account: AccountId,
        /// As it was when the password was seen to be right.
        generation: u64,
        /// Each takes the place of the one of its kind.
        keys: LoginKeys,
    },
    /// Removes an account with all its mail. Aliases that point to it stay and lead nowhere.
    RemoveAccount(AccountId),
    /// Makes or replaces an alias.
    PutAlias(Alias),
    /// Removes an alias.
    RemoveAlias(Mailbox),
    /// Makes or replaces a list. Its four addresses must be free.
    PutList(StoredList),
    /// Removes a list.
    RemoveList(Mailbox),
}

/// Why a change was not made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ChangeError {
    /// Another account, alias or list has that address.
    #[error("{0} is already taken")]
    AddressTaken(Mailbox),
    /// There is no such account.
    #[error("there is no account {0}")]
    NoAccount(AccountId),
    /// The account is not any more what it was when the change was thought of.
    #[error("the account {0} has been changed meanwhile")]
    Changed(AccountId),
    /// There is no such alias.
    #[error("there is no alias {0}")]
    NoAlias(Mailbox),
    /// An alias or a forward without targets would swallow mail.
    #[error("the alias or forward of {0} needs at least one address")]
    NoTargets(Mailbox),
    /// The alias would lead back to itself.
    #[error("the alias {0} would lead back to itself")]
    AliasCycle(Mailbox),
    /// An account address with `+detail` could never be told from the detail of another one.
    #[error("{0}: an account or list address has no +detail")]
    Detail(Mailbox),
    /// There is no such list.
    #[error("there is no list {0}")]
    NoList(Mailbox),
    /// More addresses than one may lead to.
    #[error("{address} can lead to {most} addresses at most")]
    TooMany {
        /// What leads there.
        address: Mailbox,
        /// To how many it may.
        most: usize,
    },
    /// Only an alias can stand for everybody.
    #[error("{0}: only an alias can be a catch-all")]
    CatchAll(Mailbox),
    /// Its other addresses would be too long.
    #[error("{0} leaves no room for the list's other addresses; choose a shorter name")]
    ListName(Mailbox),
    /// More than is kept.
    #[error("the settings of {0} are too long")]
    SettingsTooLong(Mailbox),
    /// Whom senders are told of cannot be one of several.
    #[error(
        "{0} can tell senders the new address only if it forwards to one address and keeps no copy"
    )]
    Disclosed(Mailbox),
    /// Nothing is taken for an account that has moved.
    #[error("{0} cannot both forward mail and refer senders to another address")]
    ForwardAndMoved(Mailbox),
    /// Senders would come back.
    #[error("{0} cannot refer senders to itself")]
    MovedToItself(Mailbox),
    /// The store could not make it durable.
    #[error(transparent)]
    Store(#[from] crate::StoreError),
}

/// A change as the engine records it: decided, complete, and safe to apply twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Decision {
    /// This account is now exactly so.
    Account(Box<Account>),
    /// This account and its mail are gone.
    NoAccount(AccountId),
    /// This alias is now exactly so.
    Alias(Alias),
    /// This alias is gone.
    NoAlias(Mailbox),
    /// This list is now exactly so.
    List(StoredList),
    /// This list is gone.
    NoList(Mailbox),
}

impl Decision {
    /// This account is now exactly so.
    pub(crate) fn account(account: Account) -> Self {
        Self::Account(Box::new(account))
    }
}
