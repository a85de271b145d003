//! What delivery to other servers asks: the plan for a domain, and what a host promises of its certificates.

use address::{Domain, Host};
use dane::{Records, Tlsa};
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use crate::answer::{Addresses, Exchanger, MailRoute};
use crate::client::{self, Nothing};
use crate::plan::{self, Candidate, MailHost, Place, Plan, Undeliverable};
use crate::question::{Resolver, Routed, below, name};

/// What DNS says of the certificates of a host (RFC 7672 section 2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dane {
    /// It shows one that these records promise, or nothing is sent to it.
    Promised {
        /// At least one.
        records: Vec<Tlsa>,
        /// The name they stand at, which is to be asked for in the handshake and may stand in the certificate.
        name: Domain,
    },
    /// It has TLS, or nothing is sent to it; whose certificate it shows cannot be told.
    Encrypted,
    /// It promises nothing.
    None,
    /// Nobody can promise anything for it: its domain has no DNSSEC.
    Insecure,
    /// DNSSEC says that the answer is forged. Nothing may be sent to this host while it is.
    Bogus,
    /// It cannot be said now, and might be that somebody suppresses it. Nothing may be sent to this host meanwhile.
    Unclear,
}

/// Whether DNSSEC can be looked at by way of the servers that are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dnssec {
    /// What the root says of itself is proven.
    Works,
    /// It is not: the servers leave out the signatures, or somebody does on the way, or the trust anchors are outdated.
    /// Looking at DNSSEC would make everything look forged.
    Broken,
    /// There are no trust anchors.
    Off,
    /// It cannot be said now.
    Unclear,
}

impl Resolver {
    /// Whether DNSSEC can be looked at. Whoever finds it broken plans without it, and says so.
    pub async fn dnssec(&self) -> Dnssec {
        let way = self.our_way(true);
        if !way.validated {
            return Dnssec::Off;
        }
        let root = Name::root();
        let root = self.records(&root, RecordType::NS, way);
        match self.in_time(root).await {
            Some(Ok(root)) if root.secure => Dnssec::Works,
            Some(Ok(_) | Err(Nothing::Bogus | Nothing::NoSuchName | Nothing::NoneOfThisKind)) => {
                Dnssec::Broken
            }
            Some(Err(Nothing::Unclear)) | None => Dnssec::Unclear,
        }
    }

    /// How mail for `to` is delivered from `place`. `draw` gives a number below its argument; hosts of equal preference are
    /// tried in the order it makes.
    ///
    /// Each host that is looked up may take as long as one question.
    pub async fn plan(
        &self,
        to: &Host,
        place: &Place,
        draw: &mut impl FnMut(usize) -> usize,
    ) -> Plan {
        let domain = match to {
            Host::Domain(domain) => domain,
            Host::Literal(address) => return plan::literal(*address, place),
        };
        let way = self.our_way(place.dnssec);
        let routed = self.in_time(self.route(domain, way)).await;
        let Some(Routed {
            route,
            secure,
            forged,
        }) = routed
        else {
            return Plan::Later;
        };
        let exchangers = match route {
            MailRoute::Exchangers(exchangers) => exchangers,
            MailRoute::NullMx => return Plan::Never(Undeliverable::NullMx),
            MailRoute::NoMailHere => return Plan::Never(Undeliverable::NoMailHere),
            MailRoute::NoSuchDomain => return Plan::Never(Undeliverable::NoSuchDomain),
            MailRoute::Unclear if forged => return Plan::Forged(domain.clone()),
            MailRoute::Unclear => return Plan::Later,
        };
        let exchangers = match plan::order(exchangers, place, draw) {
            Ok(exchangers) => exchangers,
            Err(undeliverable) => return Plan::Never(undeliverable),
        };
        let mut candidates = Vec::new();
        for exchanger in exchangers {
            let located = self.in_time(self.locate(&exchanger.host, way)).await;
            let located = located.unwrap_or_else(|| Addresses::Unclear.into());
            candidates.push(Candidate {
                exchanger,
                addresses: located.addresses,
                // RFC 7672 section 2.2.1: when the MX records are not proven, neither is whose host it is.
                secure: secure && located.secure,
                forged: located.forged,
                canonical: located.canonical,
            });
        }
        plan::plan(candidates, place)
    }

    /// How something is sent to `host` itself, whatever its domain says of mail.
    pub async fn plan_for_host(&self, host: &Host, place: &Place) -> Plan {
        let host = match host {
            Host::Domain(host) => host,
            Host::Literal(address) => return plan::literal(*address, place),
        };
        let located = self.in_time(self.locate(host, self.our_way(place.dnssec)));
        let located = located.await.unwrap_or_else(|| Addresses::Unclear.into());
        let candidate = Candidate {
            exchanger: Exchanger {
                preference: 0,
                host: host.clone(),
            },
            addresses: located.addresses,
            secure: located.secure,
            forged: located.forged,
            canonical: located.canonical,
        };
        plan::plan(vec![candidate], place)
    }

    /// What `host` promises of the certificates it shows at `port`.
    pub async fn dane(&self, host: &MailHost, port: u16) -> Dane {
        let Some(own) = host.name.domain().filter(|_| host.secure) else {
            // RFC 7672 section 2.2.2: where the addresses are not proven, the servers of TLSA records are not bothered,
            // which some of them could not stand.
            return Dane::Insecure;
        };
        // RFC 7672 section 2.2.2: an alias may have records where it leads, and else where it begins.
        for base in host.canonical.iter().chain([own]) {
            let records = self.in_time(self.tlsa(base, port)).await;
            match records.unwrap_or(Err(Nothing::Unclear)) {
                Ok(Records::Usable(records)) => {
                    let name = base.clone();
                    return Dane::Promised { records, name };
                }
                Ok(Records::Unusable) => return Dane::Encrypted,
                Ok(Records::None) | Err(Nothing::NoSuchName | Nothing::NoneOfThisKind) => {}
                Err(Nothing::Bogus) => return Dane::Bogus,
                Err(Nothing::Unclear) => return Dane::Unclear,
            }
        }
        Dane::None
    }

    async fn tlsa(&self, base: &Domain, port: u16) -> Result<Records, Nothing> {
        let labels = format!("_{port}._tcp");
        let Some(name) = name(base).and_then(|base| below(&labels, &base)) else {
            return Ok(Records::None);
        };
        let found = self
            .records(&name, RecordType::TLSA, self.our_way(true))
            .await?;
        // RFC 7672 section 2.1.1: what is not proven promises nothing.
        if !found.secure {
            return Ok(Records::None);
        }
        Ok(usable(&found))
    }
}

fn usable(found: &client::Records) -> Records {
    let records = found.data.iter().filter_map(|record| {
        let RData::TLSA(tlsa) = record else {
            return None;
        };
        Some((
            tlsa.cert_usage.into(),
            tlsa.selector.into(),
            tlsa.matching.into(),
            tlsa.cert_data.as_slice(),
        ))
    });
    Records::new(records)
}
