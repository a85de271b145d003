//! From one address of a host to a connection over which a message can be sent: TCP, TLS as the guard wants it, greeting,
//! EHLO, and a login where one is configured.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use address::Domain;
use rustls::pki_types::ServerName;
use smtp_client::{Config, Ending, Stage, TlsUse};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::connect::connect;
use super::conversation::{Conversation, Rest};
use super::findings::Who;
use super::guard::Guard;
use super::line::Line;
use super::settings::RouteTls;
use super::stops::{Stop, Way};
use super::stream::Io;
use super::tally::Finding;
use super::tls::{Handshake, TlsFault};
use super::tls_report::Failure;
use super::{Live, Roads};

/// Who is approached, and how.
pub(super) struct Approach<'a> {
    pub(super) roads: &'a Roads,
    pub(super) live: &'a Arc<Live>,
    pub(super) way: &'a Way,
    pub(super) stop: &'a Stop,
    pub(super) guard: Guard,
    pub(super) who: &'a Who,
    /// The message may not go in the clear (REQUIRETLS), so nothing is gained by trying that.
    pub(super) secret: bool,
    /// The message waives what the domain promises and asks for (RFC 8689 section 4.2.2). How TLS goes then says nothing
    /// about those promises, and the connection is for no other mail.
    pub(super) lax: bool,
    /// Mail is fetched for these, instead of sent.
    pub(super) fetch: Option<&'a [Domain]>,
}

/// There is no connection.
pub(super) struct Failed {
    pub(super) finding: Finding,
    /// How it ended, if there was one.
    pub(super) ending: Option<Ending>,
    /// TLS was the reason, or may have been.
    pub(super) tls: bool,
}

/// TLS of a connection that is to be opened.
enum Cover {
    None,
    StartTls {
        handshake: Handshake,
        required: bool,
    },
    Implicit(Handshake),
}

impl Approach<'_> {
    /// Opens a connection. Where TLS comes to nothing and need not be, a second one goes without (RFC 7435 section 3).
    pub(super) async fn connect(&self) -> Result<Line, Failed> {
        let (address, began) = (self.stop.address, Instant::now());
        let within = self.live.settings.opening;
        let optional = self.is_optional();
        if optional && !self.secret && self.roads.plain.has(address) {
            return self.open(Cover::None, within).await;
        }
        let opened = match self.cover() {
            Ok(cover) => self.open(cover, within).await,
            Err(what) => return Err(Failed::other(self.who.internal(&what))),
        };
        match opened {
            Err(failed) if failed.tls && optional && !self.secret => {
                tracing::info!(server = %self.who, why = failed.finding.words, "TLS came to nothing; going on without");
                self.roads.plain.note(address);
                // Both together have the time of one; whoever takes all of it has the other one next time.
                let left = within.saturating_sub(began.elapsed());
                if left.is_zero() {
                    return Err(failed);
                }
                self.open(Cover::None, left).await
            }
            opened => opened,
        }
    }

    /// Whether it is done without TLS if need be.
    fn is_optional(&self) -> bool {
        match self.way {
            Way::Mx(_) => !self.guard.is_strict(),
            Way::Route(_, route) => route.tls == RouteTls::Opportunistic,
        }
    }

    /// Whether the server is known to be the right one when there is a connection.
    fn is_verified(&self) -> bool {
        match self.way {
            Way::Mx(_) => matches!(self.guard, Guard::Promised { .. } | Guard::Verified),
            Way::Route(_, route) => match route.tls {
                RouteTls::StartTls | RouteTls::Implicit => true,
                RouteTls::None | RouteTls::Opportunistic => false,
            },
        }
    }

    fn cover(&self) -> Result<Cover, String> {
        let tls = &self.live.tls;
        let name = self.name()?;
        let wrong = |error: rustls::Error| error.to_string();
        if let Way::Route(route_name, route) = self.way {
            let own = self.live.own.get(route_name);
            return Ok(match route.tls {
                RouteTls::None => Cover::None,
                RouteTls::Opportunistic => Cover::StartTls {
                    handshake: tls.any(name),
                    required: false,
                },
                RouteTls::StartTls => Cover::StartTls {
                    handshake: tls.configured(name, own),
                    required: true,
                },
                RouteTls::Implicit => Cover::Implicit(tls.configured(name, own)),
            });
        }
        let handshake = match &self.guard {
            Guard::Plain => return Ok(Cover::None),
            Guard::Opportunistic { testing } => {
                // RFC 8689 section 4.2.1: a name that DNSSEC or a policy vouches for may be held against a certificate.
                let vouched = self.stop.host.secure || *testing;
                let looks = *testing || (self.secret && vouched);
                if looks {
                    tls.noting(name, vouched).map_err(wrong)?
                } else {
                    tls.any(name)
                }
            }
            Guard::Encrypted if self.secret => {
                tls.noting(name, self.stop.host.secure).map_err(wrong)?
            }
            Guard::Encrypted => tls.any(name),
            Guard::Promised {
                records,
                name: base,
            } => {
                let sni = server_name(base)?;
                tls.promised(records.clone(), self.names(base), sni)
                    .map_err(wrong)?
            }
            Guard::Verified => tls.verified(name),
        };
        Ok(Cover::StartTls {
            handshake,
            required: self.guard.is_strict(),
        })
    }

    fn name(&self) -> Result<ServerName<'static>, String> {
        match &self.stop.host.name {
            address::Host::Domain(domain) => server_name(domain),
            address::Host::Literal(address) => Ok(ServerName::IpAddress((*address).into())),
        }
    }

    /// Names that the certificate may be for (RFC 7672 section 3.2.2).
    fn names(&self, base: &Domain) -> Vec<Domain> {
        let host = self.stop.host.name.domain();
        let others = host.into_iter().chain(self.way.domain());
        [base].into_iter().chain(others).cloned().collect()
    }

    /// Opens one connection.
    async fn open(&self, cover: Cover, within: Duration) -> Result<Line, Failed> {
        let address = self.stop.address;
        let stream = match connect(address, &self.live.settings).await {
            Ok(stream) => stream,
            Err(error) => {
                if is_theirs(&error) {
                    self.roads.dead.note(address);
                }
                return Err(Failed::other(self.who.unreachable(&error)));
            }
        };
        self.roads.dead.forget(address);
        let tried = !matches!(cover, Cover::None);
        let mut conversation = self.converse(stream, cover).await?;
        let rest = conversation.begin(within).await;
        let (fault, over) = (conversation.fault(), conversation.is_overtime());
        match rest {
            Rest::Ready(_) | Rest::Turned => {
                if tried {
                    self.count(&conversation, fault);
                }
                Ok(Line {
                    conversation,
                    who: self.who.clone(),
                    address,
                    live: Arc::clone(self.live),
                    // A route has the TLS its administrator chose, whoever writes.
                    lax: self.lax && self.way.domain().is_some(),
                    spent: false,
                })
            }
            Rest::Over(ending) => {
                // Whoever lets others wait is asked last for a while.
                if matches!(ending, Ending::Silent(_) | Ending::Lost(Stage::Greeting)) {
                    self.roads.dead.note(address);
                }
                let tls = is_about_tls(&ending);
                if tls {
                    let none = matches!(ending, Ending::NoTls(_));
                    let known = fault.map_or(Failure::Validation, |fault| fault.failure);
                    self.count_failure(if none { Failure::NoStartTls } else { known });
                }
                Err(Failed {
                    finding: self.who.ended(&ending, fault, over),
                    ending: Some(ending),
                    tls,
                })
            }
        }
    }

    async fn converse(
        &self,
        stream: TcpStream,
        cover: Cover,
    ) -> Result<Box<Conversation<Box<dyn Io>>>, Failed> {
        let stream: Box<dyn Io> = Box::new(stream);
        let nonce = match self.nonce() {
            Ok(nonce) => nonce,
            Err(error) => return Err(Failed::other(self.who.internal(&error.to_string()))),
        };
        Ok(Box::new(match cover {
            Cover::None => Conversation::plain(stream, self.config(TlsUse::Never), None, nonce),
            Cover::StartTls {
                handshake,
                required,
            } => {
                let tls = if required {
                    TlsUse::Required
                } else {
                    TlsUse::Opportunistic
                };
                Conversation::plain(stream, self.config(tls), Some(handshake), nonce)
            }
            Cover::Implicit(handshake) => {
                let config = self.config(TlsUse::Required);
                let begun = Conversation::implicit(stream, config, handshake, nonce).await;
                begun.map_err(|fault| Failed {
                    finding: self.who.no_tls(&fault),
                    ending: None,
                    tls: true,
                })?
            }
        }))
    }

    /// For a login: nobody has ever seen it.
    fn nonce(&self) -> Result<String, getrandom::Error> {
        let login = match self.way {
            Way::Mx(_) => false,
            Way::Route(_, route) => route.login.is_some(),
        };
        if !login {
            return Ok(String::new());
        }
        let parts = [getrandom::u64()?, getrandom::u64()?, getrandom::u64()?];
        Ok(parts.map(|part| format!("{part:016x}")).concat())
    }

    fn config(&self, tls: TlsUse) -> Arc<Config> {
        let settings = &self.live.settings;
        let mut login = match self.way {
            Way::Mx(_) => None,
            Way::Route(_, route) => route.login.clone(),
        };
        // Without a certificate that was looked at, anybody could stand between and be shown the password.
        if let Some(login) = login.as_mut().filter(|_| !self.is_verified()) {
            let mechanisms = login.mechanisms.iter();
            login.mechanisms = mechanisms.filter(|one| !one.cleartext()).collect();
        }
        Arc::new(Config {
            tls,
            login,
            timeouts: settings.timeouts,
            max_recipients: settings.most_recipients,
            max_transactions: settings.most_transactions,
            fetch: self.fetch.map(<[Domain]>::to_vec),
            ..Config::new(settings.hostname.clone())
        })
    }

    /// Counts what came of TLS.
    fn count(&self, conversation: &Conversation<Box<dyn Io>>, flaw: Option<&TlsFault>) {
        let failure = match (conversation.secured(), flaw) {
            (None, _) => Some(Failure::NoStartTls),
            (Some(_), Some(flaw)) => Some(flaw.failure),
            (Some(_), None) => None,
        };
        self.report(failure);
    }

    fn count_failure(&self, failure: Failure) {
        self.report(Some(failure));
    }

    fn report(&self, failure: Option<Failure>) {
        if let Some(domain) = self.way.domain().filter(|_| !self.lax) {
            let (results, host) = (&self.roads.results, &self.stop.host.name);
            results.count(domain, self.guard.policy(), Some(host), failure);
        }
    }
}

impl Failed {
    fn other(finding: Finding) -> Self {
        Self {
            finding,
            ending: None,
            tls: false,
        }
    }
}

/// Whether it was the other side, and not that this machine has no way to open connections.
fn is_theirs(error: &io::Error) -> bool {
    let theirs = [
        io::ErrorKind::TimedOut,
        io::ErrorKind::ConnectionRefused,
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::HostUnreachable,
        io::ErrorKind::NetworkUnreachable,
    ];
    theirs.contains(&error.kind())
}

/// Whether it would perhaps go better without TLS.
fn is_about_tls(ending: &Ending) -> bool {
    match ending {
        Ending::TlsFailed | Ending::NoTls(_) => true,
        Ending::Lost(at) | Ending::Silent(at) | Ending::NotSmtp { at, .. } => {
            matches!(at, Stage::StartTls | Stage::Handshake)
        }
        Ending::Parted
        | Ending::Refused { .. }
        | Ending::Ourselves
        | Ending::NoMechanism
        | Ending::LoginRefused { .. }
        | Ending::LoginDistrusted { .. }
        | Ending::NothingWaits
        | Ending::NoTurn
        | Ending::Unread => false,
    }
}

fn server_name(domain: &Domain) -> Result<ServerName<'static>, String> {
    ServerName::try_from(domain.as_str().to_owned()).map_err(|error| error.to_string())
}
