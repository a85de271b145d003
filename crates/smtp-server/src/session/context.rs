//! What a session knows wherever it stands: its settings, its connection, its clock, its budgets.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use address::Host;
use auth::{Mechanism, Mechanisms};
use reply::{Reply, Row, smtp};
use wire::{ChannelBinding, Line, LineReader, TlsFacts};

use super::Turn;
use crate::ask::Claimed;
use crate::config::{BareNewline, Config, Connection, ProxyCommands, Role, Taking};
use crate::helo::Helo;
use crate::trace::Origin;

/// Longest command line in octets with its CRLF, the one limit for every command but AUTH.
///
/// RFC 5321 section 4.5.3.1.4 wants 512; the extensions we offer add at most 26 (SIZE), 17 (BODY), 10 (SMTPUTF8),
/// 500 (AUTH=), 9 (RET), 107 (ENVID), 17 (BY), 11 (REQUIRETLS) and 34 (HOLDUNTIL) to MAIL, 500 and 28 to RCPT (ORCPT, NOTIFY). This is more than any of those
/// sums.
const COMMAND_LIMIT: usize = 2048;
/// Longest line of a SASL exchange in octets, its CRLF not counted (RFC 4954 section 4). It goes for the AUTH
/// command too, which may carry the first response.
const SASL_LIMIT: usize = 12_288;
/// How a TLS ClientHello begins: a handshake record of SSL 3 or TLS.
const TLS_RECORD: &[u8] = b"\x16\x03";

/// The facts common to all states.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) config: Arc<Config>,
    pub(super) peer: IpAddr,
    pub(super) role: Role,
    pub(super) tls: Option<TlsFacts>,
    tls_available: bool,
    cleartext_login: bool,
    mechanisms: Mechanisms,
    pub(super) bare_newline: BareNewline,
    pub(super) taking: Taking,
    pub(super) proxy: ProxyCommands,
    /// The client's host name, in the words of a proxy.
    pub(super) client_name: Option<String>,
    /// How a proxy says that the client introduced itself.
    pub(super) client_helo: Option<Helo>,
    /// Where the next message comes from, in the words of XFORWARD.
    pub(super) origin: Option<Box<Origin>>,
    /// The account logged in to; it outlives EHLO but not STARTTLS.
    pub(super) login: Option<String>,
    pub(super) reader: LineReader,
    pub(super) now: Instant,
    /// When the session began, by both clocks.
    began: (Instant, SystemTime),
    /// The server is draining.
    pub(super) stopping: bool,
    /// Until when a message may still come in, once the server is draining.
    pub(super) last_call: Option<Instant>,
    /// The client said QUIT, and nothing behind it.
    pub(super) parted: bool,
    errors: u32,
    idle_commands: u32,
    transactions: u32,
    /// Until when the command awaited must be complete; set once the session waits for it.
    until: Option<Instant>,
    /// The line coming in began like AUTH.
    auth_line: bool,
    /// The line coming in was answered before its end.
    answered_early: bool,
}

/// A command line, or what is wrong with it.
#[derive(Debug)]
pub(super) enum CommandLine {
    Text(Vec<u8>),
    /// With control octets in it.
    Control(Vec<u8>),
    /// Bare CR or LF, or the beginning of a TLS handshake.
    Unparsable,
    TooLong,
    AuthTooLong,
}

/// How a session is to be treated after one more error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    Plenty,
    /// Replies come late from now on.
    Little,
    /// This was the last error.
    None,
}

impl Context {
    pub(super) fn new(config: Arc<Config>, connection: Connection, now: Instant) -> Self {
        Self {
            config,
            peer: connection.peer.to_canonical(),
            role: connection.role,
            tls: connection.tls,
            tls_available: connection.tls_available,
            cleartext_login: connection.cleartext_login,
            mechanisms: connection.mechanisms,
            bare_newline: connection.bare_newline,
            taking: connection.taking,
            proxy: connection.proxy,
            client_name: None,
            client_helo: None,
            origin: None,
            login: None,
            reader: LineReader::new(),
            now,
            began: (now, connection.clock),
            stopping: false,
            last_call: None,
            parted: false,
            errors: 0,
            idle_commands: 0,
            transactions: 0,
            until: None,
            auth_line: false,
            answered_early: false,
        }
    }

    /// The server drains: no more commands are taken, and a message that is coming in has a last call.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
        self.last_call
            .get_or_insert(self.now + self.config.last_call);
    }

    /// Another client than the one that connected counts from now on, with limits of its own. It is no proxy, whatever
    /// its address.
    pub(super) fn take_over(&mut self, peer: IpAddr, facts: Claimed) {
        self.peer = peer.to_canonical();
        self.proxy = ProxyCommands::Forbidden;
        self.cleartext_login = facts.cleartext_login;
        self.bare_newline = facts.bare_newline;
        self.errors = 0;
        self.idle_commands = 0;
        self.transactions = 0;
    }

    // What may be said here.

    /// A row that opens with our name.
    pub(super) fn named(&self, row: &'static Row) -> Reply {
        Reply::new(row).arg("host", &*self.config.hostname)
    }

    /// The peer's address as SMTP writes it, without its brackets.
    pub(super) fn peer_text(&self) -> String {
        if let IpAddr::V4(peer) = self.peer {
            let mut text = String::with_capacity("255.255.255.255".len());
            // Writing into memory does not fail.
            let _ = address::dotted(peer, &mut text);
            return text;
        }
        Host::Literal(self.peer)
            .to_string()
            .trim_matches(['[', ']'])
            .to_owned()
    }

    /// STARTTLS makes sense: there is a certificate, and TLS is not on (RFC 3207 section 4.2).
    pub(super) fn may_start_tls(&self) -> bool {
        self.tls_available && self.tls.is_none()
    }

    pub(super) fn knows_starttls(&self) -> bool {
        self.tls_available
    }

    /// RFC 8314 section 3.3: users' mail and passwords cross the network under TLS only.
    /// RFC 3207 section 4: never on a public port 25.
    pub(super) fn needs_tls(&self) -> bool {
        let users = matches!(self.role, Role::Submission | Role::OnDemand);
        users && self.tls.is_none() && !self.cleartext_login
    }

    /// RFC 6409 section 4.3: users log in before they send.
    pub(super) fn needs_login(&self) -> bool {
        let asked = match self.role {
            Role::Submission => true,
            Role::Device => self.config.device.login,
            // RFC 2645 section 5.1: ATRN has a reply of its own for that.
            Role::Exchange | Role::OnDemand | Role::Outsider => false,
        };
        asked && self.login.is_none()
    }

    /// RFC 3207 section 4.1: TLS is on, and it is not good enough for users' mail.
    pub(super) fn is_tls_too_weak(&self) -> bool {
        matches!(self.role, Role::Submission | Role::OnDemand)
            && self
                .tls
                .as_ref()
                .is_some_and(|facts| !self.config.submission_tls.is_met(facts))
    }

    /// AUTH exists on this listener.
    pub(super) fn knows_auth(&self) -> bool {
        let listener_takes_logins = match self.role {
            Role::Submission | Role::OnDemand | Role::Device => true,
            Role::Exchange => self.config.login_on_exchange,
            Role::Outsider => false,
        };
        listener_takes_logins && !self.mechanisms.is_empty()
    }

    /// The mechanism may be used on the connection as it is: no password crosses in clear (RFC 8314 section 4.1).
    pub(super) fn is_safe(&self, mechanism: Mechanism) -> bool {
        self.tls.is_some() || self.cleartext_login || !mechanism.cleartext()
    }

    /// The mechanisms EHLO lists: RFC 4954 section 6 wants none that cannot be used. Where TLS comes first, that is
    /// none before it, however safe the mechanism.
    pub(super) fn offered_mechanisms(&self) -> impl Iterator<Item = Mechanism> {
        let open = self.knows_auth() && self.login.is_none() && !self.needs_tls();
        self.mechanisms
            .iter()
            .filter(move |mechanism| open && self.can_use(*mechanism) && self.is_safe(*mechanism))
    }

    /// The mechanism is switched on, and there is something to bind to if it binds.
    pub(super) fn can_use(&self, mechanism: Mechanism) -> bool {
        self.mechanisms.contains(mechanism)
            && (!mechanism.binds_channel() || self.channel_binding().is_some())
    }

    /// What a login can be bound to, where that is offered.
    pub(super) fn channel_binding(&self) -> Option<ChannelBinding> {
        let offered = self.mechanisms.iter().any(Mechanism::binds_channel);
        self.tls
            .as_ref()
            .and_then(|tls| tls.binding)
            .filter(|_| offered)
    }

    // Lines.

    /// The next command line, if it has arrived.
    pub(super) fn next_command(&mut self) -> Option<CommandLine> {
        loop {
            let head = self.reader.head();
            if let Some(verb) = head.get(..5) {
                self.auth_line = verb.eq_ignore_ascii_case(b"AUTH ");
            }
            // A TLS client waits for an answer before it sends what might end the line.
            if head.starts_with(TLS_RECORD) && !self.answered_early {
                self.answered_early = true;
                self.until = None;
                return Some(CommandLine::Unparsable);
            }
            let sasl = self.auth_line && self.knows_auth();
            let line = self
                .reader
                .next(if sasl { SASL_LIMIT + 2 } else { COMMAND_LIMIT })?;
            self.until = None;
            if std::mem::take(&mut self.answered_early) {
                continue;
            }
            return Some(match line {
                Line::Complete(text) => CommandLine::Text(text),
                Line::Control(text) => CommandLine::Control(text),
                Line::Bare => CommandLine::Unparsable,
                Line::TooLong | Line::Flood if sasl => CommandLine::AuthTooLong,
                Line::TooLong | Line::Flood => CommandLine::TooLong,
            });
        }
    }

    /// The next line of a SASL exchange, if it has arrived.
    pub(super) fn next_response(&mut self) -> Option<Line> {
        let line = self.reader.next(SASL_LIMIT + 2)?;
        self.until = None;
        Some(line)
    }

    // Time.

    /// What the clock says.
    pub(super) fn clock(&self) -> SystemTime {
        let (began, clock) = self.began;
        clock + self.now.duration_since(began)
    }

    /// The most seconds that mail is held back here. RFC 4865 section 4.2: for users only.
    pub(super) fn future_release(&self) -> Option<u32> {
        let longest = self.config.future_release;
        longest.filter(|_| self.role == Role::Submission)
    }

    /// Until when the line awaited must be complete. What trickles in does not move it.
    pub(super) fn line_deadline(&mut self) -> Instant {
        *self
            .until
            .get_or_insert(self.now + self.config.command_timeout)
    }

    pub(super) fn is_overdue(&self) -> bool {
        self.until.is_some_and(|until| self.now >= until)
    }

    /// RFC 5321 section 4.5.3.2.7. Whoever sent part of a line was slow, whoever sent nothing has gone quiet.
    pub(super) fn time_out(&self) -> Turn {
        let row = if self.reader.is_empty() {
            &smtp::TIMEOUT
        } else {
            &smtp::TOO_SLOW
        };
        Turn::leave(self.named(row))
    }

    // Budgets.

    /// Counts a faulty or refused command.
    pub(super) fn count_error(&mut self) -> Patience {
        self.errors = self.errors.saturating_add(1);
        let budget = self.config.errors;
        if budget == 0 {
            Patience::Plenty
        } else if self.errors >= budget {
            Patience::None
        } else if self.errors >= budget.div_ceil(2) {
            Patience::Little
        } else {
            Patience::Plenty
        }
    }

    /// Counts a command that carries no mail, and says whether it was one too many.
    pub(super) fn count_idle_command(&mut self) -> bool {
        self.idle_commands = self.idle_commands.saturating_add(1);
        self.idle_commands > self.config.max_idle_commands
    }

    /// A message was accepted: the peer does what peers are for.
    pub(super) fn forgive_idle_commands(&mut self) {
        self.idle_commands = 0;
    }

    /// Counts a MAIL, and says whether it was one too many (RFC 9422 section 4.1: failures count).
    pub(super) fn count_transaction(&mut self) -> bool {
        self.transactions = self.transactions.saturating_add(1);
        self.config
            .max_transactions
            .is_some_and(|most| self.transactions > most)
    }
}
