//! What became of a recipient. When it is tried again and what its sender is told is decided elsewhere.

use reply::Enhanced;

use crate::ending::{Ending, Stage};
use crate::heard::Said;

/// What became of one recipient of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its place in the envelope's recipients.
    pub recipient: usize,
    /// What became of it.
    pub outcome: Outcome,
}

/// How it ended for a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server has taken the message, and answers for it from now on (RFC 5321 section 4.2.5).
    Accepted {
        /// The reply to the end of the message.
        said: Said,
        /// What the server was told of the sender's wishes.
        passed: Passed,
    },
    /// It will never work with this server.
    Failed(Reason),
    /// It did not work now.
    Deferred(Reason),
    /// The whole message was sent, and there was no reply to it: perhaps it was taken. To be tried again, at the risk of
    /// one duplicate (RFC 5321 section 4.5.3.2.6: better twice than never).
    Unknown(Ending),
    /// The server was not asked about this one, for it takes no more messages over one connection, or the connection ended
    /// after others were served. To be tried at once over another connection.
    NotTried,
}

/// Why it did not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The server said so.
    Said {
        /// To what.
        at: Stage,
        /// In these words.
        said: Said,
    },
    /// The server cannot do what the message needs. Another server of the domain might.
    Lacks(Lack),
    /// The server said beforehand that it takes no message of that size (RFC 1870 section 6.2).
    TooLarge {
        /// Its limit in octets.
        limit: u64,
    },
    /// The connection ended before the message was sent.
    Ended(Ending),
}

/// What a message needs and a server does not offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lack {
    /// 8BITMIME, for octets above 127 (RFC 6152 section 3).
    EightBitMime,
    /// SMTPUTF8, for an address or header in UTF-8 (RFC 6531 section 3.2).
    SmtpUtf8,
    /// REQUIRETLS, over TLS with a server known to be the right one (RFC 8689 section 4.2.1).
    RequireTls,
    /// TLS, for a message with that mark.
    Encryption,
    /// DELIVERBY, for a message that is to be returned when it is late, within the time that is left (RFC 2852 section
    /// 4.1.4.1).
    DeliverBy,
}

/// Which of the sender's wishes the server knows. What it does not know may have to be reported here (RFC 3461 section
/// 5.2.2, RFC 2852 section 4.1.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// NOTIFY, ORCPT, RET and ENVID.
    pub dsn: bool,
    /// BY.
    pub deliver_by: bool,
}

impl Outcome {
    /// The status (RFC 3463) of this outcome for a report; none where there is nothing to report. Its class is that of the
    /// outcome: 4 for what is tried again, whatever was said to it, and 5 for what is not.
    #[must_use]
    pub fn status(&self) -> Option<Enhanced> {
        let of_class = |class, Enhanced(_, subject, detail)| Enhanced(class, subject, detail);
        match self {
            Self::Accepted { said, .. } => Some(said.status()),
            Self::Failed(reason) => Some(of_class(5, reason.status())),
            Self::Deferred(reason) => Some(of_class(4, reason.status())),
            Self::Unknown(ending) => Some(of_class(4, ending.status())),
            Self::NotTried => None,
        }
    }
}

impl Reason {
    /// The status of RFC 3463: the server's own where it gave one.
    #[must_use]
    pub fn status(&self) -> Enhanced {
        match self {
            Self::Said { said, .. } => said.status(),
            Self::Lacks(lack) => lack.status(),
            Self::TooLarge { .. } => Enhanced(5, 3, 4),
            Self::Ended(ending) => ending.status(),
        }
    }
}

impl Lack {
    /// The status of RFC 3463 and its registry.
    #[must_use]
    pub fn status(self) -> Enhanced {
        match self {
            Self::EightBitMime => Enhanced(5, 6, 3),
            // RFC 6531 section 3.5.
            Self::SmtpUtf8 => Enhanced(5, 6, 7),
            // RFC 8689 section 4.2.1.
            Self::RequireTls => Enhanced(5, 7, 30),
            Self::Encryption => Enhanced(5, 7, 10),
            Self::DeliverBy => Enhanced(5, 3, 3),
        }
    }
}
