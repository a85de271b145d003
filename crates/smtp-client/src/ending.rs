//! How a connection ends, and where in the conversation. What becomes of recipients is said in `outcome.rs`.

use auth::{Distrust, Mechanism};
use reply::Enhanced;

use crate::heard::{Fault, Said};

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Stage {
    /// Waiting for the greeting.
    #[error("the greeting")]
    Greeting,
    /// EHLO or HELO.
    #[error("EHLO")]
    Hello,
    /// STARTTLS.
    #[error("STARTTLS")]
    StartTls,
    /// The TLS handshake.
    #[error("the TLS handshake")]
    Handshake,
    /// AUTH and what belongs to it.
    #[error("AUTH")]
    Auth,
    /// Nothing: between transactions.
    #[error("a pause")]
    Idle,
    /// RSET.
    #[error("RSET")]
    Reset,
    /// MAIL.
    #[error("MAIL")]
    Mail,
    /// RCPT.
    #[error("RCPT")]
    Rcpt,
    /// DATA.
    #[error("DATA")]
    Data,
    /// The message, before all of it was sent.
    #[error("the message")]
    Body,
    /// The end of the message: the final dot, or the last chunk.
    #[error("the end of the message")]
    Finish,
    /// ATRN.
    #[error("ATRN")]
    Turn,
    /// QUIT.
    #[error("QUIT")]
    Quit,
}

/// Why there is no connection any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ending {
    /// We took our leave with QUIT (RFC 5321 section 4.1.1.10): asked to, or because the connection had served its time.
    #[error("the conversation is over")]
    Parted,
    /// The peer refused to go on, in words. 421 ends a connection wherever it comes (RFC 5321 section 3.8).
    #[error("at {at} the server said: {said}")]
    Refused {
        /// Where.
        at: Stage,
        /// How.
        said: Said,
    },
    /// The peer does not speak SMTP, or not the way it is spoken: nothing it says is believed any more.
    #[error("at {at} the server did not speak SMTP: {fault}")]
    NotSmtp {
        /// Where.
        at: Stage,
        /// What was wrong.
        fault: Fault,
    },
    /// The peer said that it is who we are: mail would go in circles.
    #[error("the server has our own name")]
    Ourselves,
    /// TLS is required, and the peer does not offer it, or refuses it with these words.
    #[error("the server has no TLS, which is required here")]
    NoTls(Option<Said>),
    /// The handshake failed. Why is known to whoever made it.
    #[error("the TLS handshake failed")]
    TlsFailed,
    /// A login is wanted, and the peer offers no mechanism that can be used here: none in common, or only such as show the
    /// password, without TLS.
    #[error("the server offers no way to log in that is allowed here")]
    NoMechanism,
    /// The peer does not accept the credentials: somebody has to look at the configuration.
    #[error("the server refused our login with {}: {said}", .mechanism.name())]
    LoginRefused {
        /// How it was tried.
        mechanism: Mechanism,
        /// The peer's words.
        said: Said,
    },
    /// The peer's side of the login is wrong, as if somebody stood between.
    #[error("the server's side of the login with {} is wrong: {distrust}", .mechanism.name())]
    LoginDistrusted {
        /// How it was tried.
        mechanism: Mechanism,
        /// What was wrong.
        distrust: Distrust,
    },
    /// We came for mail, and none waits: all is well (RFC 2645 section 5.2.1).
    #[error("no mail waits there")]
    NothingWaits,
    /// We came for mail, and the peer is no server that hands it out over this connection.
    #[error("the server does not offer ATRN")]
    NoTurn,
    /// The peer did not answer in time.
    #[error("the server fell silent at {0}")]
    Silent(Stage),
    /// The connection broke.
    #[error("the connection was lost at {0}")]
    Lost(Stage),
    /// The message could not be read on our side, and the only way not to send half of it was to hang up.
    #[error("the message could not be read")]
    Unread,
}

impl Ending {
    /// Whether it would be the same the next time: a server that refuses for good (RFC 5321 section 4.2.1), that never
    /// takes mail (RFC 7504) or that is ourselves. Another server of the domain may do better.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Refused { said, .. } => said.is_lasting(),
            Self::Ourselves => true,
            Self::Parted
            | Self::NotSmtp { .. }
            | Self::NoTls(_)
            | Self::TlsFailed
            | Self::NoMechanism
            | Self::LoginRefused { .. }
            | Self::LoginDistrusted { .. }
            | Self::NothingWaits
            | Self::NoTurn
            | Self::Silent(_)
            | Self::Lost(_)
            | Self::Unread => false,
        }
    }

    /// The status (RFC 3463) that a report gives a recipient who could not be reached for this.
    #[must_use]
    pub fn status(&self) -> Enhanced {
        match self {
            Self::Refused { said, .. } => said.status(),
            Self::NotSmtp { .. } => Enhanced(4, 5, 0),
            Self::Ourselves => Enhanced(5, 4, 6),
            Self::NoTls(_) | Self::TlsFailed => Enhanced(4, 7, 10),
            Self::NoMechanism | Self::LoginRefused { .. } | Self::LoginDistrusted { .. } => {
                Enhanced(4, 7, 8)
            }
            Self::Silent(Stage::Greeting) | Self::Lost(Stage::Greeting) => Enhanced(4, 4, 1),
            Self::Parted | Self::NothingWaits | Self::Silent(_) | Self::Lost(_) => {
                Enhanced(4, 4, 2)
            }
            Self::NoTurn => Enhanced(4, 3, 3),
            Self::Unread => Enhanced(4, 3, 0),
        }
    }
}
