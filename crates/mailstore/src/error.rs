//! What can go wrong, named for what happened. What a client is told about it is the host's business.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::account::AccountId;

/// Why the store did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk, or the quota of the process on it, is full.
    #[error("no space left for mail")]
    Full,
    /// A mailbox filled up between RCPT and the end of the data.
    #[error("mailbox {account} is full: {full}")]
    MailboxFull {
        /// Whose.
        account: AccountId,
        /// Of what it has too much.
        full: Full,
    },
    /// The queue of mail for elsewhere filled up between RCPT and the end of the data.
    #[error("the queue of mail for elsewhere is full: {full}")]
    QueueFull {
        /// Of what it has too much.
        full: Full,
    },
    /// Reading or writing failed.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// The index is being built again from the log; mail still comes in.
    #[error("the index is being rebuilt")]
    Rebuilding,
    /// As many as may hold the files of the log hold them, or there are none.
    #[error("too many backups or verifications at the same time")]
    Held,
    /// The body was cut off before: an earlier write of it failed or was abandoned.
    #[error("the message is incomplete")]
    Incomplete,
    /// No recipients were given.
    #[error("a message without recipients")]
    NoRecipients,
    /// The record would be larger than the log can hold.
    #[error("too large for one record")]
    TooLarge,
    /// The store is closed or closing.
    #[error("the store is closed")]
    Stopped,
}

/// Why removed messages did not all come back.
#[derive(Clone, Debug, thiserror::Error)]
pub enum UndeleteError {
    /// A session has the mailbox.
    #[error("the mailbox is in use")]
    InUse,
    /// The disk is too full for more.
    #[error("the disk is too full: {low}")]
    NoRoom {
        /// What came back before.
        done: crate::store::undelete::Undeleted,
        /// How full.
        low: Low,
    },
    /// The store could not go on.
    #[error("{error}")]
    Store {
        /// What came back before.
        done: crate::store::undelete::Undeleted,
        /// What happened then.
        error: StoreError,
    },
}

impl StoreError {
    /// Sorts a failure of the system into "full" and everything else.
    pub(crate) fn io(doing: &'static str, source: io::Error) -> Self {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        if matches!(source.kind(), StorageFull | QuotaExceeded | FileTooLarge) {
            Self::Full
        } else {
            let source = Arc::new(source);
            Self::Io { doing, source }
        }
    }
}

/// Why a compaction ended early. What it had done until then stands.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CompactError {
    /// Somebody needs the files to stay where they are.
    #[error("compaction is on hold")]
    Held,
    /// Something could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process holds the data directory.
    #[error("{} is in use by another tegami{}", path.display(), holder.as_deref().map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    InUse {
        /// The data directory.
        path: PathBuf,
        /// The process id the other one wrote down.
        holder: Option<String>,
    },
    /// A file or directory could not be read or written.
    #[error("{doing} {}: {source}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The log was written by a newer version; this one would not understand all of it.
    #[error(
        "{}: format {version} at {offset}, and this tegami reads up to {}: a newer one has written there, and nothing was changed now. \
         Start the newer one again, or let its `tegami store rollback` bring the older format back",
        path.display(), crate::log::frame::VERSION
    )]
    Newer {
        /// The segment.
        path: PathBuf,
        /// Offset of the record in octets.
        offset: u64,
        /// The version found.
        version: u8,
    },
    /// The log has a kind of record this version does not know.
    #[error("{}: record of unknown kind {kind} at {offset}: written by a newer tegami", path.display())]
    UnknownKind {
        /// The segment.
        path: PathBuf,
        /// Offset of the record in octets.
        offset: u64,
        /// The kind found.
        kind: u8,
    },
    /// A restore or rollback did not come to its end.
    #[error("{} is there: a {command} was interrupted; run `tegami store {command}` again to finish it", path.display())]
    Unfinished {
        /// What it left.
        path: PathBuf,
        /// What it was.
        command: &'static str,
    },
    /// No usable index could be made.
    #[error("index: {0}")]
    Index(String),
    /// A thread of the store could not be started.
    #[error("starting a thread: {0}")]
    Thread(#[source] io::Error),
}

/// A mailbox has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// Its quota of octets is used up.
    #[error("the quota is used up")]
    Octets,
    /// It holds as many messages as it may.
    #[error("it holds too many messages")]
    Messages,
    /// The account has been removed meanwhile.
    #[error("the account is gone")]
    Gone,
}

/// The disk is too full for new mail; reading and deleting still work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{free} octets free, {needed} needed")]
pub struct Low {
    /// Octets free on the file system.
    pub free: u64,
    /// Octets that must be free: the reserve and what was asked for.
    pub needed: u64,
}

/// Why a maildrop was not opened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum MaildropError {
    /// Another session has it (RFC 1939 section 4: exclusive access).
    #[error("the maildrop is in use")]
    InUse,
    /// There is no such account.
    #[error("there is no such account")]
    NoAccount,
    /// The listing could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a message could not be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    /// What is on the disk is not what was stored.
    #[error("message {uid} is damaged: {what}")]
    Damaged {
        /// Which one.
        uid: u64,
        /// What does not fit.
        what: &'static str,
    },
    /// There is no such message.
    #[error("there is no such message")]
    Gone,
    /// Reading failed.
    #[error("reading a message: {0}")]
    Io(#[source] Arc<io::Error>),
}
