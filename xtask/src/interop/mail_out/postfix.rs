//! Postfix: the mail exchangers of many domains on one host, each with an address of its own and its own manners, and a
//! smarthost that wants a login.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::certificate::{Authority, Pair};
use super::world::{Host, Service, World};
use super::{domain, layer};

/// What it is called.
pub const HOST: &str = "mx.postfix.test";
/// The smarthost's login.
pub const LOGIN: &str = "office@relay.test";
/// Its password.
pub const PASSWORD: &str = "plain words, and 7 digits";
/// An address that is nobody's until it is given to this host.
pub const DOWN: &str = "10.20.0.29";
/// An address of another host, which does not listen there, until it is given to this one.
pub const REFUSES: &str = "10.20.0.31";

/// A mail exchanger: its address, its name, and what of `main.cf` is otherwise there.
struct Exchanger {
    address: &'static str,
    name: &'static str,
    manners: &'static [&'static str],
}

/// Its certificate is of an authority that everybody believes, where it does not say otherwise.
const EXCHANGERS: [Exchanger; 12] = [
    Exchanger {
        address: "10.20.0.20",
        name: HOST,
        manners: &[],
    },
    Exchanger {
        address: "fd20::20",
        name: "six.postfix.test",
        manners: &[],
    },
    Exchanger {
        address: "10.20.0.21",
        name: "mx.selfsigned.test",
        manners: &[],
    },
    Exchanger {
        address: "10.20.0.22",
        name: "mx.brokentls.test",
        // What a library of today refuses: the handshake fails after STARTTLS was taken.
        manners: &["smtpd_tls_protocols=<=TLSv1", "tls_preempt_cipherlist=no"],
    },
    Exchanger {
        address: "10.20.0.23",
        name: "mx.notls.test",
        manners: &["smtpd_tls_security_level=none"],
    },
    Exchanger {
        address: "10.20.0.24",
        name: "mx.old.test",
        manners: &[
            "smtpd_discard_ehlo_keywords=pipelining,chunking,8bitmime,smtputf8,dsn,enhancedstatuscodes,size,vrfy,etrn",
        ],
    },
    Exchanger {
        address: "10.20.0.25",
        name: "mx.dane.example",
        manners: &[],
    },
    Exchanger {
        address: "10.20.0.26",
        name: "mx.danebad.example",
        manners: &[],
    },
    Exchanger {
        address: "10.20.0.28",
        name: "mx.sts.test",
        manners: &[],
    },
    Exchanger {
        address: DOWN,
        name: "mx.down.test",
        manners: &[],
    },
    Exchanger {
        address: REFUSES,
        name: "mx.refuses.test",
        manners: &[],
    },
    Exchanger {
        address: "10.20.0.30",
        name: "mx.bogus.example",
        manners: &[],
    },
];

/// The smarthost: whoever has no login sends nothing.
const SMARTHOST: &str = "10.20.0.27";
const SUBMISSION: &str = "smtpd_tls_security_level=encrypt smtpd_sasl_auth_enable=yes mynetworks=127.0.0.0/8 \
    smtpd_relay_restrictions=permit_sasl_authenticated,reject smtpd_recipient_restrictions=permit_sasl_authenticated,reject";

/// What it refuses: for good, for now, and behind DATA.
const ACCESS: &str = "/^later@/ 450 4.2.0 Later, please\n/^refused@/ 550 5.7.1 Not to this one\n";
const HEADERS: &str = "/^Subject: no thanks/ REJECT We want no such subjects\n";

/// It, and where its mail goes.
pub struct Postfix {
    host: Host,
    inbox: PathBuf,
    log: PathBuf,
    _service: Service,
}

impl Postfix {
    /// Starts it.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(world: &World, place: &Path, authority: &Authority) -> Result<Self> {
        let addresses: Vec<&str> = EXCHANGERS
            .iter()
            .map(|exchanger| exchanger.address)
            .filter(|address| ![DOWN, REFUSES].contains(address))
            .chain([SMARTHOST])
            .collect();
        let host = world.host("postfix", Some(&layer::POSTFIX), &addresses)?;
        let mail = place.join("mail/postfix");
        fs::create_dir_all(&mail)?;
        let log = place.join("postfix.log");
        host.write("/etc/postfix/main.cf", &main(&mail, &log, authority))?;
        host.write("/etc/postfix/master.cf", &master(authority)?)?;
        host.write("/etc/postfix/access", ACCESS)?;
        host.write("/etc/postfix/headers", HEADERS)?;
        host.write("/etc/postfix/mailboxes", "!/^(nobody|no-such)@/ inbox/\n")?;
        host.write(
            "/etc/postfix/transport",
            "/@loop\\.test$/ smtp:[mail.example.test]\n",
        )?;
        host.write(
            "/etc/postfix/sasl/smtpd.conf",
            "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: SCRAM-SHA-256 PLAIN LOGIN\n",
        )?;
        let (user, realm) = LOGIN.split_once('@').unwrap_or((LOGIN, ""));
        host.write("/password", PASSWORD)?;
        let script =
            format!("saslpasswd2 -p -c -u {realm} {user} < /password && chmod 644 /etc/sasldb2");
        host.shell(&script)?;
        host.shell(&format!("chown -R mail:mail {}", mail.display()))?;
        let service = host
            .serve("postfix-start", "postfix start-fg")?
            .await_ready(|| super::answers("10.20.0.20:25") && super::answers("10.20.0.27:465"))?;
        Ok(Self {
            host,
            inbox: mail.join("inbox"),
            log,
            _service: service,
        })
    }

    /// The maildir all its mail goes to.
    pub fn inbox(&self) -> &Path {
        &self.inbox
    }

    /// Everything it logged up to now.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// From now on it takes mail for everybody.
    ///
    /// # Errors
    /// When it cannot be told.
    pub fn become_friendly(&self) -> Result<()> {
        self.host.write("/etc/postfix/access", "")?;
        self.host.succeed("postfix reload")?;
        Ok(())
    }

    /// The host it runs on.
    pub fn host(&self) -> &Host {
        &self.host
    }
}

fn main(mail: &Path, log: &Path, authority: &Authority) -> String {
    let (mail, log, believed) = (mail.display(), log.display(), authority.certificate());
    format!(
        "compatibility_level = 3.6\nmyhostname = {HOST}\nmydestination =\nmynetworks = 10.20.0.0/24, [fd20::]/64, 127.0.0.0/8\n\
         inet_protocols = all\ninet_interfaces = all\nmaillog_file = {log}\nmaillog_file_prefixes = {log}\n\
         virtual_mailbox_domains = {}\nvirtual_mailbox_base = {mail}\nvirtual_mailbox_maps = regexp:/etc/postfix/mailboxes\n\
         virtual_uid_maps = static:8\nvirtual_gid_maps = static:8\nvirtual_minimum_uid = 8\nvirtual_mailbox_limit = 0\n\
         transport_maps = regexp:/etc/postfix/transport\nheader_checks = regexp:/etc/postfix/headers\n\
         smtpd_recipient_restrictions = check_recipient_access regexp:/etc/postfix/access\n\
         smtpd_tls_security_level = may\nsmtpd_tls_received_header = yes\nsmtpd_tls_loglevel = 1\n\
         smtpd_sasl_authenticated_header = yes\nsmtpd_sasl_local_domain = relay.test\nsmtpd_sasl_type = cyrus\n\
         smtp_tls_security_level = may\nsmtp_tls_CAfile = {}\nsmtp_tls_loglevel = 1\nmessage_size_limit = 50000000\n\
         smtputf8_enable = yes\nmaximal_backoff_time = 10s\nminimal_backoff_time = 5s\nqueue_run_delay = 5s\nhopcount_limit = 250\n\
         alias_maps =\nalias_database =\nbiff = no\nsmtpd_banner = $myhostname ESMTP\nsmtp_dns_support_level = enabled\n\
         in_flow_delay = 0\nsmtpd_client_connection_count_limit = 0\nsmtpd_error_sleep_time = 0\n",
        domain::OF_POSTFIX.join(", "),
        believed.display(),
    )
}

fn master(authority: &Authority) -> Result<String> {
    let mut text = String::new();
    for Exchanger {
        address,
        name,
        manners,
    } in EXCHANGERS
    {
        let at = if address.contains(':') {
            format!("[{address}]")
        } else {
            address.to_owned()
        };
        let pair = match name {
            // DANE needs nobody who signs, and an opportunistic client does not ask.
            "mx.selfsigned.test" | "mx.dane.example" | "mx.danebad.example" => {
                kept(authority, name)?
            }
            _ => authority.sign(&[name])?,
        };
        text.push_str(&format!(
            "{at}:smtp inet n - n - - smtpd{}",
            with(&pair, name)
        ));
        manners
            .iter()
            .for_each(|manner| text.push_str(&format!(" -o {manner}")));
        text.push('\n');
    }
    let name = "smtp.relay.test";
    let pair = with(&authority.sign(&[name])?, name);
    let submission: String = SUBMISSION
        .split_whitespace()
        .map(|manner| format!(" -o {manner}"))
        .collect();
    text.push_str(&format!(
        "{SMARTHOST}:587 inet n - n - - smtpd{pair}{submission}\n"
    ));
    text.push_str(&format!(
        "{SMARTHOST}:465 inet n - n - - smtpd{pair}{submission} -o smtpd_tls_wrappermode=yes\n"
    ));
    for (service, kind, wakeup, limit, program) in PARTS {
        text.push_str(&format!("{service} {kind} n {wakeup} {limit} {program}\n"));
    }
    Ok(text)
}

/// The one whose digest the zone `example.` has was made before.
fn kept(authority: &Authority, name: &str) -> Result<Pair> {
    let pair = authority.pair(name);
    if pair.certificate.exists() {
        Ok(pair)
    } else {
        authority.self_signed(name)
    }
}

fn with(pair: &Pair, name: &str) -> String {
    format!(
        " -o myhostname={name} -o smtpd_tls_cert_file={} -o smtpd_tls_key_file={}",
        pair.certificate.display(),
        pair.key.display()
    )
}

/// The parts of Postfix: service, kind, wake-up, limit of processes, program.
const PARTS: [(&str, &str, &str, &str, &str); 18] = [
    ("pickup", "unix n -", "60", "1", "pickup"),
    ("cleanup", "unix n -", "-", "0", "cleanup"),
    ("qmgr", "unix n -", "300", "1", "qmgr"),
    ("tlsmgr", "unix - -", "1000?", "1", "tlsmgr"),
    ("rewrite", "unix - -", "-", "-", "trivial-rewrite"),
    ("bounce", "unix - -", "-", "0", "bounce"),
    ("defer", "unix - -", "-", "0", "bounce"),
    ("trace", "unix - -", "-", "0", "bounce"),
    ("proxymap", "unix - -", "-", "-", "proxymap"),
    ("flush", "unix n -", "1000?", "0", "flush"),
    ("smtp", "unix - -", "-", "-", "smtp"),
    ("relay", "unix - -", "-", "-", "smtp"),
    ("showq", "unix n -", "-", "-", "showq"),
    ("error", "unix - -", "-", "-", "error"),
    ("retry", "unix - -", "-", "-", "error"),
    ("virtual", "unix - n", "-", "-", "virtual"),
    ("anvil", "unix - -", "-", "1", "anvil"),
    ("postlog", "unix-dgram n -", "-", "1", "postlogd"),
];
