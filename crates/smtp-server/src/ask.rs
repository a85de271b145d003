//! What a session asks its host, and what the host may answer.

use std::fmt;
use std::net::IpAddr;

use address::dsn::{Envid, Notify, Orcpt, Ret};
use address::{DeliverBy, Domain, ForwardPath, Mailbox, ReversePath};
use auth::Mechanism;

use wire::{Admission, ChannelBinding};

use crate::command::queue::Node;
use crate::config::BareNewline;
use crate::hold::Hold;
use crate::trace::Trace;

/// A question only the host can answer. Its `Debug` shows nothing of a login.
///
/// The largest of them are boxed: whatever a session says is moved several times, and mostly says much less.
pub enum Ask {
    /// May this sender begin a transaction? Answered with [`Answer::Mail`].
    Mail(Box<MailFrom>),
    /// Will this recipient's mail be taken? Answered with [`Answer::Rcpt`].
    Rcpt(RcptTo),
    /// May the message come? Its octets follow as [`wire::Output::Body`]. Answered with [`Answer::Data`].
    Data(Box<Trace>),
    /// The message is complete: make it durable. Answered with [`Answer::Finish`].
    Finish,
    /// Forget the transaction and whatever came of its message. Answered with [`Answer::Done`].
    Abandon,
    /// Begin a login. Answered with [`Answer::Auth`].
    AuthStart {
        /// How.
        mechanism: Mechanism,
        /// The client's first message, decoded, if it came with the command.
        initial: Option<Vec<u8>>,
        /// What the login can be bound to, if that was offered on this connection.
        binding: Option<ChannelBinding>,
    },
    /// The client's answer to the last challenge, decoded. Answered with [`Answer::Auth`].
    AuthRespond(Vec<u8>),
    /// The client gave up, or its answer was unreadable. Answered with [`Answer::Done`].
    AuthCancel,
    /// Who is this? Answered with [`Answer::Verify`].
    Verify(String),
    /// Who is on this list? Answered with [`Answer::Expand`].
    Expand(String),
    /// ETRN: what waits for this is to be sent now, over connections of its own. Answered with [`Answer::Queue`].
    RunQueue(Node),
    /// ATRN: what waits for these domains, or for all of the account logged in if there are none, is wanted over this
    /// connection. Answered with [`Answer::Turn`].
    Turn(Vec<Domain>),
    /// May a TLS handshake start? Answered with [`Answer::Tls`].
    TlsReady,
    /// A proxy begins the session anew (XCLIENT): whatever was before, a login too, is over. If there is an address, it
    /// is that of the client the proxy speaks for, and counts from now on. Answered with [`Answer::Claimed`].
    Claim(Option<IpAddr>),
}

/// The host's answer; its kind fits the question.
#[derive(Debug)]
pub enum Answer {
    /// To [`Ask::Mail`].
    Mail(MailVerdict),
    /// To [`Ask::Rcpt`].
    Rcpt(RcptVerdict),
    /// To [`Ask::Data`].
    Data(DataVerdict),
    /// To [`Ask::Finish`].
    Finish(FinishVerdict),
    /// To [`Ask::AuthStart`] and [`Ask::AuthRespond`].
    Auth(AuthVerdict),
    /// To [`Ask::Verify`].
    Verify(VerifyVerdict),
    /// To [`Ask::Expand`].
    Expand(ExpandVerdict),
    /// To [`Ask::RunQueue`].
    Queue(QueueVerdict),
    /// To [`Ask::Turn`].
    Turn(TurnVerdict),
    /// To [`Ask::TlsReady`].
    Tls(bool),
    /// To [`Ask::Claim`].
    Claimed(Claimed),
    /// To [`Ask::Abandon`] and [`Ask::AuthCancel`].
    Done,
}

/// What goes for a client that a proxy speaks for; see [`Connection`](crate::Connection).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// Whether it is welcome.
    pub admission: Admission,
    /// Whether its passwords may cross this connection without TLS.
    pub cleartext_login: bool,
    /// What to do about bare CR and LF in its messages.
    pub bare_newline: BareNewline,
}

/// What MAIL said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailFrom {
    /// Where reports go.
    pub reverse_path: ReversePath,
    /// SIZE: octets declared (RFC 1870), within our limit.
    pub size: Option<u64>,
    /// BODY (RFC 6152).
    pub body: Body,
    /// RET (RFC 3461 section 4.3).
    pub ret: Option<Ret>,
    /// ENVID (RFC 3461 section 4.4).
    pub envid: Option<Envid>,
    /// AUTH: who first submitted the message, as the client says (RFC 4954 section 5). Believe it only of a
    /// client you trust; to all others it means [`ReversePath::Null`].
    pub auth: Option<ReversePath>,
    /// SMTPUTF8 (RFC 6531 section 3.4): addresses and header fields may hold UTF-8.
    pub smtputf8: bool,
    /// REQUIRETLS (RFC 8689 section 2), which came over TLS.
    pub requiretls: bool,
    /// BY (RFC 2852 section 4), not below our minimum.
    pub deliver_by: Option<DeliverBy>,
    /// HOLDFOR or HOLDUNTIL (RFC 4865), within what was offered.
    pub hold: Option<Hold>,
}

/// What kind of octets the sender announces (RFC 6152 section 3). They are kept as they come in either case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Body {
    /// `7BIT`, or nothing said.
    #[default]
    SevenBit,
    /// `8BITMIME`.
    EightBitMime,
}

/// What RCPT said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RcptTo {
    /// Whom the message is for.
    pub path: ForwardPath,
    /// NOTIFY (RFC 3461 section 4.1).
    pub notify: Option<Notify>,
    /// ORCPT (RFC 3461 section 4.2).
    pub orcpt: Option<Orcpt>,
}

/// May this sender begin a transaction?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailVerdict {
    /// Yes.
    Accepted,
    /// The store has no room for the declared size, or for anything, right now.
    StoreLow,
    /// The address does not belong to the account logged in.
    NotOwner,
    /// An address of ours that nobody has.
    NoSuchSender,
    /// Users may not send from this client's network.
    Denied,
    /// This client's address has begun too many messages lately.
    TooFast,
    /// What the sender wishes is known, and cannot be promised just now.
    NotNow(Wish),
    /// No mail is taken for the time being: say so and close.
    Suspended,
    /// Something is wrong on our side.
    TryLater,
}

/// What a sender may wish for, and what the server can keep only while mail to others moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// BY: delivery within a time (RFC 2852).
    DeliverBy,
    /// HOLDFOR or HOLDUNTIL: no delivery before a time (RFC 4865).
    Hold,
}

/// Will this recipient's mail be taken?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RcptVerdict {
    /// Yes: for a mailbox here, or to be sent on without a word about where to.
    Accepted,
    /// Yes, and it is sent on to this address, which the sender may know (RFC 5321 section 3.4).
    Forwarded(Mailbox),
    /// No: the user is at this address now, which the sender may know (RFC 5321 section 3.4).
    Moved(Mailbox),
    /// No: the user is elsewhere now, and nobody is told where.
    MovedAway,
    /// The way from alias to alias, or from forwarding to forwarding, comes back to where it was.
    Circle,
    /// Not our domain, and it says that it takes no mail (RFC 7505).
    NullMx,
    /// Not our domain, and no domain at all, or one that has no mail server.
    DomainMissing,
    /// Not our domain, and nobody can say now whether there is one.
    DomainUnclear,
    /// A list that takes mail of users only, and the client has not logged in.
    ListWantsLogin,
    /// A list to which this sender may not write.
    ListForbidden,
    /// Our domain, nobody of that name.
    UnknownMailbox,
    /// The mailbox is switched off.
    Disabled,
    /// The mailbox, or one that the address leads to, takes no mail for a while.
    Suspended,
    /// Not our domain, and the client may not use us to reach it.
    RelayDenied,
    /// The user logged in may not send there.
    DestinationDenied,
    /// Not our domain; the client might, but we deliver nothing to others.
    NoOutbound,
    /// Over quota; mail is taken again once there is room.
    MailboxFullForNow,
    /// Over quota, and the sender is to be told for good.
    MailboxFull,
    /// The mailbox holds as many messages as it may.
    TooManyMessages,
    /// For elsewhere, and too much waits to leave already.
    QueueFull,
    /// This client's address has named too many recipients lately.
    TooFast,
    /// The sender's domain does not exist, or has no mail server.
    SenderDomainMissing,
    /// Nobody can say now whether it does.
    SenderDomainUnclear,
    /// The sender's domain says that it takes no mail.
    SenderNullMx,
    /// No name of the client's address leads back to it.
    NoReverseDns,
    /// Nobody can say now whether one does.
    ReverseDnsUnclear,
    /// Something is wrong on our side.
    TryLater,
}

/// May the message come?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataVerdict {
    /// Yes.
    Go,
    /// The store is out of room.
    StoreLow,
    /// Something is wrong on our side.
    TryLater,
}

/// Is the message safe?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FinishVerdict {
    /// It is durable, under this name.
    Stored {
        /// The name in the log and in the Received field.
        id: String,
    },
    /// The store ran out of room; nothing was kept.
    StoreLow,
    /// The queue filled up since RCPT; nothing was kept.
    QueueFull,
    /// A recipient's mailbox filled up since RCPT; nothing was kept. The next RCPT will say more.
    MailboxFull,
    /// It came later than its sender wanted it delivered; nothing was kept.
    Expired,
    /// Its header has UTF-8 in it, which a recipient does not take; nothing was kept.
    Utf8NotTaken,
    /// It is no post for a list it was written to, but the reply of a machine; nothing was kept.
    ListForbidden,
    /// This list has had it before, or this address has sent it on before; nothing was kept.
    Circle(Mailbox),
    /// It could not be written; nothing was kept.
    TryLater,
}

/// How a login goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthVerdict {
    /// Send this, in base64, and bring back the answer.
    Challenge(Vec<u8>),
    /// Logged in.
    Accepted {
        /// The account's address.
        login: String,
    },
    /// Wrong, for whatever reason.
    Rejected,
    /// The client's message does not fit the mechanism.
    Malformed,
    /// Passwords cannot be checked right now.
    Busy,
    /// Too many failures from there lately: say so and close.
    Throttled,
    /// Right, but the account is disabled, and may be told so.
    Disabled,
    /// Right, but not a strong enough way for this account.
    TooWeak,
    /// The account has no keys for this mechanism until it has logged in with the password itself, and may be told so.
    Transition,
}

/// Who is this?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifyVerdict {
    /// This mailbox.
    Mailbox {
        /// The account's name for people; may be empty.
        name: String,
        /// Its address.
        mailbox: Mailbox,
    },
    /// Somebody whose mail is sent on to this address.
    Forwarded(Mailbox),
    /// Somebody who is at this address now, and whose mail is not sent on.
    Moved(Mailbox),
    /// Somebody at a domain whose mail we take and pass on; only that domain knows (RFC 5321 section 3.5.3).
    Elsewhere,
    /// One of these.
    Ambiguous(Vec<Mailbox>),
    /// Nobody.
    Unknown,
    /// Something is wrong on our side.
    TryLater,
}

/// Who is on this list?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpandVerdict {
    /// These; an empty list is [`ExpandVerdict::Unknown`].
    Members(Vec<Mailbox>),
    /// There is no such list.
    Unknown,
    /// Something is wrong on our side.
    TryLater,
}

/// Is the queue for a host run (RFC 1985 section 5.3)?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueVerdict {
    /// Yes; what waits in it is not told.
    Accepted,
    /// There is nothing in it.
    Empty,
    /// Yes, and there is something in it.
    Begun,
    /// Yes, and there are so many messages in it.
    Counted(u64),
    /// Not now.
    Stuck,
    /// No.
    Forbidden(QueueRefusal),
}

/// Why a queue is not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueRefusal {
    /// What was named is not listed for it.
    NotListed,
    /// The client, or the account logged in, is not among those who may ask for it.
    Client,
    /// Only users may ask, and nobody has logged in.
    LogIn,
}

/// Does a customer get its mail over this connection (RFC 2645 section 5.2.1)?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnVerdict {
    /// Yes: [`wire::Output::HandOver`] follows. The host knows for which domains.
    Granted,
    /// No: one of the domains belongs to somebody else, or it is too soon after the last time. No mail of any is sent.
    NotGranted,
    /// Nobody can say now which domains are whose.
    Unclear,
    /// Nothing waits.
    Empty,
    /// Something is wrong on our side.
    TryLater,
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mail(from) => f.debug_tuple("Mail").field(from).finish(),
            Self::Rcpt(to) => f.debug_tuple("Rcpt").field(to).finish(),
            Self::Data(trace) => f.debug_tuple("Data").field(trace).finish(),
            Self::Finish => f.write_str("Finish"),
            Self::Abandon => f.write_str("Abandon"),
            Self::AuthStart { mechanism, .. } => f
                .debug_struct("AuthStart")
                .field("mechanism", mechanism)
                .finish_non_exhaustive(),
            Self::AuthRespond(_) => f.write_str("AuthRespond(..)"),
            Self::AuthCancel => f.write_str("AuthCancel"),
            Self::Verify(name) => f.debug_tuple("Verify").field(name).finish(),
            Self::Expand(name) => f.debug_tuple("Expand").field(name).finish(),
            Self::RunQueue(node) => f.debug_tuple("RunQueue").field(node).finish(),
            Self::Turn(domains) => f.debug_tuple("Turn").field(domains).finish(),
            Self::TlsReady => f.write_str("TlsReady"),
            Self::Claim(address) => f.debug_tuple("Claim").field(address).finish(),
        }
    }
}
