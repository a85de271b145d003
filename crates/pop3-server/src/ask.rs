//! Questions of a session and their answers: the seam between the protocol and whoever holds the mail.
//!
//! Nothing here says what the client is told; the session chooses its words by the verdicts.

use std::fmt;
use std::sync::Arc;

use auth::{Mechanism, Secret};
use bytes::Bytes;
use wire::ChannelBinding;

pub use crate::kept::KeptIds;

/// A question for the host. Exactly one is outstanding at a time.
#[derive(Clone, PartialEq, Eq)]
pub enum Ask {
    /// Verify a password and open the maildrop. Answer: [`Answer::Login`].
    Login {
        /// The name as typed.
        user: String,
        /// The password as typed.
        password: Secret,
    },
    /// Check an APOP digest and open the maildrop. Answer: [`Answer::Login`].
    Apop {
        /// The name as typed.
        user: String,
        /// The timestamp of the greeting.
        timestamp: String,
        /// MD5 of the timestamp followed by the password, says the client.
        digest: [u8; 16],
    },
    /// Begin a SASL exchange. Answer: [`Answer::Auth`].
    AuthStart {
        /// The mechanism, one of those in [`Connection::mechanisms`](crate::Connection::mechanisms).
        mechanism: Mechanism,
        /// The decoded initial response; `Some` of nothing when the client sent an empty one.
        initial: Option<Vec<u8>>,
        /// What the login can be bound to, if that was offered on this connection.
        binding: Option<ChannelBinding>,
    },
    /// The client's decoded answer to the last challenge. Answer: [`Answer::Auth`].
    AuthRespond(Vec<u8>),
    /// The exchange is over without a result. Answer: [`Answer::Done`].
    AuthCancel,
    /// The client reads UTF-8 headers (RFC 6856 section 2.1). Sent before login, if at all; without it the host
    /// gives international messages as surrogates in ASCII, in the listing's sizes and when they are read.
    /// Answer: [`Answer::Done`].
    Utf8,
    /// A part of a message. Answer: [`Answer::Read`].
    Read {
        /// Index in the listing, from zero.
        message: usize,
        /// Octets of the message that need not be sent again.
        offset: u64,
    },
    /// The session enters the UPDATE state: remove these messages for good, then give the maildrop back, then
    /// answer. Sent once, at QUIT, also with an empty list. Answer: [`Answer::Expunged`].
    ///
    /// RFC 1939 section 6: the lock is released before the answer, so that a client which comes back at once
    /// finds its maildrop free.
    Expunge(Vec<usize>),
    /// May a TLS handshake start? Answer: [`Answer::Tls`].
    TlsReady,
}

/// Written by hand because responses of SASL exchanges hold passwords.
impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Login { user, .. } => f
                .debug_struct("Login")
                .field("user", user)
                .finish_non_exhaustive(),
            Self::Apop { user, .. } => f
                .debug_struct("Apop")
                .field("user", user)
                .finish_non_exhaustive(),
            Self::AuthStart { mechanism, .. } => f
                .debug_struct("AuthStart")
                .field("mechanism", mechanism)
                .finish_non_exhaustive(),
            Self::AuthRespond(_) => f.write_str("AuthRespond(..)"),
            Self::AuthCancel => f.write_str("AuthCancel"),
            Self::Utf8 => f.write_str("Utf8"),
            Self::Read { message, offset } => f
                .debug_struct("Read")
                .field("message", message)
                .field("offset", offset)
                .finish(),
            Self::Expunge(messages) => f.debug_tuple("Expunge").field(messages).finish(),
            Self::TlsReady => f.write_str("TlsReady"),
        }
    }
}

/// The host's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`Ask::Login`] and [`Ask::Apop`].
    Login(LoginVerdict),
    /// To [`Ask::AuthStart`] and [`Ask::AuthRespond`].
    Auth(AuthVerdict),
    /// To [`Ask::AuthCancel`] and [`Ask::Utf8`].
    Done,
    /// To [`Ask::Read`].
    Read(ReadVerdict),
    /// To [`Ask::Expunge`]: true when the removal is durable, or nothing was to be removed.
    Expunged(bool),
    /// To [`Ask::TlsReady`].
    Tls(bool),
}

/// How a login ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginVerdict {
    /// The maildrop is open and locked for this session.
    Open {
        /// The account, for the log.
        login: String,
        /// The messages in it.
        listing: Listing,
    },
    /// Unknown or disabled account, or wrong password: the client never learns which.
    BadCredentials,
    /// The right password of a disabled account, which may be told so.
    Disabled,
    /// The right password, but not a strong enough way for this account.
    TooWeak,
    /// The account has no keys for this mechanism until it has logged in with the password itself, and may be told so.
    Transition,
    /// Too many failures from this client.
    Throttled,
    /// No capacity to verify a password right now.
    Busy,
    /// Another session holds the maildrop.
    InUse,
    /// The right credentials, but sooner after the last login than [`Config::login_delay`](crate::Config::login_delay)
    /// allows.
    TooSoon,
    /// The account keeps no mail here.
    NoMaildrop,
    /// The account's password cannot be used; an administrator must act.
    Misconfigured,
    /// The store failed.
    StoreFailed,
}

/// What a step of a SASL exchange led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthVerdict {
    /// Send this, then hand over the answer.
    Challenge(Vec<u8>),
    /// The response breaks the mechanism's syntax. The exchange is over.
    Malformed,
    /// The exchange is complete.
    Login(LoginVerdict),
}

/// What became of a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadVerdict {
    /// A part of the message, from the offset asked for on. Only the last part may be empty.
    Chunk {
        /// The octets, with CRLF line ends, not dot-stuffed.
        octets: Bytes,
        /// The message ends here.
        last: bool,
    },
    /// What is stored is not what was delivered.
    Damaged,
    /// Somebody else removed the message.
    Gone,
    /// The store failed; it may work later.
    TryLater,
}

/// The maildrop as it was at login. Message numbers are indices into it plus one, for the whole session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    pub(crate) messages: Arc<[Message]>,
    pub(crate) kept: KeptIds,
    pub(crate) octets: u64,
}

impl Listing {
    /// These messages, oldest first, and the unique ids that other servers gave some of them.
    pub fn new(messages: impl Into<Arc<[Message]>>, kept: KeptIds) -> Self {
        let messages = messages.into();
        let sizes = messages.iter().map(|message| message.octets);
        Self {
            octets: sizes.fold(0, u64::saturating_add),
            messages,
            kept,
        }
    }

    /// The messages, oldest first.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }
}

/// One message of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// What RETR sends before dot-stuffing, in octets; of a surrogate, its own.
    pub octets: u64,
    /// It can be given in UTF8 mode only, and the session is not in it: there is no surrogate.
    pub needs_utf8: bool,
    /// Epoch of the mailbox in which the message arrived.
    pub epoch: u32,
    /// The message's number in that epoch.
    pub uid: u64,
}
