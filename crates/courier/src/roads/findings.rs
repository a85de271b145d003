//! What is made of how a host was found, in plain words: who said what, and what it means.

use std::io;
use std::net::SocketAddr;

use address::{Domain, Host};
use delivery::schedule::Verdict;
use reply::{Enhanced, Row, smtp};
use resolver::Undeliverable;
use smtp_client::{Ending, Lack, Outcome, Passed, Reason, Said, Stage};

use super::guard::Barred;
use super::tally::{Finding, Weight};
use super::tls::TlsFault;
use crate::carry::Remote;

/// A host at one of its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) host: Host,
    /// Nothing when it came to no connection.
    pub(super) address: Option<SocketAddr>,
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.host, self.address) {
            (Host::Domain(name), Some(address)) => write!(f, "{name} [{}]", address.ip()),
            (host, _) => write!(f, "{host}"),
        }
    }
}

impl Who {
    fn remote(&self, said: Option<&Said>) -> Remote {
        Remote {
            host: self.host.clone(),
            address: self.address.map(|address| address.ip()),
            said: said.cloned(),
        }
    }

    fn finding(
        &self,
        said: Option<&Said>,
        status: Enhanced,
        weight: Weight,
        words: String,
    ) -> Finding {
        Finding {
            verdict: Verdict::Deferred,
            status,
            row: None,
            remote: Some(self.remote(said)),
            passed: None,
            words,
            weight,
            stands: false,
        }
    }

    /// There was no connection.
    pub(super) fn unreachable(&self, error: &io::Error) -> Finding {
        let kind = error.kind();
        let why = if kind == io::ErrorKind::TimedOut {
            "nobody answered in time".to_owned()
        } else if kind == io::ErrorKind::ConnectionRefused {
            "no mail server is running there".to_owned()
        } else {
            error.to_string()
        };
        let words = format!("No connection to {self}: {why}.");
        let finding = self.finding(None, Enhanced(4, 4, 1), Weight::Silence, words);
        let remote = Remote {
            address: None,
            ..self.remote(None)
        };
        Finding {
            remote: Some(remote),
            ..finding
        }
    }

    /// Nothing may be sent there now.
    pub(super) fn barred(&self, barred: Barred, domain: &Host) -> Finding {
        let (status, words) = match barred {
            Barred::Bogus => (
                Enhanced(4, 7, 5),
                format!(
                    "The DNS answer for the certificate of {self} (TLSA) fails DNSSEC validation: its owner has not \
                     signed it, or somebody has forged it. Nothing is sent there until that is mended."
                ),
            ),
            Barred::Unclear => (
                Enhanced(4, 4, 3),
                format!(
                    "DNS could not say which certificate {self} must have (TLSA), so nothing is sent there for now."
                ),
            ),
            Barred::NotListed => (
                Enhanced(4, 7, 5),
                format!(
                    "The policy of {domain} (MTA-STS) does not list {self} among its mail servers, so nothing \
                     is sent there."
                ),
            ),
        };
        self.finding(None, status, Weight::Tls, words)
    }

    /// The handshake failed, where TLS has to be.
    pub(super) fn no_tls(&self, fault: &TlsFault) -> Finding {
        let words = format!("TLS is required with {self}, and came to nothing: {fault}.");
        self.finding(None, Enhanced(4, 7, 5), Weight::Tls, words)
    }

    /// Something here is not as it has to be.
    pub(super) fn internal(&self, what: &str) -> Finding {
        let words = format!("Nothing could be sent to {self}: {what}.");
        self.finding(None, Enhanced(4, 3, 0), Weight::Silence, words)
    }

    /// The conversation ended before a message could be sent.
    pub(super) fn ended(
        &self,
        ending: &Ending,
        fault: Option<&TlsFault>,
        overtime: bool,
    ) -> Finding {
        if let (Ending::TlsFailed, Some(fault)) = (ending, fault) {
            return self.no_tls(fault);
        }
        let (said, weight) = match ending {
            Ending::Refused { said, .. } | Ending::LoginRefused { said, .. } => {
                (Some(said), Weight::Door)
            }
            Ending::NoTls(said) => (said.as_ref(), Weight::Tls),
            Ending::TlsFailed => (None, Weight::Tls),
            Ending::NotSmtp { .. }
            | Ending::Ourselves
            | Ending::NoMechanism
            | Ending::NothingWaits
            | Ending::NoTurn
            | Ending::LoginDistrusted { .. } => (None, Weight::Door),
            Ending::Parted | Ending::Silent(_) | Ending::Lost(_) | Ending::Unread => {
                (None, Weight::Silence)
            }
        };
        let Enhanced(_, subject, detail) = ending.status();
        let class = if ending.is_lasting() { 5 } else { 4 };
        let status = Enhanced(class, subject, detail);
        let mut finding = self.finding(said, status, weight, self.about(ending, overtime));
        if ending.is_lasting() {
            finding.verdict = Verdict::Refused;
        }
        finding
    }

    fn about(&self, ending: &Ending, overtime: bool) -> String {
        if overtime {
            return format!("The conversation with {self} took longer than any should.");
        }
        match ending {
            Ending::Parted => format!("{self} takes no more messages over this connection."),
            Ending::Refused { at, said } => format!("{self} refused to go on at {at}: {said}"),
            Ending::NotSmtp { at, fault } => {
                format!("{self} does not speak SMTP: at {at}, {fault}.")
            }
            Ending::Ourselves => format!("{self} has our own name: the mail would go in circles."),
            Ending::NoTls(None) => format!("TLS is required with {self}, and it offers none."),
            Ending::NoTls(Some(said)) => {
                format!("TLS is required with {self}, and it refused: {said}")
            }
            Ending::TlsFailed => format!("TLS with {self} came to nothing."),
            Ending::NoMechanism => format!("{self} offers no way to log in that is safe here."),
            Ending::LoginRefused { mechanism, said } => format!(
                "{self} refused our login ({}); the name and the password in the configuration have to be \
                 looked at: {said}",
                mechanism.name()
            ),
            Ending::LoginDistrusted {
                mechanism,
                distrust,
            } => format!(
                "The login at {self} ({}) was broken off, for {distrust}.",
                mechanism.name()
            ),
            Ending::NothingWaits => format!("No mail waits at {self}."),
            Ending::NoTurn => format!("{self} hands out no mail over a connection like this."),
            Ending::Silent(stage) => format!("{self} fell silent at {stage}."),
            Ending::Lost(stage) => format!("The connection to {self} was lost at {stage}."),
            Ending::Unread => "The message could not be read here.".to_owned(),
        }
    }

    /// What the session says of one recipient; nothing where the host was not asked. `alone`: nobody was served there, so that
    /// another host may be asked.
    pub(super) fn outcome(
        &self,
        outcome: &Outcome,
        alone: bool,
        told: &Told<'_>,
    ) -> Option<Finding> {
        let finding = match outcome {
            Outcome::Accepted { said, passed } => self.accepted(said, *passed),
            Outcome::Failed(reason) => Finding {
                verdict: Verdict::Refused,
                ..self.reason(reason, alone, told)
            },
            Outcome::Deferred(reason) => self.reason(reason, alone, told),
            Outcome::Unknown(ending) => self.unknown(ending, told.overtime),
            Outcome::NotTried => return None,
        };
        Some(Finding {
            status: outcome.status().unwrap_or(finding.status),
            ..finding
        })
    }

    fn accepted(&self, said: &Said, passed: Passed) -> Finding {
        let words = format!("{self} took the message: {said}");
        let finding = self.finding(Some(said), said.status(), Weight::Message, words);
        Finding {
            verdict: Verdict::Delivered,
            passed: Some(passed),
            stands: true,
            ..finding
        }
    }

    fn reason(&self, reason: &Reason, alone: bool, told: &Told<'_>) -> Finding {
        let status = reason.status();
        match reason {
            Reason::Said { at, said } => {
                let words = self.said(*at, said);
                let finding = self.finding(Some(said), status, Weight::Message, words);
                // RFC 5321 section 5.1: who was told to come again later may ask another host, unless this one has taken the
                // message for others; what was said after its end is about the message.
                let stands = match at {
                    Stage::Finish => true,
                    Stage::Mail | Stage::Rcpt | Stage::Data | Stage::Body => {
                        said.is_lasting() || !alone
                    }
                    Stage::Greeting
                    | Stage::Hello
                    | Stage::StartTls
                    | Stage::Handshake
                    | Stage::Auth
                    | Stage::Idle
                    | Stage::Reset
                    | Stage::Turn
                    | Stage::Quit => false,
                };
                Finding { stands, ..finding }
            }
            Reason::Lacks(lack) => {
                let words = format!("{self} {}", cannot(*lack));
                Finding {
                    row: lacking(*lack),
                    ..self.finding(None, status, Weight::Door, words)
                }
            }
            Reason::TooLarge { limit } => {
                let words = format!("{self} takes no message of more than {limit} octets.");
                let finding = self.finding(None, status, Weight::Message, words);
                Finding {
                    stands: true,
                    ..finding
                }
            }
            Reason::Ended(Ending::Unread) => {
                let why = told
                    .unread
                    .map_or_else(String::new, |error| format!(": {error}"));
                let words = format!("The message could not be read here{why}.");
                let finding = self.finding(None, status, Weight::Message, words);
                Finding {
                    stands: true,
                    remote: None,
                    ..finding
                }
            }
            Reason::Ended(ending) => {
                let words = self.about(ending, told.overtime);
                self.finding(None, status, Weight::Silence, words)
            }
        }
    }

    fn said(&self, at: Stage, said: &Said) -> String {
        let (for_good, for_the_time_being) = match at {
            Stage::Rcpt => (
                "refused the recipient",
                "does not take mail for the recipient now",
            ),
            Stage::Mail => (
                "refused the sender",
                "does not take mail from the sender now",
            ),
            Stage::Greeting
            | Stage::Hello
            | Stage::StartTls
            | Stage::Handshake
            | Stage::Auth
            | Stage::Idle
            | Stage::Reset
            | Stage::Data
            | Stage::Body
            | Stage::Finish
            | Stage::Turn
            | Stage::Quit => ("refused the message", "does not take the message now"),
        };
        let what = if said.is_lasting() {
            for_good
        } else {
            for_the_time_being
        };
        format!("{self} {what}: {said}")
    }

    fn unknown(&self, ending: &Ending, overtime: bool) -> Finding {
        let words = format!(
            "The whole message was sent to {self}, which did not say whether it took it. {} It is sent again \
             later, so the recipient may get it twice.",
            self.about(ending, overtime)
        );
        let finding = self.finding(None, ending.status(), Weight::Message, words);
        Finding {
            stands: true,
            ..finding
        }
    }
}

/// What is known besides of a conversation.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told<'a> {
    /// Why the message could not be read.
    pub(super) unread: Option<&'a io::Error>,
    /// It took too long as a whole.
    pub(super) overtime: bool,
}

fn cannot(lack: Lack) -> &'static str {
    match lack {
        Lack::EightBitMime => "takes no messages with 8-bit letters (8BITMIME).",
        Lack::SmtpUtf8 => "takes no international addresses or headers (SMTPUTF8).",
        Lack::RequireTls => {
            "cannot promise TLS all the way (REQUIRETLS), which the sender demands, or is not known to be the \
             right server."
        }
        Lack::Encryption => {
            "offers no TLS, without which the sender does not let the message go (REQUIRETLS)."
        }
        Lack::DeliverBy => "cannot promise to deliver in time (DELIVERBY), as the sender demands.",
    }
}

/// What the sender reads of it in a report, where the status alone says too little.
fn lacking(lack: Lack) -> Option<&'static Row> {
    match lack {
        Lack::RequireTls => Some(&smtp::REQUIRETLS_LACKING),
        Lack::Encryption => Some(&smtp::ENCRYPTION_LACKING),
        Lack::EightBitMime | Lack::SmtpUtf8 | Lack::DeliverBy => None,
    }
}

/// There is nowhere to go.
pub(super) fn nowhere(domain: &Host, why: Undeliverable) -> Finding {
    let (status, words) = match why {
        Undeliverable::NullMx => (
            Enhanced(5, 1, 10),
            format!("{domain} takes no mail at all, and says so in DNS (null MX)."),
        ),
        Undeliverable::NoSuchDomain => (Enhanced(5, 1, 2), format!("There is no domain {domain}.")),
        Undeliverable::NoMailHere => (
            Enhanced(5, 1, 2),
            format!("The domain {domain} has neither a mail server nor an address in DNS."),
        ),
        Undeliverable::Loop => (
            Enhanced(5, 4, 6),
            format!(
                "DNS says that mail for {domain} goes to this server, which does not take mail for it."
            ),
        ),
        Undeliverable::NoAddress => (
            Enhanced(5, 4, 4),
            format!("The mail servers of {domain} have no address that can be used."),
        ),
        Undeliverable::Forbidden => (
            Enhanced(5, 4, 4),
            format!(
                "The mail servers of {domain} are in private networks, where no mail is sent unless relay.allow_to says so."
            ),
        ),
    };
    Finding {
        row: row(why),
        ..plain(Verdict::Refused, status, words)
    }
}

/// What our own users hear of it when they submit.
fn row(why: Undeliverable) -> Option<&'static Row> {
    match why {
        Undeliverable::NullMx => Some(&smtp::NULL_MX),
        Undeliverable::NoSuchDomain | Undeliverable::NoMailHere => Some(&smtp::DOMAIN_MISSING),
        Undeliverable::Loop | Undeliverable::NoAddress | Undeliverable::Forbidden => None,
    }
}

/// DNS did not say where to go.
pub(super) fn later(domain: &Host) -> Finding {
    let words = format!("DNS could not say where mail for {domain} goes.");
    plain(Verdict::Deferred, Enhanced(4, 4, 3), words)
}

/// What DNS says is not its owner's.
pub(super) fn forged(name: &Domain) -> Finding {
    let words = format!(
        "The DNS answer for {name} fails DNSSEC validation: its owner has not signed it, or somebody has forged it. \
         Mail waits until that is mended."
    );
    plain(Verdict::Deferred, Enhanced(4, 7, 5), words)
}

/// There is no such route any more.
pub(super) fn no_route(name: &str) -> Finding {
    let words = format!("The route {name} is not in the configuration any more.");
    plain(Verdict::Deferred, Enhanced(4, 3, 5), words)
}

/// Nobody is asked: whoever has the domain fetches its mail.
pub(super) fn held(domain: &Domain) -> Finding {
    let words = format!("Mail for {domain} is kept until its server fetches it.");
    plain(Verdict::Untried, Enhanced(4, 4, 1), words)
}

/// It may only go where it is known whom the TLS is with, and this is not such a connection (RFC 8689 section 4.2).
pub(super) fn too_open(who: &Who) -> Finding {
    let words = format!(
        "{who} fetches its mail without TLS, and this message may only be handed over under TLS (REQUIRETLS)."
    );
    who.finding(None, Enhanced(4, 7, 5), Weight::Tls, words)
}

/// The hosts of a route cannot be found. That is for the administrator to mend, and no fault of the message.
pub(super) fn no_way(name: &str, host: &Host, why: Undeliverable) -> Finding {
    let found = nowhere(host, why).words;
    let words = format!("The route {name} leads nowhere. {found}");
    plain(Verdict::Deferred, Enhanced(4, 3, 5), words)
}

fn plain(verdict: Verdict, status: Enhanced, words: String) -> Finding {
    Finding {
        verdict,
        status,
        row: None,
        remote: None,
        passed: None,
        words,
        weight: Weight::Silence,
        stands: verdict == Verdict::Refused,
    }
}
