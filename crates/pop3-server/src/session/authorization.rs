//! The AUTHORIZATION state: USER and PASS, AUTH, STLS, UTF8 (RFC 1939 section 4, RFC 5034, 2595, 6856).
//!
//! Who may log in is the host's decision; here stand the order of things and the words for its verdicts.

use auth::{Mechanism, Secret, decode_base64, encode_base64, hex_digest};
use reply::{Reply, pop3};
use wire::{Line, Output};

use super::{Refusal, Session, State};
use crate::ask::{Ask, AuthVerdict, LoginVerdict};
use crate::capabilities::{can_use, channel_binding, mechanisms, passwords_allowed};
use crate::command::{Command, Fault};
use crate::maildrop::Maildrop;

/// Commands before login that do not try to log in. Whoever has an account needs five of them.
const IDLE_COMMANDS: u32 = 100;

impl Session {
    pub(super) fn before_login(&mut self, user: Option<String>, command: Command) {
        match command {
            Command::Auth { mechanism, initial } => {
                return self.start_exchange(user, &mechanism, initial.as_deref());
            }
            Command::Pass(password) => return self.password(user, password),
            Command::Quit => return self.part(Reply::new(&pop3::GOODBYE)),
            Command::Stls => return self.start_tls(user),
            Command::User(name) => return self.name(name),
            Command::Utf8 => {
                self.state = State::EnablingUtf8 { user };
                return self.ask(Ask::Utf8);
            }
            Command::Apop(argument) => return self.apop(user, &argument),
            Command::AuthList => self.list_mechanisms(),
            Command::Capa => self.say(self.capabilities()),
            Command::Lang(range) => self.choose_language(range.as_deref()),
            Command::Dele(_)
            | Command::List(_)
            | Command::Noop
            | Command::Retr(_)
            | Command::Rset
            | Command::Stat
            | Command::Top { .. }
            // RFC 1939 section 3: -ERR in the wrong state, and the session goes on.
            | Command::Uidl(_) => self.say_row(&pop3::NOT_BEFORE_LOGIN),
        }
        self.state = State::Authorization { user };
    }

    /// Counts what somebody unknown says without trying to log in, and tells when it is too much. Logins have a limit
    /// of their own.
    pub(super) fn is_idling(&mut self, parsed: &Result<Command, Fault>) -> bool {
        let useful = matches!(
            parsed,
            Ok(Command::Auth { .. } | Command::Pass(_) | Command::Quit)
        );
        if useful || self.login.is_some() {
            return false;
        }
        self.idle_commands = self.idle_commands.saturating_add(1);
        self.idle_commands > IDLE_COMMANDS
    }

    fn name(&mut self, name: String) {
        if !passwords_allowed(&self.connection) {
            self.state = State::Authorization { user: None };
            // RFC 3206 section 5: USER never gets the AUTH code.
            return self.say_row(&pop3::TLS_FOR_USER);
        }
        // RFC 1939 section 7: the same answer for names that exist and names that do not.
        self.state = State::Authorization { user: Some(name) };
        self.say_row(&pop3::SEND_PASSWORD);
    }

    fn password(&mut self, user: Option<String>, password: Option<Secret>) {
        self.state = State::Authorization { user: None };
        if !passwords_allowed(&self.connection) {
            return self.say_row(&pop3::TLS_FOR_PASSWORDS);
        }
        let Some(user) = user else {
            return self.say_row(&pop3::USER_FIRST);
        };
        let Some(password) = password else {
            return self.say_row(&pop3::BAD_CREDENTIALS);
        };
        self.state = State::LoggingIn;
        self.ask(Ask::Login { user, password });
    }

    /// RFC 1939 section 7: `APOP name digest`, in answer to the timestamp of the greeting. The password does not
    /// cross the wire, so TLS is not asked for.
    fn apop(&mut self, user: Option<String>, argument: &[u8]) {
        self.state = State::Authorization { user };
        let Some(timestamp) = self.connection.timestamp.clone() else {
            return self.say_row(&pop3::APOP_OFF);
        };
        // A name may hold spaces, so the digest is what follows the last one.
        let words = str::from_utf8(argument.trim_ascii()).ok();
        let Some((name, digest)) = words.and_then(|words| words.rsplit_once(' ')) else {
            return self.refuse_malformed(&pop3::WRONG_ARGUMENTS);
        };
        let Some(digest) = hex_digest(digest) else {
            return self.refuse_malformed(&pop3::APOP_DIGEST);
        };
        self.state = State::LoggingIn;
        self.ask(Ask::Apop {
            user: name.trim_ascii_end().to_owned(),
            timestamp,
            digest,
        });
    }

    pub(super) fn login_ended(&mut self, verdict: LoginVerdict) {
        let row = match verdict {
            LoginVerdict::Open { login, listing } => {
                return self.maildrop_open(login, Maildrop::new(listing));
            }
            LoginVerdict::TooSoon => {
                self.state = State::Authorization { user: None };
                let seconds = self.config.login_delay_seconds();
                return self.say(Reply::new(&pop3::LOGIN_TOO_SOON).arg("seconds", seconds));
            }
            LoginVerdict::Throttled => {
                let refusal = Reply::new(&pop3::LOGIN_THROTTLED).arg("peer", self.connection.peer);
                return self.say_and_close(refusal);
            }
            // RFC 3206 section 6: the AUTH code only where the credentials are at fault, for it makes clients
            // forget the saved password.
            LoginVerdict::BadCredentials => &pop3::BAD_CREDENTIALS,
            LoginVerdict::Disabled => &pop3::ACCOUNT_DISABLED,
            LoginVerdict::TooWeak => &pop3::LOGIN_TOO_WEAK,
            LoginVerdict::Transition => &pop3::TRANSITION_NEEDED,
            LoginVerdict::Busy => &pop3::LOGIN_UNAVAILABLE,
            LoginVerdict::InUse => &pop3::IN_USE,
            LoginVerdict::NoMaildrop => &pop3::NO_MAILDROP,
            LoginVerdict::Misconfigured => &pop3::MISCONFIGURED,
            LoginVerdict::StoreFailed => &pop3::MAILDROP_UNAVAILABLE,
        };
        self.state = State::Authorization { user: None };
        self.say_row(row);
    }

    fn maildrop_open(&mut self, login: String, maildrop: Maildrop) {
        self.login = Some(login);
        self.say(Reply::new(&pop3::MAILDROP_OPEN).arg("count", maildrop.count()));
        self.state = State::Transaction(maildrop);
    }

    // ---- AUTH ----

    /// AUTH alone: no RFC has it any more, old clients ask that way.
    fn list_mechanisms(&mut self) {
        let names = mechanisms(&self.connection).map(Mechanism::name);
        let reply = names.fold(Reply::new(&pop3::MECHANISMS), Reply::line);
        self.say(reply);
    }

    fn start_exchange(&mut self, user: Option<String>, name: &str, initial: Option<&[u8]>) {
        // RFC 5034 section 4: an AUTH that is refused changes nothing.
        self.state = State::Authorization { user };
        let offered =
            Mechanism::parse(name).filter(|mechanism| can_use(&self.connection, *mechanism));
        let Some(mechanism) = offered else {
            return self.say_row(&pop3::MECHANISM_NOT_OFFERED);
        };
        if mechanism.cleartext() && !passwords_allowed(&self.connection) {
            return self.say_row(&pop3::TLS_FOR_PASSWORDS);
        }
        // RFC 5034 section 4, as RFC 4954: there is nothing to answer before the challenge.
        if initial.is_some() && mechanism.refuses_initial_response() {
            return self.refuse_malformed(&pop3::INITIAL_RESPONSE_UNWANTED);
        }
        let initial = match initial {
            None => None,
            // RFC 5034 section 4: a lone equals sign is an initial response that is there and empty.
            Some(b"=") => Some(Vec::new()),
            Some(text) => match decode_base64(text) {
                Ok(octets) => Some(octets),
                Err(_) => return self.refuse_malformed(&pop3::NOT_BASE64),
            },
        };
        self.state = State::Exchanging;
        let binding = channel_binding(&self.connection);
        self.ask(Ask::AuthStart {
            mechanism,
            initial,
            binding,
        });
    }

    /// A line that answers a challenge.
    pub(super) fn response(&mut self, line: Line) {
        let refusal = match line {
            // RFC 5034 section 4: a lone asterisk gives up.
            Line::Complete(text) if text == b"*" => Refusal::Plain(&pop3::AUTH_CANCELLED),
            Line::Complete(text) => match decode_base64(&text) {
                Ok(octets) => {
                    self.state = State::Exchanging;
                    return self.ask(Ask::AuthRespond(octets));
                }
                Err(_) => Refusal::Malformed(&pop3::NOT_BASE64),
            },
            Line::Bare | Line::Control(_) => Refusal::Malformed(&pop3::NOT_BASE64),
            Line::TooLong => Refusal::TooLong,
            Line::Flood => Refusal::Flood,
        };
        self.state = State::Cancelling { refusal };
        self.ask(Ask::AuthCancel);
    }

    pub(super) fn exchange_moved(&mut self, verdict: AuthVerdict) {
        match verdict {
            AuthVerdict::Challenge(octets) => {
                self.state = State::AwaitingResponse;
                self.say(Reply::new(&pop3::CHALLENGE).arg("challenge", encode_base64(octets)));
            }
            AuthVerdict::Malformed => {
                self.state = State::Authorization { user: None };
                self.refuse_malformed(&pop3::MALFORMED_RESPONSE);
            }
            AuthVerdict::Login(verdict) => self.login_ended(verdict),
        }
    }

    pub(super) fn exchange_cancelled(&mut self, refusal: Refusal) {
        self.state = State::Authorization { user: None };
        match refusal {
            Refusal::Malformed(row) => self.refuse_malformed(row),
            Refusal::Plain(row) => self.say_row(row),
            Refusal::TooLong => self.refuse_long_line(&pop3::RESPONSE_TOO_LONG),
            Refusal::Flood => self.say_and_close(Reply::new(&pop3::LINE_FLOOD)),
        }
    }

    // ---- UTF8 ----

    /// RFC 6856 section 2.1: the mode stays on for the rest of the session; saying it again changes nothing.
    pub(super) fn utf8_enabled(&mut self, user: Option<String>) {
        self.utf8 = true;
        self.state = State::Authorization { user };
        self.say_row(&pop3::UTF8_ON);
    }

    // ---- STLS ----

    fn start_tls(&mut self, user: Option<String>) {
        let refusal = if self.connection.tls.is_some() {
            &pop3::TLS_ALREADY_ON
        } else if !self.connection.tls_available {
            &pop3::TLS_NOT_OFFERED
        } else if self.utf8 {
            &pop3::TLS_BEFORE_UTF8
        } else {
            self.state = State::AskingForTls { user };
            return self.ask(Ask::TlsReady);
        };
        self.state = State::Authorization { user };
        self.say_row(refusal);
    }

    pub(super) fn tls_decided(&mut self, user: Option<String>, ready: bool) {
        if !ready {
            self.state = State::Authorization { user };
            return self.say_row(&pop3::TLS_UNAVAILABLE);
        }
        // RFC 2595 section 4: what the client sent along with STLS in clear is thrown away, never carried out.
        self.reader.clear();
        self.state = State::Handshaking;
        self.say_row(&pop3::START_TLS_NOW);
        self.queue.push_back(Output::StartTls);
    }
}
