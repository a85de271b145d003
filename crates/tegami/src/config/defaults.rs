//! The built-in defaults: a server that starts on the usual ports with nothing configured.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use address::Domain;

use super::units::{Octets, Rate};
use super::{
    Auth, BareNewline, Config, Dns, Expn, Limits, Listen, Log, LogFormat, LogLevel, MailboxRules,
    Mechanism, OverLimit, OverQuota, Pop3, Proxy, Relay, Replies, Sender, Smtp, Tls, Vrfy, Web,
};

/// The name of a server on a machine without a fully qualified one.
pub(super) const NAMELESS: &str = "localhost.localdomain";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for Config {
    fn default() -> Self {
        Self {
            hostname: machine_name(),
            domains: vec![built_in("localhost")],
            data_dir: PathBuf::from("/var/lib/tegami"),
            accounts_file: None,
            postmaster: None,
            suspended: false,
            listen: Listen::default(),
            proxy: Proxy::default(),
            tls: Tls::default(),
            smtp: Smtp::default(),
            sender: Sender::default(),
            dns: Dns::default(),
            pop3: Pop3::default(),
            reply: Replies::default(),
            auth: Auth::default(),
            mailbox: MailboxRules::default(),
            limits: Limits::default(),
            devices: Vec::new(),
            relay: Relay::default(),
            web: Web::default(),
            log: Log::default(),
        }
    }
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            smtp: everywhere(25),
            submission: everywhere(587),
            submissions: everywhere(465),
            pop3: everywhere(110),
            pop3s: everywhere(995),
            odmr: Vec::new(),
            web: vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080)],
        }
    }
}

impl Default for Smtp {
    fn default() -> Self {
        Self {
            max_message_size: Octets(25_000_000),
            // RFC 5321 section 4.5.3.1.8: at least 100 recipients.
            max_recipients: 100,
            over_recipients: OverLimit::Tempfail,
            // RFC 5321 section 6.3: a large threshold, at least 100.
            max_received: 100,
            // RFC 5321 section 4.5.3.2.7: at least five minutes.
            command_timeout: Duration::from_secs(5 * 60),
            bare_newline: BareNewline::Reject,
            normalize_from: Vec::new(),
            verify_local_sender: false,
            no_submission_from: Vec::new(),
            deliver_by_min: Duration::ZERO,
            vrfy: Vrfy::Noncommittal,
            expn: Expn::Off,
            no_mail: false,
        }
    }
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            mechanisms: vec![
                Mechanism::ScramSha256Plus,
                Mechanism::ScramSha256,
                Mechanism::Plain,
                Mechanism::Login,
            ],
            allow_cleartext_from: Vec::new(),
            on_mx: false,
            reveal_disabled: false,
            transition_hint: false,
        }
    }
}

impl Default for MailboxRules {
    fn default() -> Self {
        Self {
            quota: Octets(2_000_000_000),
            over_quota: OverQuota::Tempfail,
            undelete_window: 7 * DAY,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 20_000,
            sessions_per_ip: 30,
            connect_rate: Rate::per(300, Duration::from_secs(60)),
            mail_rate: Rate::Off,
            rcpt_rate: Rate::Off,
            messages_per_session: 0,
            errors: 20,
            exempt: Vec::new(),
            refuse_from: Vec::new(),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: LogLevel::default(),
            format: LogFormat::Text,
        }
    }
}

fn everywhere(port: u16) -> Vec<SocketAddr> {
    vec![SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port)]
}

/// The machine's own name where it is fully qualified. A container's `3f2a9c01d7e4` is no name that another
/// server could look up (RFC 5321 section 2.3.5), so it gives way to one that is plainly local.
fn machine_name() -> Domain {
    let uname = rustix::system::uname();
    uname
        .nodename()
        .to_str()
        .ok()
        .filter(|name| name.contains('.'))
        .and_then(|name| Domain::parse(name).ok())
        .unwrap_or_else(|| built_in(NAMELESS))
}

#[expect(
    clippy::expect_used,
    reason = "literals of this file, parsed by every test of it"
)]
fn built_in(name: &str) -> Domain {
    Domain::parse(name).expect("a literal domain")
}
