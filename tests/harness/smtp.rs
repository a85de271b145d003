//! The scripted host of SMTP dialogues.
//!
//! It serves example.test, example.org and bücher.example. Accounts: alice, bob, carol (passwords in `passwords.rs`),
//! jörg, smith at two domains, karl at bücher.example, and dora, who is disabled. The alias staff@example.test is alice and bob. What the session asks
//! of it is written down in one line each, for `H:` lines to look at.

mod queue;

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant, SystemTime};

use address::{Domain, ForwardPath, Mailbox, ReversePath};
use auth::Mechanisms;
use smtp_server::{
    Answer, Ask, AuthVerdict, BareNewline, Body, Claimed, Config, Connection, DataVerdict,
    ExpandVerdict, Expn, FinishVerdict, MailFrom, MailVerdict, OverLimit, ProxyCommands, RcptTo,
    RcptVerdict, Role, Session, Taking, TlsFloor, VerifyVerdict, Vrfy,
};
use wire::TlsFacts;

use queue::Queue;

use super::passwords::{Progress, Sasl};
use super::player::Stage;
use super::script::escape;
use super::{admission, passwords};

const DOMAINS: [&str; 3] = ["example.test", "example.org", "xn--bcher-kva.example"];
const MAILBOXES: [&str; 8] = [
    "alice@example.test",
    "bob@example.test",
    "karl@xn--bcher-kva.example",
    "carol@example.test",
    "jörg@example.test",
    "postmaster@example.test",
    "smith@example.test",
    "smith@example.org",
];

/// The SMTP host.
pub struct SmtpStage {
    config: Config,
    connection: Connection,
    mail: MailVerdict,
    rcpt: RcptVerdict,
    /// What DNS says against the sender or the client, whoever but Postmaster the mail is for.
    sender: Option<RcptVerdict>,
    /// What becomes of mail for one address.
    special: Option<(String, RcptVerdict)>,
    queue: Queue,
    data: DataVerdict,
    finish: FinishVerdict,
    login: Option<AuthVerdict>,
    tls_ready: bool,
    /// Whether a client is welcome that a proxy speaks for.
    claimed: wire::Admission,
    sasl: Sasl,
    account: Option<String>,
    transaction: Option<Transaction>,
    told: Vec<String>,
}

/// A transaction as the host knows it.
struct Transaction {
    from: ReversePath,
    to: Vec<ForwardPath>,
    body: Option<Vec<u8>>,
}

impl Default for SmtpStage {
    fn default() -> Self {
        Self {
            config: Config::new("mx.example.test"),
            connection: Connection {
                peer: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
                role: Role::Exchange,
                tls: None,
                tls_available: true,
                cleartext_login: false,
                mechanisms: passwords::usual(),
                bare_newline: BareNewline::Reject,
                admission: wire::Admission::Welcome,
                taking: Taking::Mail,
                proxy: ProxyCommands::Off,
                // 2030-03-17T17:46:40Z
                clock: SystemTime::UNIX_EPOCH + Duration::from_secs(1_900_000_000),
            },
            mail: MailVerdict::Accepted,
            rcpt: RcptVerdict::Accepted,
            sender: None,
            special: None,
            queue: Queue::default(),
            data: DataVerdict::Go,
            finish: FinishVerdict::Stored {
                id: "4TEST".to_owned(),
            },
            login: None,
            tls_ready: true,
            claimed: wire::Admission::Welcome,
            sasl: Sasl::default(),
            account: None,
            transaction: None,
            told: Vec::new(),
        }
    }
}

impl SmtpStage {
    fn mail(&mut self, from: MailFrom) -> MailVerdict {
        let size = from
            .size
            .map_or_else(|| "-".to_owned(), |size| size.to_string());
        let body = match from.body {
            Body::SevenBit => "7bit",
            Body::EightBitMime => "8bitmime",
        };
        let smtputf8 = if from.smtputf8 { " smtputf8" } else { "" };
        let requiretls = if from.requiretls { " requiretls" } else { "" };
        let by = from.deliver_by.map(|by| format!(" by={by}"));
        self.told.push(format!(
            "mail from={} size={size} body={body} ret={} envid={}{smtputf8}{requiretls}{}",
            from.reverse_path,
            shown(from.ret.as_ref()),
            shown(from.envid.as_ref()),
            by.unwrap_or_default(),
        ));
        if let (Some(hold), Some(told)) = (from.hold, self.told.last_mut()) {
            let due = hold.due(SystemTime::UNIX_EPOCH);
            let due = due.duration_since(SystemTime::UNIX_EPOCH).unwrap();
            told.push_str(&format!(" hold={}", due.as_secs()));
        }
        if let (Some(account), ReversePath::Mailbox(mailbox)) = (&self.account, &from.reverse_path)
            && mailbox.key() != *account
        {
            return MailVerdict::NotOwner;
        }
        if let Some(wish) = self.queue.hinders(&from) {
            return MailVerdict::NotNow(wish);
        }
        if self.mail == MailVerdict::Accepted {
            self.transaction = Some(Transaction {
                from: from.reverse_path,
                to: Vec::new(),
                body: None,
            });
        }
        self.mail
    }

    fn rcpt(&mut self, to: RcptTo) -> RcptVerdict {
        let verdict = self.judge(&to.path);
        let mut told = format!(
            "rcpt to={} notify={} orcpt={}",
            to.path,
            shown(to.notify.as_ref()),
            shown(to.orcpt.as_ref())
        );
        if let RcptVerdict::Accepted | RcptVerdict::Forwarded(_) = verdict {
            told.push_str(" accepted");
            self.transaction
                .as_mut()
                .expect("RCPT comes after MAIL")
                .to
                .push(to.path);
        }
        self.told.push(told);
        verdict
    }

    fn judge(&self, path: &ForwardPath) -> RcptVerdict {
        if self.rcpt != RcptVerdict::Accepted {
            return self.rcpt.clone();
        }
        let ForwardPath::Mailbox(mailbox) = path else {
            return RcptVerdict::Accepted;
        };
        let key = format!("{}@{}", address::fold(mailbox.local.base()), mailbox.host);
        let special = self.special.as_ref();
        let special = special.filter(|(address, _)| *address == key);
        if !mailbox
            .host
            .domain()
            .is_some_and(|domain| DOMAINS.contains(&domain.as_str()))
        {
            return match (&self.account, special) {
                (Some(_), Some((_, verdict))) => verdict.clone(),
                (Some(_), None) => RcptVerdict::NoOutbound,
                (None, _) => RcptVerdict::RelayDenied,
            };
        }
        if let Some(verdict) = &self.sender
            && !key.starts_with("postmaster@")
        {
            return verdict.clone();
        }
        match (special, &self.account) {
            (Some((_, RcptVerdict::ListWantsLogin)), Some(_)) => return RcptVerdict::Accepted,
            (Some((_, verdict)), _) => return verdict.clone(),
            (None, _) => {}
        }
        match key.as_str() {
            "dora@example.test" => RcptVerdict::Disabled,
            "postmaster@example.org" => RcptVerdict::Accepted,
            key if MAILBOXES.contains(&key) => RcptVerdict::Accepted,
            _ => RcptVerdict::UnknownMailbox,
        }
    }

    fn finish(&mut self) -> FinishVerdict {
        let transaction = self
            .transaction
            .take()
            .expect("the message has an envelope");
        if let FinishVerdict::Stored { .. } = self.finish {
            let to: Vec<String> = transaction.to.iter().map(ToString::to_string).collect();
            let body = transaction.body.expect("the message was begun");
            self.told.push(format!(
                "stored from={} to={} \"{}\"",
                transaction.from,
                to.join(","),
                escape(&body)
            ));
        }
        self.finish.clone()
    }

    fn exchange(&mut self, progress: Progress) -> AuthVerdict {
        let login = match progress {
            Progress::Challenge(octets) => return AuthVerdict::Challenge(octets),
            Progress::Malformed => return AuthVerdict::Malformed,
            Progress::Verify(credentials) => passwords::check(&credentials),
            Progress::Proved(login) => login,
        };
        if let Some(verdict) = &self.login {
            return verdict.clone();
        }
        let Some(login) = login else {
            return AuthVerdict::Rejected;
        };
        self.told.push(format!("login {login}"));
        self.account = Some(login.clone());
        AuthVerdict::Accepted { login }
    }

    fn verify(&mut self, name: &str) -> VerifyVerdict {
        self.told.push(format!("verify {name}"));
        match &self.special {
            Some((address, RcptVerdict::Forwarded(to))) if address == name => {
                return VerifyVerdict::Forwarded(to.clone());
            }
            Some((address, RcptVerdict::Moved(to))) if address == name => {
                return VerifyVerdict::Moved(to.clone());
            }
            _ if name.ends_with("@backup.example") => return VerifyVerdict::Elsewhere,
            _ => {}
        }
        let found: Vec<&str> = MAILBOXES
            .into_iter()
            .filter(|address| {
                *address == name
                    || address
                        .split_once('@')
                        .is_some_and(|(local, _)| local == name)
            })
            .collect();
        match found.as_slice() {
            [] => VerifyVerdict::Unknown,
            ["jörg@example.test"] => VerifyVerdict::Mailbox {
                name: "Jörg Ärmel".to_owned(),
                mailbox: mailbox("jörg@example.test"),
            },
            ["bob@example.test"] => VerifyVerdict::Mailbox {
                name: "Bob Builder".to_owned(),
                mailbox: mailbox("bob@example.test"),
            },
            [one] => VerifyVerdict::Mailbox {
                name: String::new(),
                mailbox: mailbox(one),
            },
            several => {
                VerifyVerdict::Ambiguous(several.iter().map(|address| mailbox(address)).collect())
            }
        }
    }

    fn expand(&mut self, name: &str) -> ExpandVerdict {
        self.told.push(format!("expand {name}"));
        match name {
            "staff" | "staff@example.test" => ExpandVerdict::Members(vec![
                mailbox("alice@example.test"),
                mailbox("bob@example.test"),
            ]),
            "choir" => ExpandVerdict::Members(vec![
                mailbox("bob@example.test"),
                mailbox("jörg@example.test"),
            ]),
            _ => ExpandVerdict::Unknown,
        }
    }

    /// Facts about the server's settings and the connection.
    fn setting(&mut self, key: &str, value: &str) -> Result<bool, String> {
        match (key, value) {
            ("role", "submission") => self.connection.role = Role::Submission,
            ("role", "device") => self.connection.role = Role::Device,
            ("role", "outsider") => self.connection.role = Role::Outsider,
            ("sender", address) if address.contains('@') => {
                self.config.device.sender = Some(mailbox(address))
            }
            ("rewrite", "sender") => self.config.device.rewrite_sender = true,
            ("device", "logs in") => self.config.device.login = true,
            ("tls", "") => {
                self.connection.tls = Some(TlsFacts {
                    version: "TLS1.3",
                    cipher: "TLS_AES_256_GCM_SHA384".to_owned(),
                    binding: Some(super::binding()),
                });
            }
            ("no", "tls") => self.connection.tls_available = false,
            ("no", "mechanisms") => self.connection.mechanisms = Mechanisms::default(),
            ("mechanisms", names) => self.connection.mechanisms = passwords::mechanisms(names)?,
            ("cleartext", "login") => self.connection.cleartext_login = true,
            ("login", "on exchange") => self.config.login_on_exchange = true,
            ("bare", "newlines normalized") => {
                self.connection.bare_newline = BareNewline::Normalize
            }
            ("taking", "nothing now") => self.connection.taking = Taking::Suspended,
            ("taking", "nothing ever") => self.connection.taking = Taking::Never,
            ("proxy", "here") => self.connection.proxy = ProxyCommands::Allowed,
            ("proxy", "elsewhere") => self.connection.proxy = ProxyCommands::Forbidden,
            ("claimed", name) => self.claimed = admission(name)?,
            ("submission", "wants tls 1.3") => self.config.submission_tls = TlsFloor::Tls13,
            ("over", "recipients refused") => self.config.over_recipients = OverLimit::Reject,
            ("admission", name) => self.connection.admission = admission(name)?,
            ("verbose", "replies") => self.config.verbose = true,
            ("vrfy", "verify") => self.config.vrfy = Vrfy::Verify,
            ("vrfy", "unimplemented") => self.config.vrfy = Vrfy::Unimplemented,
            ("expn", "on") => self.config.expn = Expn::On,
            ("expn", "members") => self.config.expn = Expn::Members,
            ("expn", "noncommittal") => self.config.expn = Expn::Noncommittal,
            ("etrn", "") => self.config.etrn = true,
            ("future-release", seconds) => self.config.future_release = Some(number(seconds)?),
            ("role", "on demand") => self.connection.role = Role::OnDemand,
            ("deliver-by", seconds) => self.config.deliver_by_min = number(seconds)?,
            ("errors", count) => self.config.errors = number(count)?,
            ("max", limit) => match limit.split_once(' ') {
                Some(("size", size)) => self.config.max_message_size = number(size)?,
                Some(("header", size)) => self.config.max_header = number(size)?,
                Some(("recipients", count)) => self.config.max_recipients = number(count)?,
                Some(("transactions", count)) => {
                    self.config.max_transactions = Some(number(count)?)
                }
                _ => return Ok(false),
            },
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Facts about the store, the accounts and the rest of what the host stands for.
    fn condition(&mut self, fact: &str) -> bool {
        match fact {
            "tls broken" => self.tls_ready = false,
            "store sound" => {
                self.mail = MailVerdict::Accepted;
                self.data = DataVerdict::Go;
            }
            "store low" => {
                self.mail = MailVerdict::StoreLow;
                self.data = DataVerdict::StoreLow;
            }
            "try later" => {
                self.mail = MailVerdict::TryLater;
                self.data = DataVerdict::TryLater;
            }
            "store broken" => self.finish = FinishVerdict::TryLater,
            "store full at the end" => self.finish = FinishVerdict::StoreLow,
            "utf8 not taken" => self.finish = FinishVerdict::Utf8NotTaken,
            "time over at the end" => self.finish = FinishVerdict::Expired,
            "mailbox full at the end" => self.finish = FinishVerdict::MailboxFull,
            "too much waits" => self.rcpt = RcptVerdict::QueueFull,
            "too much waits at the end" => {
                self.rcpt = RcptVerdict::Accepted;
                self.finish = FinishVerdict::QueueFull;
            }
            "directory down" => self.rcpt = RcptVerdict::TryLater,
            "mail too fast" => self.mail = MailVerdict::TooFast,
            "mail suspended" => self.mail = MailVerdict::Suspended,
            "no such sender" => self.mail = MailVerdict::NoSuchSender,
            "sending denied" => self.mail = MailVerdict::Denied,
            "mail sound" => self.mail = MailVerdict::Accepted,
            "rcpt too fast" => self.rcpt = RcptVerdict::TooFast,
            "sender sound" => self.sender = None,
            "sender domain missing" => self.sender = Some(RcptVerdict::SenderDomainMissing),
            "sender domain unclear" => self.sender = Some(RcptVerdict::SenderDomainUnclear),
            "sender null mx" => self.sender = Some(RcptVerdict::SenderNullMx),
            "no reverse dns" => self.sender = Some(RcptVerdict::NoReverseDns),
            "reverse dns unclear" => self.sender = Some(RcptVerdict::ReverseDnsUnclear),
            "login busy" => self.login = Some(AuthVerdict::Busy),
            "login disabled" => self.login = Some(AuthVerdict::Disabled),
            "login too weak" => self.login = Some(AuthVerdict::TooWeak),
            "login in transition" => self.login = Some(AuthVerdict::Transition),
            "login throttled" => self.login = Some(AuthVerdict::Throttled),
            "login sound" => self.login = None,
            _ if self.queue.given(fact) => {}
            _ => {
                let Some((what, address)) = fact.rsplit_once(' ') else {
                    return false;
                };
                let verdict = match what {
                    _ if what.starts_with("forwarded ") => RcptVerdict::Forwarded(last(what)),
                    _ if what.starts_with("moved ") && what.contains('@') => {
                        RcptVerdict::Moved(last(what))
                    }
                    "moved away" => RcptVerdict::MovedAway,
                    "sent on" => RcptVerdict::Accepted,
                    "circle" => RcptVerdict::Circle,
                    "null mx" => RcptVerdict::NullMx,
                    "no domain" => RcptVerdict::DomainMissing,
                    "silent domain" => RcptVerdict::DomainUnclear,
                    "list of users" => RcptVerdict::ListWantsLogin,
                    "list of others" => RcptVerdict::ListForbidden,
                    "quota full" => RcptVerdict::MailboxFullForNow,
                    "quota exceeded" => RcptVerdict::MailboxFull,
                    "count full" => RcptVerdict::TooManyMessages,
                    "suspended" => RcptVerdict::Suspended,
                    "no destination" => RcptVerdict::DestinationDenied,
                    _ => return false,
                };
                self.special = Some((address.to_owned(), verdict));
            }
        }
        true
    }
}

impl Stage for SmtpStage {
    type Session = Session;

    const LOGIN: &'static [u8] =
        b"EHLO client.example\r\nAUTH PLAIN AGFsaWNlQGV4YW1wbGUudGVzdAB3b25kZXJsYW5k\r\n";

    fn given(&mut self, fact: &str) -> Result<(), String> {
        let (key, value) = fact.split_once(' ').unwrap_or((fact, ""));
        if self.setting(key, value)? || self.condition(fact) {
            return Ok(());
        }
        Err(format!("no fact is called {fact:?}"))
    }

    fn open(&mut self, now: Instant) -> Session {
        Session::new(self.config.clone().into(), self.connection.clone(), now)
    }

    fn answer(&mut self, ask: Ask) -> Answer {
        match ask {
            Ask::Mail(from) => Answer::Mail(self.mail(*from)),
            Ask::Rcpt(to) => Answer::Rcpt(self.rcpt(to)),
            Ask::Data(trace) => {
                let login = trace.login.as_deref().unwrap_or("-");
                let mut told = format!(
                    "data helo={} protocol={} login={login}",
                    trace.helo, trace.protocol
                );
                if trace.peer != self.connection.peer {
                    told.push_str(&format!(" peer={}", trace.peer));
                }
                if let Some(name) = &trace.name {
                    told.push_str(&format!(" name={name}"));
                }
                if let Some(origin) = &trace.origin {
                    told.push_str(&format!(" origin={origin:?}"));
                }
                self.told.push(told);
                self.transaction
                    .as_mut()
                    .expect("DATA comes after MAIL")
                    .body = Some(Vec::new());
                Answer::Data(self.data)
            }
            Ask::Finish => Answer::Finish(self.finish()),
            Ask::Abandon => {
                self.transaction = None;
                self.told.push("abandoned".to_owned());
                Answer::Done
            }
            Ask::AuthStart {
                mechanism,
                initial,
                binding,
            } => {
                let progress = self.sasl.start(mechanism, initial.as_deref(), binding);
                Answer::Auth(self.exchange(progress))
            }
            Ask::AuthRespond(response) => {
                let progress = self.sasl.respond(&response);
                Answer::Auth(self.exchange(progress))
            }
            Ask::AuthCancel => {
                self.sasl.cancel();
                Answer::Done
            }
            Ask::Verify(name) => Answer::Verify(self.verify(&name)),
            Ask::Expand(name) => Answer::Expand(self.expand(&name)),
            Ask::RunQueue(node) => {
                self.told.push(format!("etrn {node}"));
                Answer::Queue(self.queue.run(&node))
            }
            Ask::Turn(domains) => {
                let shown: Vec<&str> = domains.iter().map(Domain::as_str).collect();
                self.told.push(format!("atrn {}", shown.join(",")));
                Answer::Turn(self.queue.turn(&domains))
            }
            Ask::TlsReady => Answer::Tls(self.tls_ready),
            Ask::Claim(address) => {
                self.account = None;
                self.told.push(match address {
                    Some(address) => format!("claim {address}"),
                    None => "claim without address".to_owned(),
                });
                Answer::Claimed(Claimed {
                    admission: self.claimed,
                    cleartext_login: false,
                    bare_newline: BareNewline::Reject,
                })
            }
        }
    }

    fn body(&mut self, octets: &[u8]) {
        let body = self
            .transaction
            .as_mut()
            .and_then(|transaction| transaction.body.as_mut());
        body.expect("octets come after DATA was allowed")
            .extend_from_slice(octets);
    }

    fn told(&self) -> &[String] {
        &self.told
    }
}

/// The address at the end of a fact.
fn last(fact: &str) -> Mailbox {
    mailbox(fact.rsplit(' ').next().unwrap_or(fact))
}

fn mailbox(address: &str) -> Mailbox {
    Mailbox::parse_user(address).unwrap()
}

fn shown(value: Option<&impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), ToString::to_string)
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}
