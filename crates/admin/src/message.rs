//! What is asked of the administration and what it answers: plain values, the same over the socket and offline.
//!
//! Passwords are not among them: whoever asks has hashed the password already, so that none crosses the socket
//! and the server's login threads are left to the logins.

use std::net::SocketAddr;

use address::{Destination, Mailbox};
use auth::{Floor, NewPassword};
use delivery::{list, vacation};
use mailstore::{Census, Damage, Forward, Hit, Undeleted};
use serde::{Deserialize, Serialize};

use crate::comparison::{Compared, Comparison};
use crate::queue::{QueueFacts, QueueRequest, QueueResponse};
use crate::route::RouteFacts;

mod leads;

pub use leads::{HandlingRequest, ListFacts, ListRequest, NewForward, NewList};

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Makes an account.
    AccountAdd {
        /// Its full address, in a domain served here.
        address: Mailbox,
        /// For people.
        name: String,
        /// What it logs in with.
        password: NewPassword,
        /// Octets; `None` is the server's default, 0 no limit.
        quota: Option<u64>,
    },
    /// Asks whether an account of this address could be made, before its password is.
    AccountMayAdd {
        /// Its full address.
        address: Mailbox,
    },
    /// Asks whether an account may be changed here, before its new password is made.
    AccountMayChange {
        /// Whose.
        address: Mailbox,
    },
    /// Lists all accounts.
    AccountList,
    /// Shows one account.
    AccountShow {
        /// Whose.
        address: Mailbox,
    },
    /// Removes an account and its mail.
    AccountRemove {
        /// Whose.
        address: Mailbox,
        /// Said yes to losing the mail in it. Without this, an account that holds mail stays.
        with_mail: bool,
    },
    /// Sets a new password.
    AccountPassword {
        /// Whose.
        address: Mailbox,
        /// The new one. With a sealed secret among its keys the account may log in with APOP and CRAM-MD5,
        /// without one it may not.
        password: NewPassword,
    },
    /// Takes the sealed secret away, and with it APOP and CRAM-MD5.
    AccountForbidApop {
        /// Whose.
        address: Mailbox,
    },
    /// Sets the quota.
    AccountQuota {
        /// Whose.
        address: Mailbox,
        /// Octets; `None` is the server's default, 0 no limit.
        quota: Option<u64>,
    },
    /// Lets an account log in and receive, or not.
    AccountEnable {
        /// Whose.
        address: Mailbox,
        /// Which of the two.
        enabled: bool,
    },
    /// Puts new mail for an account off for a while, or takes it again.
    AccountSuspend {
        /// Whose.
        address: Mailbox,
        /// Which of the two.
        suspended: bool,
    },
    /// Changes what an account is held to; what is not named stays.
    AccountTerms {
        /// Whose.
        address: Mailbox,
        /// What is new.
        terms: NewTerms,
    },
    /// Something about what becomes of an account's mail beside its mailbox.
    Handling(HandlingRequest),
    /// Adds targets to an alias, making it where there is none.
    AliasAdd {
        /// What is written to.
        address: Mailbox,
        /// Who gets it.
        targets: Vec<Mailbox>,
    },
    /// Lists all aliases.
    AliasList,
    /// Removes targets from an alias; with the last one, or when none is named, the alias itself.
    AliasRemove {
        /// What is written to.
        address: Mailbox,
        /// Who gets it no more.
        targets: Vec<Mailbox>,
    },
    /// Something about mailing lists.
    List(ListRequest),
    /// Asks how things are.
    Status,
    /// Stops taking mail for the time being, or goes on with it. Only a running server can be asked.
    Suspend {
        /// Which of the two.
        suspended: bool,
    },
    /// Keeps the files of the store from going away for as long as the connection stays open, and counts what they
    /// lead to. Only a running server can be asked.
    Hold,
    /// Asks which messages mailboxes list at damaged places of the log.
    Placed {
        /// Where.
        places: Vec<Damage>,
    },
    /// Something about the queue of mail for elsewhere.
    Queue(QueueRequest),
    /// Asks where mail for an address goes.
    Route {
        /// Whether it is about Postmaster without a domain; then the address does not count.
        #[serde(default)]
        postmaster: bool,
        /// Whose.
        address: Mailbox,
    },
    /// Asks what reading an accounts file would change. Only a running server can be asked.
    Compare(Comparison),
    /// Something that takes the connection for itself.
    Carry(Errand),
}

/// What takes the connection for itself: the answer is only the beginning of what comes over it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "errand", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Errand {
    /// Asks for all letters of a mailbox, which follow the answer as [`Parcel`](crate::Parcel)s.
    Export {
        /// Whose.
        address: Mailbox,
    },
    /// Asks whether so many letters may come, which then follow as [`Parcel`](crate::Parcel)s. All of them are taken in, as
    /// far as they are not here already, or none is.
    Import {
        /// Into whose mailbox.
        address: Mailbox,
        /// How many.
        messages: u64,
        /// Their octets.
        octets: u64,
        /// Also those that are here already.
        again: bool,
    },
    /// Gives back to the file system what removed messages take; the answer is followed by
    /// [`Parcel`](crate::Parcel)s that say how far it is.
    Compact {
        /// Also where there is little to give back.
        force: bool,
    },
    /// Brings back removed messages as new ones; a [`Parcel`](crate::Parcel) behind the answer says how it went.
    Undelete {
        /// Whose.
        address: Mailbox,
        /// Removed then or later, in milliseconds since 1970.
        since: u64,
        /// Only says how many there are.
        dry_run: bool,
    },
}

impl Request {
    /// Whether it changes accounts, aliases or lists, which is done one at a time.
    pub(crate) fn changes(&self) -> bool {
        match self {
            Self::Handling(request) => request.changes(),
            Self::List(request) => request.changes(),
            Self::AccountMayAdd { .. }
            | Self::AccountMayChange { .. }
            | Self::AccountList
            | Self::AccountShow { .. }
            | Self::AliasList
            | Self::Status
            | Self::Suspend { .. }
            | Self::Hold
            | Self::Placed { .. }
            | Self::Queue(_)
            | Self::Route { .. }
            | Self::Compare(_)
            | Self::Carry(_) => false,
            Self::AccountAdd { .. }
            | Self::AccountRemove { .. }
            | Self::AccountPassword { .. }
            | Self::AccountForbidApop { .. }
            | Self::AccountQuota { .. }
            | Self::AccountEnable { .. }
            | Self::AccountSuspend { .. }
            | Self::AccountTerms { .. }
            | Self::AliasAdd { .. }
            | Self::AliasRemove { .. } => true,
        }
    }
}

/// What is new of what an account is held to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTerms {
    /// Whether it has a mailbox.
    pub mailbox: Option<bool>,
    /// Whether it takes messages with UTF-8 in their header.
    pub utf8: Option<bool>,
    /// The weakest way it may log in.
    pub login: Option<Floor>,
    /// Where it may send; everywhere when the list is empty.
    pub send_to: Option<Vec<Destination>>,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Response {
    /// What was asked about would be done.
    Allowed,
    /// One account: the one asked for, made or changed.
    Account(AccountFacts),
    /// All accounts, by address.
    Accounts(Vec<AccountFacts>),
    /// One alias: the one made or changed.
    Alias(AliasFacts),
    /// All aliases, by address.
    Aliases(Vec<AliasFacts>),
    /// One list: the one asked for, made or changed.
    List(Box<list::Settings>),
    /// All lists, by address.
    Lists(Vec<ListFacts>),
    /// What senders are told while somebody is away.
    Vacation {
        /// Who.
        address: Mailbox,
        /// Nothing, if there is none.
        settings: Option<vacation::Settings>,
    },
    /// The account, alias or list of this address is gone; so much mail went with it.
    Removed {
        /// What is gone.
        address: Mailbox,
        /// Messages deleted with it.
        messages: u64,
        /// Their octets.
        octets: u64,
        /// Aliases that led there, and lead elsewhere still.
        left: Vec<Mailbox>,
        /// Aliases that led nowhere else, and are gone with it.
        emptied: Vec<Mailbox>,
        /// Accounts that forwarded there, and do no more.
        #[serde(default)]
        forwards: Vec<Mailbox>,
    },
    /// How things are.
    Status(Status),
    /// So many letters follow.
    Letters {
        /// How many.
        messages: u64,
        /// Their octets.
        octets: u64,
    },
    /// Nothing goes away from now on until the connection is closed; this is what is there.
    Held(Census),
    /// For each place the messages listed there.
    Placed(Vec<Vec<Hit>>),
    /// So much can be brought back.
    Undeletable(Undeleted),
    /// What came of a request about the queue.
    Queue(QueueResponse),
    /// Where mail for an address goes.
    Route(RouteFacts),
    /// What reading an accounts file would change.
    Compared(Compared),
}

/// An account as shown to people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountFacts {
    /// Its address.
    pub address: Mailbox,
    /// For people; may be empty.
    pub name: String,
    /// Whether it can log in and receive.
    pub enabled: bool,
    /// Whether new mail for it is put off for a while.
    pub suspended: bool,
    /// Whether it has a mailbox; without one it only sends.
    pub mailbox: bool,
    /// Whether it takes messages with UTF-8 in their header.
    pub utf8: bool,
    /// The weakest way it may log in.
    pub login: Floor,
    /// Where it may send; everywhere when none is named.
    pub send_to: Vec<Destination>,
    /// Whether it has a password; without one nobody can log in.
    pub password: bool,
    /// Whether it can log in with SCRAM-SHA-256.
    pub scram_sha_256: bool,
    /// Whether it can log in with SCRAM-SHA-1.
    pub scram_sha_1: bool,
    /// Whether it may log in with APOP and CRAM-MD5, its password being kept readable under the house's key.
    pub apop: bool,
    /// Whether it stands in the accounts file.
    pub declared: bool,
    /// Octets it may hold; 0 is no limit.
    pub quota: u64,
    /// Whether that is the server's default.
    pub quota_is_default: bool,
    /// Messages in its mailbox.
    pub messages: u64,
    /// Their octets.
    pub octets: u64,
    /// Aliases that lead here directly.
    pub aliases: Vec<Mailbox>,
    /// Where its mail is sent on to.
    #[serde(default)]
    pub forward: Option<Forward>,
    /// Where senders are referred to, since nothing is taken for it.
    #[serde(default)]
    pub moved: Option<Mailbox>,
    /// Whether senders are told that somebody is away, at least for some time.
    #[serde(default)]
    pub vacation: bool,
}

/// An alias as shown to people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasFacts {
    /// What is written to.
    pub address: Mailbox,
    /// Who gets it.
    pub targets: Vec<Mailbox>,
    /// Those of them that are at no domain of this server.
    #[serde(default)]
    pub elsewhere: Vec<Mailbox>,
}

/// How things are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The running server; `None` when there is none.
    pub server: Option<ServerFacts>,
    /// The store.
    pub store: StoreFacts,
}

/// A running server, as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerFacts {
    /// Of the program.
    pub version: String,
    /// The name it greets with.
    pub hostname: String,
    /// Its process id.
    pub process: u32,
    /// Seconds since it was ready.
    pub uptime: u64,
    /// Who stopped it from taking mail for the time being, if anybody did.
    pub suspended: Option<Suspended>,
    /// Where it listens.
    pub listeners: Vec<ListenerFacts>,
    /// The certificate it shows now.
    pub certificate: Option<CertificateFacts>,
    /// Servers that it fetches mail from.
    pub fetches: Vec<FetchFacts>,
}

/// A server that mail is fetched from (RFC 2645), and how that goes. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchFacts {
    /// Where it is.
    pub from: String,
    /// Who we are there.
    pub user: String,
    /// Whose mail is fetched; empty is whatever it keeps for that user.
    pub domains: Vec<String>,
    /// When it last went well, since the start.
    pub success: Option<u64>,
    /// Why it does not go well now.
    pub trouble: Option<FetchTrouble>,
    /// When it is asked next; `None` while it is.
    pub next: Option<u64>,
}

/// Why mail cannot be fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchTrouble {
    /// Since when.
    pub since: u64,
    /// What it is, and what to do about it, in English.
    pub words: String,
}

/// Why no mail is taken for the time being.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suspended {
    /// Somebody said so on the command line; it lasts until the server stops.
    Command,
    /// The configuration says so.
    Configuration,
}

/// One listening address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerFacts {
    /// The configuration's name for it, such as `submission`.
    pub service: String,
    /// Where.
    pub address: SocketAddr,
    /// Sessions open now.
    pub sessions: u64,
}

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateFacts {
    /// The names it is for.
    pub names: Vec<String>,
    /// When it ends, RFC 3339.
    pub expires: String,
    /// Whole days until then; negative when it is over.
    pub days_left: i64,
    /// Made by this server itself.
    pub self_signed: bool,
    /// SHA-256 of the server's own certificate, as mail programs show it: upper-case hex with colons.
    pub sha256: String,
}

/// What the store holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreFacts {
    /// Accounts, disabled ones included.
    pub accounts: u64,
    /// Disabled ones.
    pub disabled: u64,
    /// Those whose new mail is put off for a while.
    pub suspended: u64,
    /// Those without a mailbox.
    pub without_mailbox: u64,
    /// Aliases.
    pub aliases: u64,
    /// Mail that waits to leave.
    pub queue: Box<QueueFacts>,
    /// Messages in all mailboxes.
    pub messages: u64,
    /// Their octets.
    pub octets: u64,
    /// Octets free on its file system, where that can be told.
    pub free: Option<u64>,
    /// Octets that must stay free for new mail to be taken.
    pub reserve: u64,
    /// Whether new mail is taken; not when the disk is nearly full.
    pub takes_mail: bool,
    /// Octets of records in the log; the files may be longer, for room is made ahead.
    pub log: u64,
    /// Removed messages that the log still has; those that were brought back are none.
    pub removed_messages: u64,
    /// Their octets.
    pub removed_octets: u64,
    /// Seconds for which removed messages can be brought back.
    pub undelete_window: u64,
    /// What the index is doing.
    pub index: IndexFacts,
    /// Why nothing can be written at present, if so.
    pub write_failure: Option<String>,
}

/// What the index of the store is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IndexFacts {
    /// Answering.
    Ready,
    /// Answering, while all of it is checked after an unclean stop.
    Checking,
    /// Being built from the log; mailboxes open when it is done.
    Rebuilding,
    /// Answering from memory until the next start, because the one on disk stalled.
    InMemory,
}

/// Why something was not done, in words for the person who asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The kind, for programs.
    pub kind: RefusalKind,
    /// What is the matter.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// Kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalKind {
    /// There is no such account.
    NoAccount,
    /// There is no such alias, or it has no such target.
    NoAlias,
    /// There is no such message in the queue.
    NotQueued,
    /// There is no such list.
    NoList,
    /// The address is in use.
    Taken,
    /// The address cannot be an account, alias or target here.
    Unsuitable,
    /// The mailbox holds mail, and nobody said that it may go.
    HoldsMail,
    /// The account belongs to the accounts file.
    Declared,
    /// The index of the store is being built; later it can be done.
    Rebuilding,
    /// Somebody else has the mailbox, or does the same.
    InUse,
    /// There is no room for it.
    Full,
    /// No server runs that could do it.
    NotRunning,
    /// The configuration says otherwise.
    Configured,
    /// The store could not do it.
    Store,
    /// The request could not be understood.
    NotUnderstood,
}

impl Refusal {
    pub(crate) fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            remedy: None,
        }
    }

    pub(crate) fn remedy(self, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..self
        }
    }
}

/// The answer to a request.
pub type Answer = Result<Response, Refusal>;
