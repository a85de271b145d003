//! How questions are asked: within a time, each once, in turn, and what is made of what comes back.
//!
//! What is remembered needs no turn, and neither does a question that is open already.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use address::Domain;
use arc_swap::ArcSwapOption;
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use crate::answer::{Addresses, Exchanger, MailRoute, Reverse, Texts};
use crate::asked::{Question, Want};
use crate::client::{Client, Found, Nothing, Records};
use crate::sockets;
use crate::trust::TrustAnchors;
use crate::turns::{AT_ONCE, Asker, Turns};

/// Sockets that may be open at once: a question is put to two servers, and to each up to four times from different ports
/// while no answer comes.
pub const MOST_SOCKETS: u64 = AT_ONCE as u64 * 2 * 4;
/// Sockets that may be open besides when [DNSSEC is looked at](Resolver::trusting).
pub const MOST_SOCKETS_FOR_DNSSEC: u64 = sockets::MOST as u64;
/// Names of one address that are followed. Each is another question.
const NAMES: usize = 5;

/// Asks name servers. One is enough for a whole server; its answers are remembered for all.
pub struct Resolver {
    /// Nothing while there are no servers: then everything is unclear.
    client: ArcSwapOption<Client>,
    servers: Mutex<Vec<SocketAddr>>,
    trust: Option<TrustAnchors>,
    turns: Turns,
    within: Duration,
}

/// For whom something is asked, and whether DNSSEC has to say what it thinks of the answer.
#[derive(Clone, Copy)]
pub struct Way {
    pub asker: Asker,
    pub validated: bool,
}

/// Where mail for a domain goes, and whether DNSSEC proves it.
pub struct Routed {
    pub route: MailRoute,
    pub secure: bool,
    /// It is unclear for DNSSEC says that the answer is not the owner's.
    pub forged: bool,
}

/// Where a host is, and whether DNSSEC proves it.
pub struct Located {
    pub addresses: Addresses,
    pub secure: bool,
    /// They are unclear for DNSSEC says that an answer is not the owner's.
    pub forged: bool,
    /// Its name where aliases lead, if that is a host name.
    pub canonical: Option<Domain>,
}

impl Resolver {
    /// One that answers every question `within` this time; it is to be told whom to [ask](Self::ask).
    #[must_use]
    pub fn new(within: Duration) -> Self {
        Self {
            client: ArcSwapOption::empty(),
            servers: Mutex::new(Vec::new()),
            trust: None,
            turns: Turns::new(),
            within,
        }
    }

    /// The same, and DNSSEC is looked at where it counts, beginning with these keys.
    #[must_use]
    pub fn trusting(self, anchors: TrustAnchors) -> Self {
        Self {
            trust: Some(anchors),
            ..self
        }
    }

    /// From now on these servers are asked. While there are none, every answer is unclear. What others have answered is
    /// forgotten.
    pub fn ask(&self, servers: &[SocketAddr]) {
        let mut asked = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if *asked == servers {
            return;
        }
        let client = Client::new(servers, self.trust.as_ref(), self.within);
        self.client.store(client.map(Arc::new));
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
        let route = self.in_time(self.route(domain, Way::plain(asker))).await;
        route.map_or(MailRoute::Unclear, |routed| routed.route)
    }

    /// The addresses of `host`, those of IPv4 first.
    pub async fn addresses(&self, host: &Domain, asker: Asker) -> Addresses {
        let located = self.in_time(self.locate(host, Way::plain(asker))).await;
        located.map_or(Addresses::Unclear, |located| located.addresses)
    }

    /// Whether a name of `address` leads back to it.
    pub async fn reverse(&self, address: IpAddr, asker: Asker) -> Reverse {
        let way = Way::plain(asker);
        let reverse = self.in_time(self.names_lead_back(address.to_canonical(), way));
        reverse.await.unwrap_or(Reverse::Unclear)
    }

    /// The texts (TXT) at `label` and `domain`, as `_mta-sts.example.com`.
    pub async fn texts(&self, label: &str, domain: &Domain, asker: Asker) -> Texts {
        let Some(name) = name(domain).and_then(|name| below(label, &name)) else {
            return Texts::None;
        };
        let records = self.records(&name, RecordType::TXT, Way::plain(asker));
        match self.in_time(records).await {
            Some(Ok(records)) => Texts::Found(texts(&records)),
            Some(Err(Nothing::NoSuchName | Nothing::NoneOfThisKind)) => Texts::None,
            Some(Err(Nothing::Unclear | Nothing::Bogus)) | None => Texts::Unclear,
        }
    }

    /// A way to ask on our own behalf, with DNSSEC where there is something to begin with.
    pub(crate) fn our_way(&self, dnssec: bool) -> Way {
        Way {
            asker: Asker::Ourselves,
            validated: dnssec && self.trust.is_some(),
        }
    }

    /// Nothing when time is up, whether in waiting for a turn or for an answer.
    pub(crate) async fn in_time<T>(&self, question: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(self.within, question).await.ok()
    }

    pub(crate) async fn route(&self, domain: &Domain, way: Way) -> Routed {
        let Some(name) = name(domain).filter(|name| !is_of_this_machine(name)) else {
            return MailRoute::NoSuchDomain.into();
        };
        let records = match self.records(&name, RecordType::MX, way).await {
            Ok(records) => records,
            Err(Nothing::NoneOfThisKind) => return self.implicit(domain, way).await,
            Err(Nothing::NoSuchName) => return MailRoute::NoSuchDomain.into(),
            Err(Nothing::Unclear) => return MailRoute::Unclear.into(),
            Err(Nothing::Bogus) => return Routed::forged(),
        };
        let listed = records.data.iter().filter_map(|record| {
            let RData::MX(mx) = record else { return None };
            Some(mx)
        });
        // RFC 7505 section 3: a null MX stands alone. Beside others it means nothing.
        let (null, hosts): (Vec<_>, Vec<_>) = listed.partition(|mx| mx.exchange.is_root());
        if hosts.is_empty() && !null.is_empty() {
            return MailRoute::NullMx.into();
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
        Routed {
            route: MailRoute::Exchangers(exchangers),
            secure: records.secure,
            forged: false,
        }
    }

    /// RFC 5321 section 5.1: without MX records, an address makes the domain its own exchanger, with preference 0.
    async fn implicit(&self, domain: &Domain, way: Way) -> Routed {
        let located = self.locate(domain, way).await;
        let route = match located.addresses {
            Addresses::Found(_) => MailRoute::Exchangers(vec![Exchanger {
                preference: 0,
                host: domain.clone(),
            }]),
            Addresses::None => MailRoute::NoMailHere,
            Addresses::NoSuchHost => MailRoute::NoSuchDomain,
            Addresses::Unclear => MailRoute::Unclear,
        };
        Routed {
            route,
            secure: located.secure,
            forged: located.forged,
        }
    }

    pub(crate) async fn locate(&self, host: &Domain, way: Way) -> Located {
        let Some(name) = name(host) else {
            return Addresses::NoSuchHost.into();
        };
        // One after the other: what is open at once stays within its bound.
        let v4 = self.records(&name, RecordType::A, way).await;
        let v6 = self.records(&name, RecordType::AAAA, way).await;
        match (v4, v6) {
            (Err(Nothing::Bogus), Err(_)) | (Err(_), Err(Nothing::Bogus)) => Located {
                forged: true,
                ..Addresses::Unclear.into()
            },
            (Err(Nothing::Unclear), Err(_)) | (Err(_), Err(Nothing::Unclear)) => {
                Addresses::Unclear.into()
            }
            // RFC 8020: when the name is missing, it is missing for every kind.
            (Err(Nothing::NoSuchName), Err(_)) | (Err(_), Err(Nothing::NoSuchName)) => {
                Addresses::NoSuchHost.into()
            }
            (Err(Nothing::NoneOfThisKind), Err(Nothing::NoneOfThisKind)) => Addresses::None.into(),
            (v4, v6) => located(&[v4, v6].into_iter().flatten().collect::<Vec<_>>()),
        }
    }

    async fn names_lead_back(&self, address: IpAddr, way: Way) -> Reverse {
        let (mut pointer, kind) = match address {
            IpAddr::V4(v4) => (Name::from(v4), RecordType::A),
            IpAddr::V6(v6) => (Name::from(v6), RecordType::AAAA),
        };
        pointer.set_fqdn(true);
        let names = match self.records(&pointer, RecordType::PTR, way).await {
            Ok(names) => names,
            Err(Nothing::NoSuchName | Nothing::NoneOfThisKind) => return Reverse::Unconfirmed,
            Err(Nothing::Unclear | Nothing::Bogus) => return Reverse::Unclear,
        };
        let mut unclear = false;
        for name in names.data.iter().take(NAMES) {
            let RData::PTR(name) = name else { continue };
            match self.records(name, kind, way).await {
                Ok(found) if found.addresses().contains(&address) => return Reverse::Confirmed,
                Ok(_) | Err(Nothing::NoSuchName | Nothing::NoneOfThisKind) => {}
                Err(Nothing::Unclear | Nothing::Bogus) => unclear = true,
            }
        }
        if unclear {
            Reverse::Unclear
        } else {
            Reverse::Unconfirmed
        }
    }

    /// The records of one kind, at least one, wherever aliases lead.
    pub(crate) async fn records(&self, name: &Name, kind: RecordType, way: Way) -> Found {
        let client = self.client.load_full().ok_or(Nothing::Unclear)?;
        let question = Question {
            name: name.to_lowercase(),
            kind,
            validated: way.validated,
        };
        let mut wanting = match client.asked.want(question) {
            Want::Known(found) => return found,
            Want::Wanting(wanting) => wanting,
        };
        if !wanting.is_open() {
            let turn = tokio::select! {
                found = wanting.answer() => return found.unwrap_or(Err(Nothing::Unclear)),
                turn = self.turns.take(way.asker) => turn,
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

impl Way {
    fn plain(asker: Asker) -> Self {
        Self {
            asker,
            validated: false,
        }
    }
}

impl Routed {
    fn forged() -> Self {
        Self {
            forged: true,
            ..MailRoute::Unclear.into()
        }
    }
}

impl From<MailRoute> for Routed {
    fn from(route: MailRoute) -> Self {
        Self {
            route,
            secure: false,
            forged: false,
        }
    }
}

impl From<Addresses> for Located {
    fn from(addresses: Addresses) -> Self {
        Self {
            addresses,
            secure: false,
            forged: false,
            canonical: None,
        }
    }
}

fn located(found: &[Arc<Records>]) -> Located {
    let addresses = found.iter().flat_map(|records| records.addresses());
    Located {
        addresses: Addresses::Found(addresses.collect()),
        secure: found.iter().all(|records| records.secure),
        forged: false,
        canonical: found.first().and_then(|records| host(&records.name)),
    }
}

/// The strings of each record put together (RFC 7208 section 3.3, RFC 8461 section 3.1).
fn texts(records: &Records) -> Vec<Vec<u8>> {
    let texts = records.data.iter().filter_map(|record| {
        let RData::TXT(txt) = record else { return None };
        Some(txt.txt_data.concat())
    });
    texts.collect()
}

/// The name in full, so that no search list makes another of it; nothing when it is longer than names can be (RFC 1035
/// section 2.3.4), so that nobody can have it.
pub(crate) fn name(domain: &Domain) -> Option<Name> {
    let mut name = Name::from_ascii(domain.as_str()).ok()?;
    name.set_fqdn(true);
    Some(name)
}

/// A name one or more labels below another.
pub(crate) fn below(labels: &str, name: &Name) -> Option<Name> {
    Name::from_ascii(labels).ok()?.append_name(name).ok()
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
