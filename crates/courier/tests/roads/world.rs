//! Domains, their hosts on loopback, and roads that lead there.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use address::{Envelope, Recipient};
use bytes::Bytes;
use courier::carry::{Carried, Carry as _, Letter, Trip};
use courier::roads::{Line, Roads, Settings};
use delivery::schedule::NextHop;
use hickory_server::proto::rr::RData;
use hickory_server::proto::rr::rdata::{MX, TXT};
use resolver::{Families, Resolver, TrustAnchors};
use smtp_client::Transaction;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::server::{Authority, Manner, Server, listeners};
use crate::zones::{Denial, Records, Trust, Zones, name};

pub const TEXT: &str = "Subject: hello\r\n\r\nHello there.\r\n.dotted\r\n";

/// Servers at 127.0.0.1, 127.0.0.2 and so on, which are the hosts `mx1`, `mx2` and so on of `plain.test` and `signed.test`.
pub struct World {
    pub servers: Vec<Server>,
    pub settings: Settings,
    pub resolver: Arc<Resolver>,
    pub directory: TempDir,
    _zones: Zones,
}

pub fn mx(preference: u16, host: &str) -> RData {
    RData::MX(MX::new(preference, name(host)))
}

pub fn at(address: &str) -> RData {
    RData::from(address.parse::<IpAddr>().unwrap())
}

pub fn txt(text: &str) -> RData {
    RData::TXT(TXT::new(vec![text.to_owned()]))
}

fn leak(text: String) -> &'static str {
    text.leak()
}

/// A world of these servers.
pub async fn world(manners: Vec<Manner>) -> World {
    let count = manners.len();
    let made = make(listeners(u8::try_from(count).unwrap()).await);
    made.servers(manners, Authority::new(), |_| Vec::new())
        .await
}

/// A world whose servers are not running yet, so that certificates and records can be made for them.
pub fn make(listeners: Vec<TcpListener>) -> Making {
    Making(listeners)
}

pub struct Making(pub Vec<TcpListener>);

impl Making {
    pub fn port(&self) -> u16 {
        self.0[0].local_addr().unwrap().port()
    }

    /// With further records, given the port of all servers.
    pub async fn servers(
        self,
        manners: Vec<Manner>,
        authority: Authority,
        more: impl FnOnce(u16) -> Records,
    ) -> World {
        let port = self.port();
        let mut zones: Vec<Records> = vec![Vec::new(), Vec::new()];
        for (zone, records) in ["plain.test.", "signed.test."].iter().zip(&mut zones) {
            for number in 1..=manners.len() {
                let host = leak(format!("mx{number}.{zone}"));
                let preference = u16::try_from(number).unwrap() * 10;
                records.push((leak((*zone).to_owned()), mx(preference, host)));
                records.push((host, at(&format!("127.0.0.{number}"))));
            }
        }
        for record in more(port) {
            let signed = record.0.ends_with("signed.test.");
            zones[usize::from(signed)].push(record);
        }
        let signed = zones.pop().unwrap();
        let plain = zones.pop().unwrap();
        let zones = Zones::start(
            Denial::Nsec,
            &[
                ("plain.test.", Trust::Unsigned, plain),
                ("signed.test.", Trust::Signed, signed),
            ],
        )
        .await;
        let anchors = TrustAnchors::parse(&zones.anchor).unwrap();
        let resolver = Resolver::new(Duration::from_secs(60)).trusting(anchors);
        resolver.ask(&[zones.address]);
        let directory = tempfile::tempdir().unwrap();
        let ca = directory.path().join("ca.pem");
        std::fs::write(&ca, &authority.pem).unwrap();
        let mut settings = Settings::new("we.test".parse().unwrap(), directory.path().to_owned());
        settings.port = port;
        settings.ca = Some(ca);
        settings.place.dnssec = true;
        settings.place.families = Families::Ipv4First;
        settings.place.allowed = vec!["127.0.0.0/8".parse().unwrap()];
        let servers = self.0.into_iter().zip(manners);
        World {
            servers: servers
                .map(|(listener, manner)| Server::start(listener, manner))
                .collect(),
            settings,
            resolver: Arc::new(resolver),
            directory,
            _zones: zones,
        }
    }
}

impl World {
    pub fn roads(&self) -> Roads {
        Roads::new(self.settings.clone(), Arc::clone(&self.resolver)).unwrap()
    }

    /// Sends to these recipients, and takes leave.
    pub async fn send(&self, recipients: &[&str]) -> Trip<Line> {
        self.send_text(recipients, TEXT, |_| {}).await
    }

    pub async fn send_text(
        &self,
        recipients: &[&str],
        text: &str,
        change: impl FnOnce(&mut Envelope),
    ) -> Trip<Line> {
        let roads = self.roads();
        let mut transaction = transaction(recipients, text.len());
        change(&mut transaction.envelope);
        let mut letter = Text::new(text);
        let hop = hop(recipients[0].rsplit('@').next().unwrap());
        let mut trip = roads.carry(&hop, None, transaction, &mut letter).await;
        if let Some(line) = trip.line.take() {
            roads.part(line).await;
        }
        trip
    }
}

/// Sends to these recipients, and takes leave.
pub async fn send_by(roads: &Roads, recipients: &[&str]) -> Trip<Line> {
    let mut letter = Text::new(TEXT);
    let hop = hop(recipients[0].rsplit('@').next().unwrap());
    let sent = transaction(recipients, TEXT.len());
    let mut trip = roads.carry(&hop, None, sent, &mut letter).await;
    if let Some(line) = trip.line.take() {
        roads.part(line).await;
    }
    trip
}

pub fn hop(host: &str) -> NextHop {
    NextHop::Host(host.parse().unwrap())
}

pub fn transaction(recipients: &[&str], size: usize) -> Transaction {
    let recipients = recipients.iter().map(|recipient| Recipient {
        path: format!("<{recipient}>").parse().unwrap(),
        notify: None,
        orcpt: None,
    });
    Transaction {
        envelope: Envelope {
            reverse_path: "<from@we.test>".parse().unwrap(),
            recipients: recipients.collect(),
            ..Envelope::default()
        },
        size: size as u64,
        submitter: None,
    }
}

/// `verdict status words`, for each recipient.
pub fn told(trip: &Trip<Line>) -> Vec<String> {
    let told = trip.carried.iter().map(|one| {
        let status = one.status;
        format!(
            "{:?} {}.{}.{} {}",
            one.verdict, status.0, status.1, status.2, one.words
        )
    });
    told.collect()
}

/// A message in memory.
pub struct Text {
    octets: Bytes,
    rest: Bytes,
    /// After so many octets it cannot be read.
    pub fails_at: Option<usize>,
    pub rewinds: usize,
    /// Who had it while others were still to be served, as often as that was said.
    pub delivered: Vec<Vec<usize>>,
}

impl Text {
    pub fn new(text: &str) -> Self {
        let octets = Bytes::copy_from_slice(text.as_bytes());
        Self {
            rest: octets.clone(),
            octets,
            fails_at: None,
            rewinds: 0,
            delivered: Vec::new(),
        }
    }
}

impl Letter for Text {
    async fn rewind(&mut self) -> io::Result<()> {
        self.rest = self.octets.clone();
        self.rewinds += 1;
        Ok(())
    }

    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let given = self.octets.len() - self.rest.len();
        if self.fails_at.is_some_and(|at| given >= at) {
            return Err(io::Error::other("the disk is broken"));
        }
        let most = self.rest.len().min(100_000);
        let piece = self.rest.split_to(most);
        Ok((!piece.is_empty()).then_some(piece))
    }

    fn waives_tls(&self) -> bool {
        delivery::tls_required::is_waived(&self.octets)
    }

    fn delivered(&mut self, who: Vec<Carried>) {
        let places = who.iter().map(|one| one.recipient);
        self.delivered.push(places.collect());
    }
}
