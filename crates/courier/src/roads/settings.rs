//! What the roads are told by the configuration. All of it may be swapped while mail is under way: connections that stand
//! keep what they began with.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use address::Host;
use resolver::Place;
use smtp_client::{Login, Timeouts};

/// How other servers are reached.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Our name in EHLO.
    pub hostname: Host,
    /// What we are, and which networks are sent to. DANE needs [`Place::dnssec`].
    pub place: Place,
    /// Smarthosts and other configured routes, by the names that [`NextHop::Route`](delivery::schedule::NextHop) has.
    pub routes: BTreeMap<Box<str>, Route>,
    /// Where the hosts of MX records listen: 25 everywhere but in tests.
    pub port: u16,
    /// Where the web servers of MTA-STS listen: 443 everywhere but in tests.
    pub https_port: u16,
    /// TLS with hosts of MX records whenever they offer it, whatever their certificates. Without it, only those get TLS that
    /// promise it (DANE, MTA-STS).
    pub opportunistic: bool,
    /// Certificates promised in DNS are wanted (RFC 7672).
    pub dane: bool,
    /// Certificates promised by policies are wanted (RFC 8461).
    pub mta_sts: bool,
    /// A PEM file of certificate authorities that are trusted besides the usual ones.
    pub ca: Option<PathBuf>,
    /// Where policies of MTA-STS (`mta-sts/`) and results of TLS (`tls-results/`) are kept: the data directory.
    pub directory: PathBuf,
    /// How long each answer of a server may take.
    pub timeouts: Timeouts,
    /// How long a connection to one address may take to stand.
    pub connect: Duration,
    /// After this time no further host of the same attempt is tried.
    pub patience: Duration,
    /// Most time from a connection to where a message can be offered, with TLS and without it in its place together. Each
    /// answer has its own time besides; a host that drips keeps to those.
    pub opening: Duration,
    /// Most time that one conversation may take with a message until all of it is sent, beside what its size allows it (1 KiB
    /// in a second).
    pub conversation: Duration,
    /// The same for a server that has not finished a conversation yet: the times that RFC 5321 section 4.5.3.2 has for MAIL,
    /// RCPT, DATA and a piece of the message, once each.
    pub first: Duration,
    /// Our end of IPv4 connections; the system chooses without it.
    pub source_v4: Option<Ipv4Addr>,
    /// Our end of IPv6 connections; the system chooses without it.
    pub source_v6: Option<Ipv6Addr>,
    /// Most recipients of one transaction.
    pub most_recipients: usize,
    /// Most transactions of one connection.
    pub most_transactions: u32,
}

impl Settings {
    /// The documented defaults for this host name, with what has to be kept in this directory.
    #[must_use]
    pub fn new(hostname: Host, directory: PathBuf) -> Self {
        Self {
            hostname,
            place: Place::default(),
            routes: BTreeMap::new(),
            port: 25,
            https_port: 443,
            opportunistic: true,
            dane: true,
            mta_sts: true,
            ca: None,
            directory,
            timeouts: Timeouts::default(),
            connect: Duration::from_secs(30),
            patience: Duration::from_secs(10 * 60),
            opening: Duration::from_secs(10 * 60),
            conversation: Duration::from_secs(60 * 60),
            first: Duration::from_secs(15 * 60),
            source_v4: None,
            source_v6: None,
            most_recipients: 100,
            most_transactions: 100,
        }
    }
}

/// A way that was configured.
#[derive(Clone, Debug)]
pub struct Route {
    /// In the order of trying, with their ports. A literal is an address to connect to; a name is looked up. These are
    /// named by the administrator, so they may be anywhere, in networks that mail is not sent to otherwise, too.
    pub hosts: Vec<(Host, u16)>,
    /// The names are domains whose mail hosts (MX) are meant.
    pub mx: bool,
    /// What TLS is to this route.
    pub tls: RouteTls,
    /// A PEM file of the only certificate authorities that are trusted here; without it those of [`Settings`].
    pub ca: Option<PathBuf>,
    /// How to log in. What shows the password is only used under TLS with a certificate that was looked at, whatever the
    /// server offers.
    pub login: Option<Login>,
}

/// What TLS is to a configured route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteTls {
    /// Not used.
    None,
    /// Used if it is offered, with any certificate.
    Opportunistic,
    /// By STARTTLS, with a certificate for the name of the host by a CA that is trusted, or nothing is sent.
    StartTls,
    /// From the first octet (RFC 8314 section 3.3), with such a certificate, or nothing is sent.
    Implicit,
}
