//! What a session is told when it begins. Reading configuration files is not done here.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use address::Mailbox;
use auth::Mechanisms;
use wire::{Admission, TlsFacts};

/// Settings shared by all sessions of a listener.
#[derive(Clone, Debug)]
pub struct Config {
    /// Our name in greetings, replies and Received fields: a domain in ASCII (RFC 6531 section 3.7.1).
    pub hostname: String,
    /// Largest message in octets, as SIZE announces it (64 KiB at least, RFC 5321 section 4.5.3.1.7); 0 means no limit of
    /// ours.
    pub max_message_size: u64,
    /// RCPT commands per transaction, refused ones included (RFC 9422 section 4.2); a hundred at least (RFC 5321 section
    /// 4.5.3.1.8).
    pub max_recipients: u32,
    /// MAIL commands per session, announced as MAILMAX (RFC 9422 section 4.1); `None` means any number.
    pub max_transactions: Option<u32>,
    /// Received fields a message may arrive with (RFC 5321 section 6.3: at least 100).
    pub max_received: u32,
    /// Largest header section in octets.
    pub max_header: usize,
    /// How long a client may take for one command, and how long it may fall silent inside a message
    /// (RFC 5321 section 4.5.3.2.7: at least 5 minutes).
    pub command_timeout: Duration,
    /// Octets per second a message must arrive with on average, once `command_timeout` has passed; 0 means that
    /// only silence is punished.
    pub min_rate: u64,
    /// How long a message that is coming in may go on once the server stops. Less than what the server waits for its
    /// sessions, so that the client still hears why it is cut off (RFC 5321 section 3.8).
    pub last_call: Duration,
    /// Fewest seconds that BY may ask for in mode R (RFC 2852 section 3); 0 is none.
    pub deliver_by_min: u32,
    /// Most seconds for which a user's mail is held back (RFC 4865), offered on [`Role::Submission`] only; `None` means that
    /// no mail is.
    pub future_release: Option<u32>,
    /// What VRFY answers.
    pub vrfy: Vrfy,
    /// What EXPN answers.
    pub expn: Expn,
    /// Whether clients may have the queue for a host run (RFC 1985). Which clients, and for which hosts, is the host's to say.
    pub etrn: bool,
    /// Faulty or refused commands per session; replies slow down from half of it on. 0 means no limit.
    pub errors: u32,
    /// How long a reply is held back once a session made half of its errors.
    pub slow_reply: Duration,
    /// Commands that carry no mail (NOOP, RSET, HELP, VRFY, EXPN, EHLO, HELO) between two accepted messages.
    pub max_idle_commands: u32,
    /// Whether AUTH is offered on [`Role::Exchange`] too, where TLS is optional.
    pub login_on_exchange: bool,
    /// What holds on [`Role::Device`].
    pub device: DeviceRules,
    /// What becomes of recipients beyond [`max_recipients`](Self::max_recipients).
    pub over_recipients: OverLimit,
    /// The oldest TLS that is good enough on [`Role::Submission`].
    pub submission_tls: TlsFloor,
    /// Whether refusals say in further lines why, and what to do ([`reply::Reply::explained`]).
    pub verbose: bool,
}

impl Config {
    /// The documented defaults under this host name.
    #[must_use]
    pub fn new(hostname: impl Into<String>) -> Self {
        Self {
            hostname: hostname.into(),
            max_message_size: 25_000_000,
            max_recipients: 100,
            max_transactions: None,
            max_received: 100,
            max_header: 1024 * 1024,
            command_timeout: Duration::from_secs(5 * 60),
            min_rate: 1024,
            last_call: Duration::from_secs(8),
            deliver_by_min: 0,
            future_release: None,
            etrn: false,
            vrfy: Vrfy::Noncommittal,
            expn: Expn::Off,
            errors: 20,
            slow_reply: Duration::from_secs(1),
            max_idle_commands: 500,
            login_on_exchange: false,
            device: DeviceRules::default(),
            over_recipients: OverLimit::Tempfail,
            submission_tls: TlsFloor::Tls12,
            verbose: false,
        }
    }
}

/// What a client hears that goes beyond a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OverLimit {
    /// Not now (RFC 5321 section 4.5.3.1.10): servers try again by themselves.
    #[default]
    Tempfail,
    /// Not at all.
    Reject,
}

/// The oldest version of TLS that is good enough (RFC 3207 section 4.1). What is older than 1.2 is never spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsFloor {
    /// TLS 1.2.
    #[default]
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl TlsFloor {
    /// Whether what was negotiated is good enough.
    pub(crate) fn is_met(self, facts: &TlsFacts) -> bool {
        match self {
            Self::Tls12 => true,
            Self::Tls13 => facts.version == "TLS1.3",
        }
    }
}

/// What a listener for devices asks of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceRules {
    /// The only sender they may name; `None` means any.
    pub sender: Option<Mailbox>,
    /// Whatever sender they name, that one is put in its place.
    pub rewrite_sender: bool,
    /// They log in before they send.
    pub login: bool,
}

/// What VRFY answers (RFC 5321 sections 3.5.3 and 7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vrfy {
    /// 250, 550 or 553, after looking.
    Verify,
    /// 252 for every name alike.
    Noncommittal,
    /// 502, and EHLO does not list it. Not what the RFC wants.
    Unimplemented,
}

/// What EXPN answers (RFC 5321 sections 3.5.2 and 7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expn {
    /// The members, to anybody.
    On,
    /// The members to those who are logged in, 252 to the others.
    Members,
    /// 252 for every name alike.
    Noncommittal,
    /// 502, and EHLO does not list it.
    Off,
}

/// What a listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Port 25: mail from other servers; TLS is optional.
    Exchange,
    /// Ports 587 and 465: mail from users, who must log in under TLS (RFC 6409, RFC 8314 section 3.3).
    Submission,
    /// Mail from printers, scanners and the like in a listed network. TLS and a login are theirs to have or not, and
    /// what old devices get wrong is forgiven.
    Device,
    /// Port 366: customers who log in and have their mail sent over the connection that they opened (RFC 2645). No mail is
    /// taken there.
    OnDemand,
    /// A listener for devices, and the peer is outside its networks: it is turned away.
    Outsider,
}

/// What happens to a message with a bare CR or LF in it (RFC 5321 section 2.3.8).
///
/// Neither way does one end the message or a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BareNewline {
    /// It is refused.
    #[default]
    Reject,
    /// Each becomes CRLF: for old devices in listed networks.
    Normalize,
}

/// Whether mail is taken on a listener, from whomever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Taking {
    /// Yes.
    #[default]
    Mail,
    /// Not for the time being.
    Suspended,
    /// Never (RFC 7504).
    Never,
}

/// What XCLIENT and XFORWARD are on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyCommands {
    /// Commands that this server does not do.
    #[default]
    Off,
    /// Commands for others than this client.
    Forbidden,
    /// Commands of this client, which is a listed proxy.
    Allowed,
}

/// What is known about one connection when it begins.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The client's address.
    pub peer: IpAddr,
    /// What the listener is for.
    pub role: Role,
    /// Present when TLS is on from the first octet (port 465).
    pub tls: Option<TlsFacts>,
    /// Whether STARTTLS can be offered.
    pub tls_available: bool,
    /// Whether passwords may cross this connection without TLS.
    pub cleartext_login: bool,
    /// Mechanisms AUTH offers, in the order EHLO lists them; empty switches AUTH off. Those that TLS is needed
    /// under are listed only there.
    pub mechanisms: Mechanisms,
    /// What to do about bare CR and LF in this client's messages.
    pub bare_newline: BareNewline,
    /// Whether the client is welcome at all.
    pub admission: Admission,
    /// Whether there is any mail to be taken.
    pub taking: Taking,
    /// Whether the client may say that it speaks for another.
    pub proxy: ProxyCommands,
    /// What the clock says as the session begins: for what is to leave later.
    pub clock: SystemTime,
}
