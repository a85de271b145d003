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
    Algorithm, DigestType, DnssecSigner, PublicKey as _, PublicKeyBuf, SigningKey as _,
};
use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::rdata::{NS, SOA};
use hickory_server::proto::rr::{Name, RData, Record, RecordType};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{
    AxfrPolicy, Catalog, MessageResponseBuilder, ZoneHandler, ZoneType,
};

const TTL: u32 = 300;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

type Zone = InMemoryZoneHandler<TokioRuntimeProvider>;

/// How the root vouches for a zone.
#[derive(Clone, Copy, PartialEq)]
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

/// A running name server; it ends when it is dropped.
pub struct Zones {
    pub address: SocketAddr,
    /// The key of the root, as in a zone file.
    pub anchor: String,
    _server: Server<Handler>,
}

/// Answers for all zones; of delegations only the parent knows whether they are signed.
struct Handler {
    all: Catalog,
    root: Catalog,
}

impl Zones {
    /// Starts with these zones below the root and their records.
    pub async fn start(zones: &[(&str, Trust, &[(&str, RData)])]) -> Self {
        let root_key = key();
        let mut root = zone(".");
        let mut all = Catalog::new();
        for (origin, trust, records) in zones {
            let (own, other) = (key(), key());
            let mut zone = zone(origin);
            for (name, data) in *records {
                add(&mut zone, name, data.clone());
            }
            add(&mut root, origin, ns());
            if *trust != Trust::Unsigned {
                let vouched = if *trust == Trust::Forged {
                    &other
                } else {
                    &own
                };
                let ds = DS::from_key(&public(vouched), &name(origin), DigestType::SHA256);
                let ds = RData::DNSSEC(DNSSECRData::DS(ds.expect("a digest")));
                add(&mut root, origin, ds);
            }
            if matches!(trust, Trust::Signed | Trust::Forged) {
                sign(&mut zone, own, origin);
            }
            all.upsert(name(origin).into(), vec![Arc::new(zone)]);
        }
        let shown = STANDARD.encode(public(&root_key).public_bytes());
        sign(&mut root, root_key, ".");
        let root: Arc<dyn ZoneHandler> = Arc::new(root);
        all.upsert(Name::root().into(), vec![Arc::clone(&root)]);
        let mut only_root = Catalog::new();
        only_root.upsert(Name::root().into(), vec![root]);
        let mut server = Server::new(Handler {
            all,
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
        let hidden = name == "hidden." && asked.query_type() == RecordType::DS;
        let code = bare.map(|(_, code)| *code);
        if let Some(code) = code.or(hidden.then_some(ResponseCode::NoError)) {
            let empty = MessageResponseBuilder::from_message_request(request);
            let empty = empty.error_msg(&request.metadata, code);
            return answer.send_response(empty).await.expect("a socket");
        }
        let catalog = if asked.query_type() == RecordType::DS {
            &self.root
        } else {
            &self.all
        };
        catalog.handle_request::<R, T>(request, answer).await
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

fn zone(origin: &str) -> Zone {
    let mut zone = Zone::empty(
        name(origin),
        ZoneType::Primary,
        AxfrPolicy::Deny,
        Some(NxProofKind::Nsec),
    );
    let soa = SOA::new(name("ns.plain."), name("a.plain."), 1, 60, 60, 60, 60);
    add(&mut zone, origin, RData::SOA(soa));
    add(&mut zone, origin, ns());
    zone
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
