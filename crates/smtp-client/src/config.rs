//! What a session is told when it begins. Which server it speaks to, and why, is not known here.

use std::time::Duration;

use address::{Domain, Host};
use auth::{Credentials, Mechanism, Mechanisms};
use wire::TlsFacts;

/// Settings of every connection along one route.
#[derive(Clone, Debug)]
pub struct Config {
    /// Our name in EHLO: our domain, or an address literal where there is none (RFC 5321 section 4.1.4).
    pub hostname: Host,
    /// What STARTTLS is to this route.
    pub tls: TlsUse,
    /// How to log in; `None` where nobody has to.
    pub login: Option<Login>,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// Most recipients of one transaction; the others follow in further ones. At least 1. A server has to take 100 (RFC
    /// 5321 section 4.5.3.1.8); one that takes fewer says so.
    pub max_recipients: usize,
    /// Most transactions of one connection, for us to be good company; at least 1.
    pub max_transactions: u32,
    /// Most octets of a message asked for at a time; at least 1.
    pub piece: usize,
    /// Asks for mail instead of sending any: what waits for these domains, or for all of the account's if there
    /// are none (RFC 2645). They have to fit a command line of 512 octets.
    pub fetch: Option<Vec<Domain>>,
    /// Sends messages with 8-bit octets as they are to servers that do not offer 8BITMIME. RFC 6152 section 3 forbids it;
    /// without it, such a message fails.
    pub just_send_8: bool,
}

impl Config {
    /// The documented defaults under this host name.
    #[must_use]
    pub fn new(hostname: Host) -> Self {
        Self {
            hostname,
            tls: TlsUse::Opportunistic,
            login: None,
            timeouts: Timeouts::default(),
            max_recipients: 100,
            max_transactions: 100,
            piece: 64 * 1024,
            fetch: None,
            just_send_8: false,
        }
    }
}

/// What STARTTLS (RFC 3207) is to a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsUse {
    /// Not used, even if it is offered: where it was tried in vain before.
    Never,
    /// Used if it is offered.
    #[default]
    Opportunistic,
    /// Without it nothing is sent. Whether a certificate is good enough is decided by whoever makes the handshake.
    Required,
}

/// How to log in (RFC 4954). `Debug` does not show the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Who we are there.
    pub credentials: Credentials,
    /// The mechanisms that may be used, in any order: the strongest that the server offers, too, is taken.
    pub mechanisms: Mechanisms,
}

impl Login {
    /// With any mechanism; those that show the password are only ever used under TLS.
    #[must_use]
    pub fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            mechanisms: Mechanism::ALL.into_iter().collect(),
        }
    }
}

/// How long to wait for what: each is the time for one whole reply, however slowly it drips in. The default is that of RFC
/// 5321 section 4.5.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the greeting (section 4.5.3.2.1).
    pub greeting: Duration,
    /// For replies that the RFC has no time for: EHLO, STARTTLS, AUTH, RSET.
    pub command: Duration,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// For the reply to MAIL (section 4.5.3.2.2).
    pub mail: Duration,
    /// For the reply to RCPT (section 4.5.3.2.3).
    pub rcpt: Duration,
    /// For the reply to DATA (section 4.5.3.2.4).
    pub data: Duration,
    /// For one piece of the message to be fetched and to be taken by the peer (section 4.5.3.2.5), and for the reply to
    /// a chunk that is not the last.
    pub block: Duration,
    /// For the reply to the final dot, or to the last chunk (section 4.5.3.2.6). Long, for giving up too early means
    /// sending twice.
    pub finish: Duration,
    /// For the reply to ATRN (RFC 2645 section 5.2.1: at least 10 minutes).
    pub turn: Duration,
    /// For the reply to QUIT, of which nothing depends.
    pub quit: Duration,
    /// How long a connection is kept open for another transaction.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        Self {
            greeting: minutes(5),
            command: minutes(5),
            handshake: minutes(1),
            mail: minutes(5),
            rcpt: minutes(5),
            data: minutes(2),
            block: minutes(3),
            finish: minutes(10),
            turn: minutes(10),
            quit: Duration::from_secs(10),
            idle: Duration::from_secs(5),
        }
    }
}

/// What is known about one connection when it begins.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// Present when TLS is on from the first octet (RFC 8314 section 3.3).
    pub secured: Option<Secured>,
    /// For a login: fresh for every connection, printable, without comma (RFC 5802 section 5.1). Not used where nobody logs
    /// in.
    pub nonce: String,
}

/// What a finished TLS handshake established.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secured {
    /// What was negotiated.
    pub facts: TlsFacts,
    /// The peer is known to be the server that is meant: its certificate is good for the name, and the name is vouched for
    /// (RFC 8689 section 4.2.1), or DANE says so.
    pub authenticated: bool,
}
