//! The scripted host of POP3 dialogues.
//!
//! Accounts: alice (`wonderland`), bob (`builder`) and carol (`open  sesame `, with those spaces), all at
//! example.test; dora (`explorer`) is disabled. Every maildrop holds the same two messages unless facts say
//! otherwise. `message` adds one; `kept 1 ID` gives it a unique id from another server; `surrogate` and `no surrogate` say what clients without UTF8 mode get instead of the
//! last one. It compares passwords in clear: hashing is tested in `auth`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use auth::{Credentials, DigestProof, Proof};
use bytes::Bytes;
use pop3_server::{
    Answer, Ask, AuthVerdict, Config, Connection, KeptIds, Listing, LoginVerdict, Message,
    ReadVerdict, Session,
};
use wire::TlsFacts;

use super::passwords::{Progress, Sasl};
use super::player::Stage;
use super::{admission, passwords, script::unescape};

/// What goes wrong with a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    Damaged { after: u64 },
    Gone,
    Unreadable,
}

/// The POP3 host.
pub struct Pop3Stage {
    config: Config,
    connection: Connection,
    verdict: Option<LoginVerdict>,
    messages: Vec<Vec<u8>>,
    faults: Vec<(usize, Fault)>,
    chunk: usize,
    removable: bool,
    tls_ready: bool,
    sasl: Sasl,
    /// What clients without UTF8 mode get instead of a message, by its index; `None` where there is nothing.
    surrogates: BTreeMap<usize, Option<Vec<u8>>>,
    utf8: bool,
    /// Unique ids from other servers, by the index of their message.
    kept: BTreeMap<usize, Arc<str>>,
    told: Vec<String>,
}

impl Default for Pop3Stage {
    fn default() -> Self {
        Self {
            config: Config::new("mx.example.test"),
            connection: Connection {
                peer: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
                tls: None,
                tls_available: true,
                cleartext_login: false,
                mechanisms: passwords::usual(),
                timestamp: None,
                admission: wire::Admission::Welcome,
            },
            verdict: None,
            messages: vec![
                b"Subject: one\r\n\r\nhello\r\n".to_vec(),
                b"Subject: two\r\n\r\n.dot\r\nend\r\n".to_vec(),
            ],
            faults: Vec::new(),
            chunk: usize::MAX,
            removable: true,
            tls_ready: true,
            sasl: Sasl::default(),
            surrogates: BTreeMap::new(),
            utf8: false,
            kept: BTreeMap::new(),
            told: Vec::new(),
        }
    }
}

impl Pop3Stage {
    fn login(&mut self, credentials: &Credentials) -> LoginVerdict {
        self.opened(passwords::check(credentials))
    }

    fn opened(&mut self, login: Option<String>) -> LoginVerdict {
        if let Some(verdict) = &self.verdict {
            return verdict.clone();
        }
        let Some(login) = login else {
            return LoginVerdict::BadCredentials;
        };
        self.told.push(format!("login {login}"));
        let messages: Vec<Message> = (0..self.messages.len())
            .map(|index| Message {
                octets: self.octets(index).len() as u64,
                needs_utf8: !self.utf8 && self.surrogates.get(&index) == Some(&None),
                epoch: 1,
                uid: index as u64 + 1,
            })
            .collect();
        LoginVerdict::Open {
            login,
            listing: {
                let kept = KeptIds::of(&messages, self.kept.clone());
                Listing::new(messages, kept)
            },
        }
    }

    /// The message as this client gets to see it.
    fn octets(&self, index: usize) -> &[u8] {
        match self.surrogates.get(&index) {
            Some(Some(surrogate)) if !self.utf8 => surrogate,
            Some(_) | None => &self.messages[index],
        }
    }

    fn exchange(&mut self, progress: Progress) -> AuthVerdict {
        match progress {
            Progress::Challenge(octets) => AuthVerdict::Challenge(octets),
            Progress::Malformed => AuthVerdict::Malformed,
            Progress::Verify(credentials) => AuthVerdict::Login(self.login(&credentials)),
            Progress::Proved(login) => AuthVerdict::Login(self.opened(login)),
        }
    }

    fn read(&self, message: usize, offset: u64) -> ReadVerdict {
        let octets = self.octets(message);
        let fault = self
            .faults
            .iter()
            .find(|(number, _)| *number == message + 1)
            .map(|(_, fault)| *fault);
        let mut chunk = self.chunk;
        match fault {
            Some(Fault::Gone) => return ReadVerdict::Gone,
            Some(Fault::Unreadable) => return ReadVerdict::TryLater,
            Some(Fault::Damaged { after }) if offset >= after => return ReadVerdict::Damaged,
            Some(Fault::Damaged { after }) => chunk = chunk.min((after - offset) as usize),
            None => {}
        }
        let start = usize::try_from(offset).unwrap().min(octets.len());
        let end = start.saturating_add(chunk).min(octets.len());
        ReadVerdict::Chunk {
            octets: Bytes::copy_from_slice(&octets[start..end]),
            last: end == octets.len(),
        }
    }

    fn fault(&mut self, number: &str, fault: Fault) -> Result<(), String> {
        let number = number
            .parse()
            .map_err(|_| format!("{number:?} is no message number"))?;
        self.faults.push((number, fault));
        Ok(())
    }
}

impl Stage for Pop3Stage {
    type Session = Session;

    const LOGIN: &'static [u8] = b"USER alice@example.test\r\nPASS wonderland\r\n";

    fn given(&mut self, fact: &str) -> Result<(), String> {
        let (key, value) = fact.split_once(' ').unwrap_or((fact, ""));
        match (key, value) {
            ("tls", "") => {
                self.connection.tls = Some(TlsFacts {
                    version: "TLS1.3",
                    cipher: "TLS_AES_256_GCM_SHA384".to_owned(),
                    binding: Some(super::binding()),
                });
            }
            ("no", "tls") => self.connection.tls_available = false,
            ("tls", "broken") => self.tls_ready = false,
            ("cleartext", "login") => self.connection.cleartext_login = true,
            ("admission", name) => self.connection.admission = admission(name)?,
            ("errors", count) => self.config.errors = count.parse().map_err(|_| "errors")?,
            ("mechanisms", names) => self.connection.mechanisms = passwords::mechanisms(names)?,
            // The greeting of the example in RFC 1939 section 7.
            ("apop", "") => {
                self.connection.timestamp = Some("<1896.697170952@dbc.mtview.ca.us>".to_owned());
            }
            ("no", "surrogate") => {
                let last = self.messages.len() - 1;
                self.surrogates.insert(last, None);
            }
            ("login_delay", milliseconds) => {
                let milliseconds = milliseconds.parse().map_err(|_| "login_delay")?;
                self.config.login_delay = Duration::from_millis(milliseconds);
            }
            ("no", "messages") => self.messages.clear(),
            ("message", text) => self.messages.push(unescape(text).ok_or("message")?),
            ("kept", which) => {
                let (number, id) = which.split_once(' ').ok_or("kept")?;
                let number: usize = number.parse().map_err(|_| "kept")?;
                self.kept.insert(number - 1, id.into());
            }
            ("chunks", size) => self.chunk = size.parse().map_err(|_| "chunks")?,
            ("damaged", which) => {
                let (number, after) = which.split_once(" after ").unwrap_or((which, "0"));
                let after = after.parse().map_err(|_| "after")?;
                self.fault(number, Fault::Damaged { after })?;
            }
            ("gone", number) => self.fault(number, Fault::Gone)?,
            ("unreadable", number) => self.fault(number, Fault::Unreadable)?,
            ("store", "broken") => self.removable = false,
            ("in", "use") => self.verdict = Some(LoginVerdict::InUse),
            ("no", "maildrop") => self.verdict = Some(LoginVerdict::NoMaildrop),
            ("maildrop", "broken") => self.verdict = Some(LoginVerdict::StoreFailed),
            ("surrogate", text) => {
                let surrogate = unescape(text).ok_or("surrogate")?;
                let last = self.messages.len() - 1;
                self.surrogates.insert(last, Some(surrogate));
            }
            ("login", "too soon") => self.verdict = Some(LoginVerdict::TooSoon),
            ("login", "misconfigured") => self.verdict = Some(LoginVerdict::Misconfigured),
            ("login", "busy") => self.verdict = Some(LoginVerdict::Busy),
            ("login", "disabled") => self.verdict = Some(LoginVerdict::Disabled),
            ("login", "too weak") => self.verdict = Some(LoginVerdict::TooWeak),
            ("login", "in transition") => self.verdict = Some(LoginVerdict::Transition),
            ("login", "throttled") => self.verdict = Some(LoginVerdict::Throttled),
            ("login", "sound") => self.verdict = None,
            _ => return Err(format!("no fact is called {fact:?}")),
        }
        Ok(())
    }

    fn open(&mut self, now: Instant) -> Session {
        Session::new(self.config.clone().into(), self.connection.clone(), now)
    }

    fn answer(&mut self, ask: Ask) -> Answer {
        match ask {
            Ask::Login { user, password } => Answer::Login(self.login(&Credentials {
                authzid: None,
                login: user,
                password,
            })),
            Ask::Apop {
                user,
                timestamp,
                digest,
            } => {
                let proof = Proof::Digest(DigestProof::apop(user, timestamp, digest));
                Answer::Login(self.opened(passwords::prove(&proof)))
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
            Ask::Utf8 => {
                self.utf8 = true;
                self.told.push("utf8 mode".to_owned());
                Answer::Done
            }
            Ask::Read { message, offset } => Answer::Read(self.read(message, offset)),
            Ask::Expunge(messages) => {
                if self.removable {
                    self.told.extend(
                        messages
                            .iter()
                            .map(|index| format!("expunged {}", index + 1)),
                    );
                }
                Answer::Expunged(self.removable || messages.is_empty())
            }
            Ask::TlsReady => Answer::Tls(self.tls_ready),
        }
    }

    fn body(&mut self, _octets: &[u8]) {
        unreachable!("a POP3 session takes in no message")
    }

    fn told(&self) -> &[String] {
        &self.told
    }
}
