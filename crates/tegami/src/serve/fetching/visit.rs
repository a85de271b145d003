//! One visit to a server that keeps mail for us: we ask for it, then the connection turns round and we are the server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use auth::Mechanisms;
use courier::roads::{Fetched as Asked, Roads, Turned};
use net::{Connection, Endpoint, Security, Server, Service};
use reply::Protocol;
use smtp_server::{Expn, ProxyCommands, Role, Taking, Vrfy};
use tokio_util::sync::CancellationToken;
use wire::TlsFacts;

use super::board::Trouble;
use crate::config::Fetch;
use crate::host::House;
use crate::host::fetched::Fetched;
use crate::host::smtp::SmtpHost;

/// How long it may take until mail comes. RFC 2645 section 5.2.1 gives the reply to ATRN ten minutes.
const ASKING: Duration = Duration::from_secs(15 * 60);
/// How long mail may come. What has not come by then waits for the next visit.
const COMING: Duration = Duration::from_secs(4 * 60 * 60);

/// On the first day mail may wait already, and what is fetched for nobody goes back to its senders.
const NOBODY: &str = "Nothing is fetched while nobody can log in here, for it would go back to its senders. Make the accounts with \
                      `tegami account add`; mail comes at the next visit then.";

/// What the sessions of connections that turned round are called in the log.
const LISTENER: &str = "fetch";

/// Where mail is fetched to, and how.
pub struct Visitor {
    pub house: Arc<House>,
    pub server: Arc<Server>,
    pub roads: Arc<Roads>,
    /// No more is asked for.
    pub stopping: CancellationToken,
}

/// What came of it.
pub enum Outcome {
    /// All that was to be had, so many messages.
    Done(u64),
    /// So many messages only, for a reason.
    Failed(u64, Trouble),
    /// Nobody was asked, because no mail is taken for the time being.
    Suspended,
    /// Nobody was asked, because mail would be refused.
    TooSoon(Trouble),
    /// This server stops.
    Stopped,
}

impl Visitor {
    /// Visits a server, and comes back when there is no more.
    pub async fn visit(&self, fetch: &Fetch) -> Outcome {
        if self.house.suspended().is_some() {
            return Outcome::Suspended;
        }
        let directory = self.house.store.directory();
        let mut accounts = directory.accounts();
        if !accounts.any(|account| account.enabled && account.password.is_some()) {
            return Outcome::TooSoon(Trouble::other(NOBODY));
        }
        let name = fetch.name();
        let asking = tokio::time::timeout(ASKING, self.roads.fetch(&name, &fetch.domains));
        let asked = tokio::select! {
            biased;
            () = self.stopping.cancelled() => return Outcome::Stopped,
            asked = asking => asked,
        };
        match asked {
            Ok(Ok(Asked::Turned(turned))) => self.receive(fetch, turned).await,
            Ok(Ok(Asked::Nothing)) => Outcome::Done(0),
            Ok(Err(not)) => Outcome::Failed(0, not.into()),
            Err(_elapsed) => {
                let words = format!("{} did not come to an answer.", fetch.from);
                Outcome::Failed(0, Trouble::other(words))
            }
        }
    }

    /// The other side sends.
    async fn receive(&self, fetch: &Fetch, turned: Turned) -> Outcome {
        let from = fetch.from.to_string();
        let Some(tls) = turned.tls.clone() else {
            let words = format!("{from} was reached without TLS, so no mail is taken from it.");
            return Outcome::Failed(0, Trouble::other(words));
        };
        let peer = turned.address;
        let door = Arc::new(Fetched::new(fetch.domains.clone()));
        let service = Turnaround {
            house: Arc::clone(&self.house),
            door: Arc::clone(&door),
            tls,
        };
        let endpoint = Endpoint {
            name: LISTENER.into(),
            protocol: Protocol::Smtp,
            // There is TLS already, below this.
            security: Security::Plain,
        };
        // Which of our addresses it came from makes no difference to anything.
        let local = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        let line = Box::new(turned.into_stream());
        let served = self.server.attend(line, &service, &endpoint, (peer, local));
        let ended = tokio::time::timeout(COMING, served).await;
        match (ended, door.outcome()) {
            (Err(_elapsed), (messages, _)) => {
                let words = format!("{from} was still sending after four hours; the rest waits.");
                Outcome::Failed(messages, Trouble::other(words))
            }
            (Ok(()), (messages, true)) => Outcome::Failed(messages, Trouble::cut(&from)),
            (Ok(()), (messages, false)) => Outcome::Done(messages),
        }
    }
}

/// Mail from the server that was visited, as from any other server, but for what [`Fetched`] says.
struct Turnaround {
    house: Arc<House>,
    door: Arc<Fetched>,
    tls: TlsFacts,
}

impl Service for Turnaround {
    type Host = SmtpHost;

    fn connect(&self, connection: Connection, now: Instant) -> (smtp_server::Session, SmtpHost) {
        let policy = self.house.policy.load();
        let peer = connection.peer.ip();
        let settings = smtp_server::Config {
            // It has to get rid of everything it has, and nobody else can come in here.
            max_transactions: None,
            errors: 0,
            vrfy: Vrfy::Noncommittal,
            expn: Expn::Off,
            etrn: false,
            login_on_exchange: false,
            ..smtp_server::Config::clone(&policy.smtp)
        };
        let facts = smtp_server::Connection {
            peer,
            role: Role::Exchange,
            tls: Some(self.tls.clone()),
            tls_available: false,
            cleartext_login: false,
            mechanisms: Mechanisms::default(),
            bare_newline: policy.bare_newline(peer),
            admission: connection.admission,
            taking: Taking::Mail,
            proxy: ProxyCommands::Off,
            clock: SystemTime::now(),
        };
        let session = smtp_server::Session::new(Arc::new(settings), facts, now);
        let door = Arc::clone(&self.door);
        (
            session,
            SmtpHost::of_fetched(Arc::clone(&self.house), peer, door),
        )
    }
}
