//! What a session is told at its birth: the settings all sessions share, and the facts of its own connection.

use std::net::IpAddr;
use std::time::Duration;

use auth::Mechanisms;
use wire::{Admission, TlsFacts};

/// Settings shared by all sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Our name in the greeting.
    pub hostname: String,
    /// How long a client may be silent; RFC 1939 section 3 wants ten minutes at least.
    pub idle_timeout: Duration,
    /// How many unknown or malformed commands end a session. From half of them on each is answered late.
    pub errors: u32,
    /// The least time between two logins to one account; nothing is no delay. The host keeps it, the session only
    /// speaks of it, in whole seconds.
    pub login_delay: Duration,
}

impl Config {
    /// The usual settings: ten minutes of silence, twenty errors, no delay between logins.
    #[must_use]
    pub fn new(hostname: impl Into<String>) -> Self {
        Self {
            hostname: hostname.into(),
            idle_timeout: Duration::from_secs(600),
            errors: 20,
            login_delay: Duration::ZERO,
        }
    }

    /// [`login_delay`](Self::login_delay) as clients are told it: a client that waits so long is never too early.
    pub(crate) fn login_delay_seconds(&self) -> u64 {
        let delay = self.login_delay;
        delay.as_secs() + u64::from(delay.subsec_nanos() > 0)
    }
}

/// Facts of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The client's address.
    pub peer: IpAddr,
    /// Set when TLS was on from the first octet (port 995); STLS sets it later.
    pub tls: Option<TlsFacts>,
    /// STLS may be offered on this listener.
    pub tls_available: bool,
    /// Passwords may cross this connection without TLS.
    pub cleartext_login: bool,
    /// Mechanisms for AUTH, in the order in which they are listed. Those that TLS is needed under are listed
    /// only there.
    pub mechanisms: Mechanisms,
    /// The timestamp of the greeting, never the same twice (RFC 1939 section 7); without one there is no APOP.
    pub timestamp: Option<String>,
    /// Whether to greet at all.
    pub admission: Admission,
}
