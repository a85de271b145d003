//! How questions are asked: within a time, each once, in turn, and what is made of what comes back.
//!
//! What is remembered needs no turn, and neither does a question that is open already.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use address::Domain;
use arc_swap::ArcSwapOption;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use crate::answer::{Addresses, Exchanger, MailRoute, Reverse};
use crate::asked::{Asked, Open, Question, Want};
use crate::turns::{AT_ONCE, Asker, Turn, Turns};

/// Sockets that may be open at once: a question is put to two servers, and to each up to four times from different ports
/// while no answer comes.
pub const MOST_SOCKETS: u64 = AT_ONCE as u64 * 2 * 4;
/// How long a good answer is believed, whatever its owner says.
const GOOD_FOR: Duration = Duration::from_secs(60 * 60);
/// The same for "there is none": whoever has mended a domain does not want to wait.
const NONE_FOR: Duration = Duration::from_secs(5 * 60);
/// Names of one address that are followed. Each is another question.
const NAMES: usize = 5;

/// Asks name servers. One is enough for a whole server; its answers are remembered for all.
pub struct Resolver {
    /// Nothing while there are no servers: then everything is unclear.
    client: ArcSwapOption<Client>,
    servers: Mutex<Vec<SocketAddr>>,
    turns: Turns,
    within: Duration,
}

/// Who asks the servers, and what they have said.
struct Client {
    hickory: TokioResolver,
    asked: Arc<Asked<Found>>,
}

/// Records of one kind, at least one, or why there is none.
type Found = Result<Arc<[RData]>, Nothing>;

/// Why a question has no records for an answer.
#[derive(Clone, Copy)]
enum Nothing {
    NoSuchName,
    NoneOfThisKind,
    Unclear,
}

impl Resolver {
    /// One that answers every question `within` this time; it is to be told whom to [ask](Self::ask).
    #[must_use]
    pub fn new(within: Duration) -> Self {
        Self {
            client: ArcSwapOption::empty(),
            servers: Mutex::new(Vec::new()),
            turns: Turns::new(),
            within,
        }
    }

    /// From now on these servers are asked. While there are none, every answer is unclear. What others have answered is
    /// forgotten.
    pub fn ask(&self, servers: &[SocketAddr]) {
        let mut asked = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if *asked == servers {
            return;
        }
        self.client.store(client(servers, self.within));
        *asked = servers.to_vec();
    }

    /// The servers that are asked.
    #[must_use]
    pub fn servers(&self) -> Vec<SocketAddr> {
        let asked = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        asked.clone()
    }

    /// Where mail for `domain` goes (RFC 5321 section 5.1).
    pub async fn mail_route(&self, domain: &Domain, asker: Asker) -> MailRoute {
        let route = self.in_time(self.route(domain, asker)).await;
        route.unwrap_or(MailRoute::Unclear)
    }

    /// The addresses of `host`, those of IPv4 first.
    pub async fn addresses(&self, host: &Domain, asker: Asker) -> Addresses {
        let addresses = async {
            match name(host) {
                Some(name) => self.addresses_of(&name, asker).await,
                None => Addresses::NoSuchHost,
            }
        };
        self.in_time(addresses).await.unwrap_or(Addresses::Unclear)
    }

    /// Whether a name of `address` leads back to it.
    pub async fn reverse(&self, address: IpAddr, asker: Asker) -> Reverse {
        let reverse = self.in_time(self.names_lead_back(address.to_canonical(), asker));
        reverse.await.unwrap_or(Reverse::Unclear)
    }

    /// Nothing when time is up, whether in waiting for a turn or for an answer.
    async fn in_time<T>(&self, question: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(self.within, question).await.ok()
    }

    async fn route(&self, domain: &Domain, asker: Asker) -> MailRoute {
        let Some(name) = name(domain).filter(|name| !is_of_this_machine(name)) else {
            return MailRoute::NoSuchDomain;
        };
        let records = match self.records(&name, RecordType::MX, asker).await {
            Ok(records) => records,
            Err(Nothing::NoneOfThisKind) => return self.implicit(domain, &name, asker).await,
            Err(Nothing::NoSuchName) => return MailRoute::NoSuchDomain,
            Err(Nothing::Unclear) => return MailRoute::Unclear,
        };
        let listed = records.iter().filter_map(|record| {
            let RData::MX(mx) = record else { return None };
            Some(mx)
        });
        // RFC 7505 section 3: a null MX stands alone. Beside others it means nothing.
        let (null, hosts): (Vec<_>, Vec<_>) = listed.partition(|mx| mx.exchange.is_root());
        if hosts.is_empty() && !null.is_empty() {
            return MailRoute::NullMx;
        }
        let mut exchangers: Vec<Exchanger> = hosts
            .into_iter()
            .filter_map(|mx| {
                Some(Exchanger {
                    preference: mx.preference,
                    host: host(&mx.exchange)?,
                })
            })
            .collect();
        exchangers.sort();
        MailRoute::Exchangers(exchangers)
    }

    /// RFC 5321 section 5.1: without MX records, an address makes the domain its own exchanger, with preference 0.
    async fn implicit(&self, domain: &Domain, name: &Name, asker: Asker) -> MailRoute {
        match self.addresses_of(name, asker).await {
            Addresses::Found(_) => MailRoute::Exchangers(vec![Exchanger {
                preference: 0,
                host: domain.clone(),
            }]),
            Addresses::None => MailRoute::NoMailHere,
            Addresses::NoSuchHost => MailRoute::NoSuchDomain,
            Addresses::Unclear => MailRoute::Unclear,
        }
    }

    async fn addresses_of(&self, name: &Name, asker: Asker) -> Addresses {
        // One after the other: what is open at once stays within its bound.
        let v4 = self.records(name, RecordType::A, asker).await;
        let v6 = self.records(name, RecordType::AAAA, asker).await;
        match (v4, v6) {
            (Err(Nothing::Unclear), Err(_)) | (Err(_), Err(Nothing::Unclear)) => Addresses::Unclear,
            // RFC 8020: when the name is missing, it is missing for every kind.
            (Err(Nothing::NoSuchName), Err(_)) | (Err(_), Err(Nothing::NoSuchName)) => {
                Addresses::NoSuchHost
            }
            (Err(Nothing::NoneOfThisKind), Err(Nothing::NoneOfThisKind)) => Addresses::None,
            (v4, v6) => {
                let records = [v4, v6].into_iter().flatten();
                let addresses = records.flat_map(|records| addresses(&records));
                Addresses::Found(addresses.collect())
            }
        }
    }

    async fn names_lead_back(&self, address: IpAddr, asker: Asker) -> Reverse {
        let (mut pointer, kind) = match address {
            IpAddr::V4(v4) => (Name::from(v4), RecordType::A),
            IpAddr::V6(v6) => (Name::from(v6), RecordType::AAAA),
        };
        pointer.set_fqdn(true);
        let names = match self.records(&pointer, RecordType::PTR, asker).await {
            Ok(names) => names,
            Err(Nothing::NoSuchName | Nothing::NoneOfThisKind) => return Reverse::Unconfirmed,
            Err(Nothing::Unclear) => return Reverse::Unclear,
        };
        let mut unclear = false;
        for name in names.iter().take(NAMES) {
            let RData::PTR(name) = name else { continue };
            match self.records(name, kind, asker).await {
                Ok(found) if found.iter().any(|one| one.ip_addr() == Some(address)) => {
                    return Reverse::Confirmed;
                }
                Ok(_) | Err(Nothing::NoSuchName | Nothing::NoneOfThisKind) => {}
                Err(Nothing::Unclear) => unclear = true,
            }
        }
        if unclear {
            Reverse::Unclear
        } else {
            Reverse::Unconfirmed
        }
    }

    /// The records of one kind, at least one, wherever aliases lead.
    async fn records(&self, name: &Name, kind: RecordType, asker: Asker) -> Found {
        let client = self.client.load_full().ok_or(Nothing::Unclear)?;
        let question = Question {
            name: name.to_lowercase(),
            kind,
        };
        let mut wanting = match client.asked.want(question) {
            Want::Known(found) => return found,
            Want::Wanting(wanting) => wanting,
        };
        if !wanting.is_open() {
            let turn = tokio::select! {
                found = wanting.answer() => return found.unwrap_or(Err(Nothing::Unclear)),
                turn = self.turns.take(asker) => turn,
            };
            // Whoever asks may go away, and others want to know, too: the question lives on without him and keeps his turn.
            // If another was faster, the turn is free again.
            if let Some(open) = wanting.open(Err(Nothing::Unclear)) {
                tokio::spawn(Arc::clone(&client).ask(open, turn, self.within));
            }
        }
        wanting.answer().await.unwrap_or(Err(Nothing::Unclear))
    }
}

impl Client {
    async fn ask(self: Arc<Self>, open: Open<Found>, turn: Option<Turn>, within: Duration) {
        let question = open.question();
        let lookup = self.hickory.lookup(question.name.clone(), question.kind);
        // Without an answer in time, `open` says that it is unclear.
        if let Ok(lookup) = tokio::time::timeout(within, lookup).await {
            let (found, clear) = found(question, lookup);
            open.came(found, clear);
        }
        drop(turn);
    }
}

/// What an answer says, and for how long; no time when it is not clear.
fn found(question: &Question, lookup: Result<Lookup, NetError>) -> (Found, Option<Duration>) {
    let lookup = match lookup {
        Ok(lookup) => lookup,
        Err(error) => {
            let nothing = nothing(&error);
            let Question { name, kind } = question;
            if matches!(nothing, Nothing::Unclear) {
                tracing::debug!(%name, %kind, %error, "no answer from DNS");
                return (Err(nothing), None);
            }
            return (Err(nothing), Some(none_for(&error)));
        }
    };
    let answers = lookup.answers();
    let records = answers.iter().map(|record| &record.data);
    let records: Arc<[RData]> = records
        .filter(|record| record.record_type() == question.kind)
        .cloned()
        .collect();
    // Aliases on the way count, too.
    let shortest = answers.iter().map(|record| record.ttl).min();
    let within = Duration::from_secs(shortest.unwrap_or(0).into());
    if records.is_empty() {
        return (Err(Nothing::NoneOfThisKind), Some(within.min(NONE_FOR)));
    }
    (Ok(records), Some(within.min(GOOD_FOR)))
}

/// How long "there is none" may be believed (RFC 2308 section 5). Whoever does not say gets asked again.
fn none_for(error: &NetError) -> Duration {
    let NetError::Dns(DnsError::NoRecordsFound(none)) = error else {
        return Duration::ZERO;
    };
    Duration::from_secs(none.negative_ttl.unwrap_or(0).into()).min(NONE_FOR)
}

fn addresses(records: &[RData]) -> Vec<IpAddr> {
    records.iter().filter_map(RData::ip_addr).collect()
}

/// Only what a server has said in so many words is certain.
fn nothing(error: &NetError) -> Nothing {
    let NetError::Dns(DnsError::NoRecordsFound(none)) = error else {
        return Nothing::Unclear;
    };
    if none.response_code == ResponseCode::NXDomain {
        return Nothing::NoSuchName;
    }
    // RFC 2308 section 2.2: name servers in the place of an answer are a referral. The server that gave it does not ask on
    // for us, and knows nothing of the name.
    let referral = none.ns.is_some() && none.soa.is_none();
    if none.response_code == ResponseCode::NoError && !referral {
        return Nothing::NoneOfThisKind;
    }
    Nothing::Unclear
}

/// The name in full, so that no search list makes another of it; nothing when it is longer than names can be (RFC 1035
/// section 2.3.4), so that nobody can have it.
fn name(domain: &Domain) -> Option<Name> {
    let mut name = Name::from_ascii(domain.as_str()).ok()?;
    name.set_fqdn(true);
    Some(name)
}

/// RFC 6761 section 6.3: a name of this machine, wherever it is asked; no mail comes from there.
fn is_of_this_machine(name: &Name) -> bool {
    let last = name.iter().next_back();
    last.is_some_and(|label| label.eq_ignore_ascii_case(b"localhost"))
}

fn host(name: &Name) -> Option<Domain> {
    let text = name.to_ascii();
    Domain::from_ascii(text.strip_suffix('.').unwrap_or(&text).as_bytes()).ok()
}

fn client(servers: &[SocketAddr], within: Duration) -> Option<Arc<Client>> {
    let servers: Vec<NameServerConfig> = servers.iter().map(|server| both_ways(*server)).collect();
    if servers.is_empty() {
        return None;
    }
    let config = ResolverConfig::from_name_servers(servers);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    set(builder.options_mut(), within);
    match builder.build() {
        Ok(hickory) => Some(Arc::new(Client {
            hickory,
            asked: Asked::new(),
        })),
        Err(error) => {
            tracing::error!(%error, "cannot ask name servers");
            None
        }
    }
}

fn set(options: &mut ResolverOpts, within: Duration) {
    // Asked a second time, an answer that got lost still comes in time.
    options.attempts = 1;
    options.timeout = within / 2;
    options.num_concurrent_reqs = 2;
    // Whoever has a turn is not to be turned away for want of room on a TCP connection.
    options.max_active_requests = AT_ONCE;
    // We remember ourselves: what is remembered needs no turn.
    options.cache_size = 0;
    options.preserve_intermediates = true;
    options.use_hosts_file = ResolveHosts::Never;
}

fn both_ways(server: SocketAddr) -> NameServerConfig {
    let (mut udp, mut tcp) = (ConnectionConfig::udp(), ConnectionConfig::tcp());
    (udp.port, tcp.port) = (server.port(), server.port());
    NameServerConfig::new(server.ip(), true, vec![udp, tcp])
}
