//! The configuration: what can be set, what it is when nobody sets it, and how to get it.
//!
//! A value comes from the built-in defaults, then the TOML file, then `TEGAMI_*` variables. One table,
//! [`keys::KEYS`], names every key; files, variables, suggestions and the reference `config/tegami.toml` all
//! go through it. Nothing here opens a listener, a certificate or the store.

mod bounded;
mod check;
mod defaults;
mod device;
mod document;
mod environment;
mod fields;
mod keys;
mod load;
mod problem;
mod relay;
mod setting;
#[cfg(test)]
mod tests;
mod units;
mod when;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use address::{Domain, Mailbox};
use ipnet::IpNet;

pub use auth::Mechanism;
pub use bounded::read as read_bounded;
pub use device::{Device, DeviceLogin};
pub use document::Document;
pub use fields::{Fields, Reading};
#[cfg(test)]
pub use load::Sources;
pub use load::{Loaded, load, load_with};
pub use problem::{ConfigError, Place, Problem, did_you_mean, nearest};
#[cfg(test)]
pub use relay::OrOff;
pub use relay::{
    EtrnReply, Fetch, Hold as RelayHold, Hop, HopTls, Login as RelayLogin, Relay,
    Route as RelayRoute, Via,
};
pub use setting::{Raw, Setting, Slot};
pub use smtp_server::{BareNewline, Expn, OverLimit, TlsFloor, Vrfy};
pub use units::{DnsServer, LogLevel, Octets, Rate, parse_listen, parse_network};
pub use when::When;

/// Where the configuration is when nobody says otherwise.
pub const USUAL_FILE: &str = "/etc/tegami/tegami.toml";

/// Everything that can be configured, with every value present.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Our name in the greeting, in Received fields and in the self-signed certificate.
    pub hostname: Domain,
    /// Mail for these domains is delivered here.
    pub domains: Vec<Domain>,
    /// Where the store, the self-signed certificate and the admin socket live.
    pub data_dir: PathBuf,
    /// Declared accounts, reconciled at start and at reload.
    pub accounts_file: Option<PathBuf>,
    /// Who reads the mail for `postmaster`; else the first account, else a built-in mailbox.
    pub postmaster: Option<Mailbox>,
    /// Whether no mail is taken for the time being.
    pub suspended: bool,
    /// The addresses to listen on.
    pub listen: Listen,
    /// Who passes on the connections of others.
    pub proxy: Proxy,
    /// The certificate.
    pub tls: Tls,
    /// How SMTP sessions behave.
    pub smtp: Smtp,
    /// What DNS must say of a sender.
    pub sender: Sender,
    /// Who is asked.
    pub dns: Dns,
    /// How POP3 sessions behave.
    pub pop3: Pop3,
    /// How much replies say.
    pub reply: Replies,
    /// How users prove who they are.
    pub auth: Auth,
    /// What an account may keep.
    pub mailbox: MailboxRules,
    /// What one client, and all of them together, may take.
    pub limits: Limits,
    /// Listeners for devices.
    pub devices: Vec<Device>,
    /// Mail out.
    pub relay: Relay,
    /// What is logged, and how.
    pub log: Log,
}

/// Listening addresses of each service; an empty list switches the service off, port 0 lets the system choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// From other servers.
    pub smtp: Vec<SocketAddr>,
    /// From users: STARTTLS, then AUTH.
    pub submission: Vec<SocketAddr>,
    /// From users, TLS from the first octet (RFC 8314 section 3.3).
    pub submissions: Vec<SocketAddr>,
    /// POP3 with STLS.
    pub pop3: Vec<SocketAddr>,
    /// POP3, TLS from the first octet.
    pub pop3s: Vec<SocketAddr>,
    /// For customers who fetch the mail that is kept for them: STARTTLS, AUTH, then ATRN (RFC 2645).
    pub odmr: Vec<SocketAddr>,
    /// Admin page; its default is accepted, nothing listens there until it exists.
    pub web: Vec<SocketAddr>,
}

/// Proxies in front of this server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxy {
    /// Networks whose connections must begin with a PROXY header, which is believed.
    pub from: Vec<IpNet>,
    /// Networks whose clients may say with XCLIENT and XFORWARD whom they speak for.
    pub xclient_from: Vec<IpNet>,
}

impl Proxy {
    /// Whether a connection from `address` must begin with a PROXY header.
    pub fn is_one(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.from.iter().any(|network| network.contains(&address))
    }
}

/// The certificate and its key, both PEM; with neither a self-signed one is made in `data_dir`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The certificate, followed by its chain.
    pub certificate: Option<PathBuf>,
    /// The private key.
    pub key: Option<PathBuf>,
    /// The oldest version of TLS that users may send with.
    pub submission_min: TlsFloor,
}

impl Tls {
    /// Certificate and key, when they are configured; validation has seen to it that there are both or neither.
    pub fn files(&self) -> Option<(&Path, &Path)> {
        self.certificate.as_deref().zip(self.key.as_deref())
    }
}

/// How SMTP sessions behave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smtp {
    /// The largest message taken (RFC 1870), 0 for no limit.
    pub max_message_size: Octets,
    /// Recipients in one transaction, at least 1.
    pub max_recipients: u32,
    /// What becomes of those beyond them.
    pub over_recipients: OverLimit,
    /// Received fields a message may bring along before it is taken for a loop (RFC 5321 section 6.3).
    pub max_received: u32,
    /// How long the next command may take.
    pub command_timeout: Duration,
    /// What happens to bare CR and LF.
    pub bare_newline: BareNewline,
    /// Networks whose bare newlines are repaired; refused until that exists.
    pub normalize_from: Vec<IpNet>,
    /// Whether mail from other servers under an address of ours must come from one that exists.
    pub verify_local_sender: bool,
    /// Networks from which nobody sends as a user, whatever the password.
    pub no_submission_from: Vec<IpNet>,
    /// The least time that BY may ask for in mode R (RFC 2852).
    pub deliver_by_min: Duration,
    /// What VRFY tells.
    pub vrfy: Vrfy,
    /// What EXPN tells.
    pub expn: Expn,
    /// Whether this host takes mail from no other server, ever (RFC 7504).
    pub no_mail: bool,
}

/// What DNS must say of a sender who has not logged in, for mail to anybody but Postmaster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// The domain exists and takes mail (RFC 5321 section 5.1).
    pub require_domain: bool,
    /// The domain does not say that it takes none (RFC 7505).
    pub reject_null_mx: bool,
    /// A name of the client's address leads back to it.
    pub require_reverse_dns: bool,
}

impl Sender {
    /// Whether anything is looked up at all.
    pub fn asks(self) -> bool {
        self.require_domain || self.reject_null_mx || self.require_reverse_dns
    }
}

/// Who is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dns {
    /// Name servers; when there are none, those of the system.
    pub servers: Vec<DnsServer>,
    /// A file with the keys DNSSEC begins with; without it, those of the root of the Internet.
    pub trust_anchors: Option<PathBuf>,
}

/// How POP3 sessions behave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pop3 {
    /// Whether APOP may be offered. It is, where every account was allowed it.
    pub apop: bool,
    /// The least time between two logins of one account (RFC 2449 section 6.5).
    pub login_delay: Duration,
}

/// How much replies say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replies {
    /// Whether refusals over SMTP say in further lines why, and what to do.
    pub verbose: bool,
}

/// How users prove who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// SASL mechanisms that may be offered, best first. Each is, where every account can use it.
    pub mechanisms: Vec<Mechanism>,
    /// Networks whose clients may send passwords without TLS.
    pub allow_cleartext_from: Vec<IpNet>,
    /// Whether users may log in where other servers deliver, too.
    pub on_mx: bool,
    /// Whether the right password of a disabled account is told so (525), instead of looking wrong (535).
    pub reveal_disabled: bool,
    /// Whether SCRAM is offered although some accounts have no keys for it yet; these are told how to get them (432).
    pub transition_hint: bool,
}

/// What an account may keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailboxRules {
    /// The quota of an account that has none of its own, 0 for no limit.
    pub quota: Octets,
    /// What a sender is told when a mailbox is full.
    pub over_quota: OverQuota,
    /// How long deleted mail stays in the data directory; it gives way when space is low.
    pub undelete_window: Duration,
}

/// What clients may take, counted per listener unless said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions in total, at least 1.
    pub sessions: u32,
    /// Sessions of one address (one /64 of IPv6), 0 for no limit.
    pub sessions_per_ip: u32,
    /// New connections of one address.
    pub connect_rate: Rate,
    /// Transactions of one address.
    pub mail_rate: Rate,
    /// Recipients of one address.
    pub rcpt_rate: Rate,
    /// MAIL commands of one session, 0 for no limit.
    pub messages_per_session: u32,
    /// Unknown or malformed commands before a session is closed, at least 1.
    pub errors: u32,
    /// Networks free of the limits per address and of login throttling.
    pub exempt: Vec<IpNet>,
    /// Networks that nobody may connect from.
    pub refuse_from: Vec<IpNet>,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// A level, or a level per module: `info`, `info,mailstore=debug`.
    pub level: LogLevel,
    /// Lines for people or for machines.
    pub format: LogFormat,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One line of text for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What a sender is told when a mailbox is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverQuota {
    /// 452 4.2.2: try again later.
    Tempfail,
    /// 552 5.2.2: for good.
    Reject,
}
