//! A root, and zones below it, signed and not, served on loopback as a resolver would see them that asks on.

use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hickory_server::Server;
use hickory_server::dnssec::NxProofKind;
use hickory_server::net::runtime::{Time, TokioRuntimeProvider};
use hickory_server::proto::dnssec::crypto::Ed25519SigningKey;
use hickory_server::proto::dnssec::rdata::{DNSKEY, DNSSECRData, DS};
use hickory_server::proto::dnssec::{
    Algorithm, DigestType, DnssecSigner, Nsec3HashAlgorithm, PublicKey as _, PublicKeyBuf,
    SigningKey as _,
};
use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::rdata::{NS, SOA};
use hickory_server::proto::rr::{
    LowerName, Name, RData, Record, RecordType, RrKey, TSigResponseContext,
};
use hickory_server::server::{Request, RequestHandler, RequestInfo, ResponseHandler, ResponseInfo};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{
    AuthLookup, AxfrPolicy, Catalog, LookupControlFlow, LookupOptions, MessageResponseBuilder,
    Nsec3QueryInfo, ZoneHandler, ZoneType,
};

/// The zone between the root and all others.
const ABOVE: &str = "test.";
const TTL: u32 = 300;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

type Zone = InMemoryZoneHandler<TokioRuntimeProvider>;

/// A zone that speaks of what is not there only when something is not there. This server sends NSEC3 records along with every
/// answer, as no other does (RFC 5155 section 7.2), and takes such an answer for a forged one.
struct Sober(Zone);

/// How the root vouches for a zone.
#[derive(Clone, Copy)]
pub enum Trust {
    /// With its key.
    Signed,
    /// Not at all; the zone has no signatures.
    Unsigned,
    /// With a key that is not the zone's.
    Forged,
    /// With its key; somebody on the way has taken all signatures out.
    Stripped,
}

/// How a zone proves that something is not there.
#[derive(Clone, Copy, Debug)]
pub enum Denial {
    Nsec,
    Nsec3,
    /// NSEC3 that leaves out delegations that are not signed, as those of most top-level domains do.
    OptOut,
}

/// The records of a zone, by name.
pub type Records = Vec<(&'static str, RData)>;

/// A running name server; it ends when it is dropped.
pub struct Zones {
    pub address: SocketAddr,
    /// The key of the root, as in a zone file.
    pub anchor: String,
    _server: Server<Handler>,
}

/// Answers for all zones; whether one is signed is known to the one above it.
struct Handler {
    own: Catalog,
    parents: Catalog,
    root: Catalog,
}

impl Zones {
    /// Starts with these zones below `test.`, which proves what it does not have in this way, and their records.
    pub async fn start(denial: Denial, zones: &[(&str, Trust, Records)]) -> Self {
        let (root_key, above_key) = (key(), key());
        let mut above = zone(ABOVE, denial);
        let mut own = Catalog::new();
        for (origin, trust, records) in zones {
            let mut zone = zone(origin, denial);
            for (name, data) in records {
                add(&mut zone, name, data.clone());
            }
            delegate(&mut above, &mut zone, origin, *trust);
            upsert(&mut own, origin, zone);
        }
        let mut root = zone(".", Denial::Nsec);
        add(&mut root, ABOVE, ns());
        add(&mut root, ABOVE, vouch(&above_key, ABOVE));
        sign(&mut above, above_key, ABOVE);
        let shown = STANDARD.encode(public(&root_key).public_bytes());
        sign(&mut root, root_key, ".");
        let (above, root) = (Arc::new(Sober(above)), Arc::new(Sober(root)));
        let mut parents = Catalog::new();
        for catalog in [&mut own, &mut parents] {
            catalog.upsert(name(ABOVE).into(), vec![above.clone()]);
            catalog.upsert(Name::root().into(), vec![root.clone()]);
        }
        let mut only_root = Catalog::new();
        only_root.upsert(Name::root().into(), vec![root]);
        let mut server = Server::new(Handler {
            own,
            parents,
            root: only_root,
        });
        let (udp, tcp) = sockets().await;
        let address = udp.local_addr().expect("a bound socket");
        server.register_socket(udp);
        server.register_listener(tcp, DAY, 16);
        Self {
            address,
            anchor: format!(". {TTL} IN DNSKEY 257 3 15 {shown}"),
            _server: server,
        }
    }
}

/// Signs a zone, and has the one above it vouch for that, as it is to be.
fn delegate(above: &mut Zone, zone: &mut Zone, origin: &str, trust: Trust) {
    let (own, other) = (key(), key());
    add(above, origin, ns());
    match trust {
        Trust::Signed | Trust::Stripped => add(above, origin, vouch(&own, origin)),
        Trust::Forged => add(above, origin, vouch(&other, origin)),
        Trust::Unsigned => {}
    }
    match trust {
        Trust::Signed | Trust::Forged => sign(zone, own, origin),
        Trust::Stripped | Trust::Unsigned => {}
    }
}

fn vouch(key: &Ed25519SigningKey, origin: &str) -> RData {
    let ds = DS::from_key(&public(key), &name(origin), DigestType::SHA256);
    RData::DNSSEC(DNSSECRData::DS(ds.expect("a digest")))
}

fn upsert(catalog: &mut Catalog, origin: &str, zone: Zone) {
    catalog.upsert(name(origin).into(), vec![Arc::new(Sober(zone))]);
}

#[async_trait::async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut answer: R,
    ) -> ResponseInfo {
        let asked = request.request_info().expect("one question").query;
        let name = asked.name().to_string();
        let bare = [
            ("fault.", ResponseCode::ServFail),
            // Somebody on the way says that there is nothing, which he cannot prove.
            ("_tcp.hushed.", ResponseCode::NoError),
            ("_tcp.denied.", ResponseCode::NXDomain),
        ];
        let bare = bare.iter().find(|(part, _)| name.contains(part));
        // A server that looks at DNSSEC itself, unless it is told not to.
        let checked = name.starts_with("checked.") && !request.metadata.checking_disabled;
        let bare = bare.or(checked.then_some(&("checked.", ResponseCode::ServFail)));
        let hidden = name == "hidden.test." && asked.query_type() == RecordType::DS;
        let code = bare.map(|(_, code)| *code);
        if let Some(code) = code.or(hidden.then_some(ResponseCode::NoError)) {
            let empty = MessageResponseBuilder::from_message_request(request);
            let empty = empty.error_msg(&request.metadata, code);
            return answer.send_response(empty).await.expect("a socket");
        }
        let catalog = if asked.query_type() != RecordType::DS {
            &self.own
        } else if name == ABOVE {
            &self.root
        } else {
            &self.parents
        };
        catalog.handle_request::<R, T>(request, answer).await
    }
}

#[async_trait::async_trait]
impl ZoneHandler for Sober {
    fn zone_type(&self) -> ZoneType {
        self.0.zone_type()
    }

    fn axfr_policy(&self) -> AxfrPolicy {
        self.0.axfr_policy()
    }

    fn origin(&self) -> &LowerName {
        self.0.origin()
    }

    async fn lookup(
        &self,
        name: &LowerName,
        kind: RecordType,
        request: Option<&RequestInfo<'_>>,
        options: LookupOptions,
    ) -> LookupControlFlow<AuthLookup> {
        self.0.lookup(name, kind, request, options).await
    }

    async fn search(
        &self,
        request: &Request,
        options: LookupOptions,
    ) -> (LookupControlFlow<AuthLookup>, Option<TSigResponseContext>) {
        self.0.search(request, options).await
    }

    async fn nsec_records(
        &self,
        name: &LowerName,
        options: LookupOptions,
    ) -> LookupControlFlow<AuthLookup> {
        self.0.nsec_records(name, options).await
    }

    async fn nsec3_records(
        &self,
        asked: Nsec3QueryInfo<'_>,
        options: LookupOptions,
    ) -> LookupControlFlow<AuthLookup> {
        let there = |kind| RrKey::new(asked.qname.clone(), kind);
        let records = self.0.records().await;
        if records.contains_key(&there(asked.qtype))
            || records.contains_key(&there(RecordType::CNAME))
        {
            return LookupControlFlow::Break(Ok(AuthLookup::Empty));
        }
        drop(records);
        self.0.nsec3_records(asked, options).await
    }

    fn nx_proof_kind(&self) -> Option<&NxProofKind> {
        self.0.nx_proof_kind()
    }
}

/// Both on one port, which the system chooses.
async fn sockets() -> (tokio::net::UdpSocket, tokio::net::TcpListener) {
    loop {
        let udp = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let udp = udp.expect("a free port");
        let address = udp.local_addr().expect("a bound socket");
        if let Ok(tcp) = tokio::net::TcpListener::bind(address).await {
            return (udp, tcp);
        }
    }
}

fn zone(origin: &str, denial: Denial) -> Zone {
    let mut zone = Zone::empty(
        name(origin),
        ZoneType::Primary,
        AxfrPolicy::Deny,
        Some(denial.kind()),
    );
    let soa = SOA::new(name("ns.plain."), name("a.plain."), 1, 60, 60, 60, 60);
    add(&mut zone, origin, RData::SOA(soa));
    add(&mut zone, origin, ns());
    zone
}

impl Denial {
    fn kind(self) -> NxProofKind {
        let nsec3 = |opt_out| NxProofKind::Nsec3 {
            algorithm: Nsec3HashAlgorithm::SHA1,
            salt: Arc::from([0xab, 0xcd]),
            iterations: 1,
            opt_out,
        };
        match self {
            Self::Nsec => NxProofKind::Nsec,
            Self::Nsec3 => nsec3(false),
            Self::OptOut => nsec3(true),
        }
    }
}

fn ns() -> RData {
    RData::NS(NS(name("ns.plain.")))
}

fn add(zone: &mut Zone, at: &str, data: RData) {
    let record = Record::from_rdata(name(at), TTL, data);
    assert!(zone.upsert_mut(record, 1), "{at}");
}

fn sign(zone: &mut Zone, key: Ed25519SigningKey, origin: &str) {
    let dnskey = DNSKEY::from_key(&public(&key));
    let signer = DnssecSigner::new(dnskey, Box::new(key), name(origin), DAY);
    zone.add_zone_signing_key_mut(signer).expect("a key");
    zone.secure_zone_mut().expect("a zone");
}

fn key() -> Ed25519SigningKey {
    let key = Ed25519SigningKey::generate_pkcs8().expect("a key");
    Ed25519SigningKey::from_pkcs8(&key).expect("a key")
}

fn public(key: &Ed25519SigningKey) -> PublicKeyBuf {
    let public = key.to_public_key().expect("a public key");
    assert_eq!(public.algorithm(), Algorithm::ED25519);
    public
}

pub fn name(text: &str) -> Name {
    Name::from_str(text).expect("a name")
}
