//! One question to the name servers, and what its answer says. DNSSEC is looked at when the question wants it.
//!
//! Nothing here waits for a turn, and nothing knows what the records are for.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::dnssec::Proof;
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::{Resolver, TokioResolver};

use crate::asked::{Asked, Open, Question};
use crate::sockets::FewSockets;
use crate::trust::TrustAnchors;
use crate::turns::{AT_ONCE, Turn};
use crate::unchecked::Unchecked;

/// How long a good answer is believed, whatever its owner says.
const GOOD_FOR: Duration = Duration::from_secs(60 * 60);
/// The same for "there is none": whoever has mended a domain does not want to wait.
const NONE_FOR: Duration = Duration::from_secs(5 * 60);

/// Who asks the servers, and what they have said.
pub struct Client {
    plain: TokioResolver,
    /// Nothing when DNSSEC is not looked at.
    validating: Option<Validating>,
    pub asked: Arc<Asked<Found>>,
}

/// Who looks at DNSSEC.
struct Validating {
    resolver: Resolver<FewSockets>,
    unchecked: Unchecked,
}

/// What came back.
pub type Found = Result<Arc<Records>, Nothing>;

/// Records of one kind, at least one.
pub struct Records {
    pub data: Vec<RData>,
    /// Whose they are: the name that was asked for, or where aliases lead.
    pub name: Name,
    /// DNSSEC proves them, and every alias on the way. Never so when that was not asked for.
    pub secure: bool,
}

/// Why a question has no records for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nothing {
    NoSuchName,
    NoneOfThisKind,
    /// There was an answer, and DNSSEC says that it is not the owner's.
    Bogus,
    Unclear,
}

impl Client {
    /// One for these servers; nothing when there are none.
    pub fn new(
        servers: &[SocketAddr],
        trust: Option<&TrustAnchors>,
        within: Duration,
    ) -> Option<Self> {
        if servers.is_empty() {
            return None;
        }
        let client = build(servers, trust, within);
        client
            .inspect_err(|error| tracing::error!(%error, "cannot ask name servers"))
            .ok()
    }

    pub async fn ask(self: Arc<Self>, open: Open<Found>, turn: Option<Turn>, within: Duration) {
        let found = self.find(open.question());
        // Without an answer in time, `open` says that it is unclear.
        if let Ok((found, clear)) = tokio::time::timeout(within, found).await {
            open.came(found, clear);
        }
        drop(turn);
    }

    async fn find(&self, question: &Question) -> (Found, Option<Duration>) {
        let Question { name, kind, .. } = question;
        let validating = self.validating.as_ref().filter(|_| question.validated);
        let Some(Validating {
            resolver,
            unchecked,
        }) = validating
        else {
            return found(question, self.plain.lookup(name.clone(), *kind).await);
        };
        let looked_up = resolver.lookup(name.clone(), *kind).await;
        let forged = match &looked_up {
            Ok(_) => false,
            Err(error) => unchecked.explains(question, error).await,
        };
        let (found, clear) = if forged {
            (Err(Nothing::Bogus), None)
        } else {
            found(question, looked_up)
        };
        if let Err(Nothing::Bogus) = found {
            tracing::info!(%name, %kind, "the answer of DNS fails DNSSEC validation");
        }
        (found, clear)
    }
}

fn build(
    servers: &[SocketAddr],
    trust: Option<&TrustAnchors>,
    within: Duration,
) -> Result<Client, NetError> {
    let servers: Vec<NameServerConfig> = servers.iter().map(|server| both_ways(*server)).collect();
    let config = ResolverConfig::from_name_servers(servers);
    let provider = TokioRuntimeProvider::default();
    let mut plain = Resolver::builder_with_config(config.clone(), provider);
    set(plain.options_mut(), within);
    let validating = trust.map(|trust| validating(config, trust, within));
    Ok(Client {
        plain: plain.build()?,
        validating: validating.transpose()?,
        asked: Asked::new(),
    })
}

fn validating(
    config: ResolverConfig,
    trust: &TrustAnchors,
    within: Duration,
) -> Result<Validating, NetError> {
    let sockets = FewSockets::default();
    let servers = config.name_servers().to_vec();
    let mut resolver = Resolver::builder_with_config(config, sockets.clone());
    set(resolver.options_mut(), within);
    let options = resolver.options_mut().clone();
    Ok(Validating {
        resolver: resolver.with_trust_anchor(trust.keys()).build()?,
        unchecked: Unchecked::new(servers, options, sockets)?,
    })
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

/// What an answer says, and for how long; no time when it is not clear.
fn found(question: &Question, lookup: Result<Lookup, NetError>) -> (Found, Option<Duration>) {
    let lookup = match lookup {
        Ok(lookup) => lookup,
        Err(error) => {
            let Question { name, kind, .. } = question;
            let (nothing, within) = nothing(&error);
            if within.is_none() {
                tracing::debug!(%name, %kind, %error, "no answer from DNS");
            }
            return (Err(nothing), within);
        }
    };
    let answers = lookup.answers();
    let of_kind: Vec<&Record> = answers
        .iter()
        .filter(|record| record.record_type() == question.kind)
        .collect();
    // Aliases on the way count, too.
    let shortest = answers.iter().map(|record| record.ttl).min();
    let within = Duration::from_secs(shortest.unwrap_or(0).into());
    let Some(first) = of_kind.first() else {
        return (Err(Nothing::NoneOfThisKind), Some(within.min(NONE_FOR)));
    };
    let records = Records {
        data: of_kind.iter().map(|record| record.data.clone()).collect(),
        name: first.name.clone(),
        secure: question.validated && are_secure(answers),
    };
    (Ok(Arc::new(records)), Some(within.min(GOOD_FOR)))
}

/// Signatures beside the records are not what is proven.
fn are_secure(answers: &[Record]) -> bool {
    let mut proven = answers
        .iter()
        .filter(|record| record.record_type() != RecordType::RRSIG);
    proven.all(|record| record.proof == Proof::Secure)
}

/// Only what a server has said in so many words is certain, and is believed for a time.
fn nothing(error: &NetError) -> (Nothing, Option<Duration>) {
    let NetError::Dns(error) = error else {
        return (Nothing::Unclear, None);
    };
    if let DnsError::NoRecordsFound(none) = error {
        let nothing = said(none);
        let clear = nothing != Nothing::Unclear;
        return (nothing, clear.then(|| none_for(none)));
    }
    if matches!(error, DnsError::DnssecBogus) {
        return (Nothing::Bogus, None);
    }
    let DnsError::Nsec {
        proof, response, ..
    } = error
    else {
        return (Nothing::Unclear, None);
    };
    // A zone whose proof of "there is none" takes more work than is asked of anybody counts as one without DNSSEC (RFC 9276
    // section 3.2).
    if !proof.is_insecure() {
        return (Nothing::Bogus, None);
    }
    if response.metadata.response_code == ResponseCode::NXDomain {
        return (Nothing::NoSuchName, Some(Duration::ZERO));
    }
    if response.metadata.response_code == ResponseCode::NoError {
        return (Nothing::NoneOfThisKind, Some(Duration::ZERO));
    }
    (Nothing::Unclear, None)
}

fn said(none: &NoRecords) -> Nothing {
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

/// How long "there is none" may be believed (RFC 2308 section 5). Whoever does not say gets asked again.
fn none_for(none: &NoRecords) -> Duration {
    let soa = none.soa.as_ref().map(|soa| soa.ttl.min(soa.data.minimum));
    let seconds = none.negative_ttl.or(soa).unwrap_or(0);
    Duration::from_secs(seconds.into()).min(NONE_FOR)
}

impl Records {
    pub fn addresses(&self) -> Vec<IpAddr> {
        self.data.iter().filter_map(RData::ip_addr).collect()
    }
}
