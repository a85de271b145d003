//! The plan of a delivery (RFC 5321 sections 5.1 and 5.2): which hosts are tried, in which order, at which addresses. Made of
//! answers; nothing here asks, and what is drawn by lot comes from outside.

use std::cmp::Ordering;
use std::net::IpAddr;

use address::{Domain, Host};
use ipnet::IpNet;

use crate::answer::{Addresses, Exchanger};

mod forbidden;

/// Hosts of a domain that are tried, most preferred first. More would only make a dead domain take longer.
pub const MOST_HOSTS: usize = 8;
/// Addresses of one host that are tried.
pub const MOST_ADDRESSES: usize = 8;

/// What we are and want, for every delivery.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Our names, as they stand in MX records.
    pub names: Vec<Domain>,
    /// Addresses where we take mail ourselves, as others see them.
    pub addresses: Vec<IpAddr>,
    /// Networks that are sent to although mail does not go there otherwise: private ones, this machine's own.
    pub allowed: Vec<IpNet>,
    /// Which kinds of addresses, in which order.
    pub families: Families,
    /// Whether DNSSEC is looked at, if there are trust anchors. Then mail waits for whatever it says is forged.
    pub dnssec: bool,
}

/// The kinds of addresses that are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Families {
    /// In turn, beginning with IPv6.
    #[default]
    Ipv6First,
    /// In turn, beginning with IPv4.
    Ipv4First,
    /// Nothing else.
    Ipv4Only,
    /// Nothing else.
    Ipv6Only,
}

/// How mail for a domain is delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// To the first of these that takes it; at least one.
    Hosts(Vec<MailHost>),
    /// Not at all.
    Never(Undeliverable),
    /// It cannot be said now: no answer in time, or a server has a fault.
    Later,
    /// It cannot be said now: DNSSEC says that the answer about this name is not its owner's.
    Forged(Domain),
}

/// A host that takes mail, with its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailHost {
    /// Its name as the MX record has it, or the address literal.
    pub name: Host,
    /// Lower is tried earlier. 0 for a domain that is its own host.
    pub preference: u16,
    /// To be tried in this order; at least one.
    pub addresses: Vec<IpAddr>,
    /// DNSSEC proves that this host takes the mail, and that these are its addresses. Only then may TLSA records be asked for
    /// (RFC 7672 section 2.2), and only then, or by MTA-STS, is its name one to hold a certificate against (RFC 8689
    /// section 4.2.1).
    pub secure: bool,
    /// The name that aliases lead to, when there are any.
    pub canonical: Option<Domain>,
}

/// Why there is nowhere to deliver mail to, whoever tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undeliverable {
    /// The domain says that it takes no mail (RFC 7505; 5.1.10).
    NullMx,
    /// There is no such domain (5.1.2).
    NoSuchDomain,
    /// It exists, and has neither a mail host nor an address (5.1.2).
    NoMailHere,
    /// We are the best of its hosts, and it is not one of our domains (5.4.6).
    Loop,
    /// Its hosts have no addresses, or none of a kind that is tried (5.4.4).
    NoAddress,
    /// All addresses lead to where mail never goes: this machine, the network around it, nowhere (5.4.4).
    Forbidden,
}

/// A host, and what DNS says of where it is.
pub struct Candidate {
    pub exchanger: Exchanger,
    pub addresses: Addresses,
    pub secure: bool,
    /// DNSSEC says that an answer about it is not its owner's.
    pub forged: bool,
    pub canonical: Option<Domain>,
}

/// The hosts whose addresses are worth asking for, in the order of trying: equal preferences drawn by lot (RFC 5321 section
/// 5.1), without us and all that are no better. `draw` gives a number below its argument.
///
/// # Errors
/// None is left.
pub fn order(
    mut exchangers: Vec<Exchanger>,
    place: &Place,
    draw: &mut impl FnMut(usize) -> usize,
) -> Result<Vec<Exchanger>, Undeliverable> {
    if exchangers.is_empty() {
        return Err(Undeliverable::NoAddress);
    }
    for last in (1..exchangers.len()).rev() {
        exchangers.swap(last, draw(last + 1) % (last + 1));
    }
    exchangers.sort_by_key(|exchanger| exchanger.preference);
    let ours = exchangers
        .iter()
        .find(|exchanger| place.names.contains(&exchanger.host));
    if let Some(limit) = ours.map(|ours| ours.preference) {
        exchangers.retain(|exchanger| exchanger.preference < limit);
    }
    if exchangers.is_empty() {
        return Err(Undeliverable::Loop);
    }
    let mut order: Vec<Exchanger> = Vec::new();
    for exchanger in exchangers {
        // Once is enough, at its best.
        if order.len() < MOST_HOSTS && order.iter().all(|known| known.host != exchanger.host) {
            order.push(exchanger);
        }
    }
    Ok(order)
}

/// The plan, with the candidates in the order of trying.
pub fn plan(mut candidates: Vec<Candidate>, place: &Place) -> Plan {
    let ours = candidates.iter().find(|candidate| {
        let addresses = found(&candidate.addresses).iter();
        addresses.clone().any(|address| is_ours(*address, place))
    });
    if let Some(limit) = ours.map(|ours| ours.exchanger.preference) {
        candidates.retain(|candidate| candidate.exchanger.preference < limit);
        if candidates.is_empty() {
            return Plan::Never(Undeliverable::Loop);
        }
    }
    let (mut unclear, mut forbidden) = (false, false);
    let (mut hosts, mut forged) = (Vec::new(), None);
    for candidate in candidates {
        unclear |= candidate.addresses == Addresses::Unclear;
        if candidate.forged && forged.is_none() {
            forged = Some(candidate.exchanger.host.clone());
        }
        let kinds = in_turn(found(&candidate.addresses), place.families);
        let any = !kinds.is_empty();
        let mut addresses = kinds;
        addresses.retain(|address| forbidden::may_be_sent_to(*address, &place.allowed));
        forbidden |= any && addresses.is_empty();
        addresses.truncate(MOST_ADDRESSES);
        if !addresses.is_empty() {
            hosts.push(candidate.host(addresses));
        }
    }
    if !hosts.is_empty() {
        Plan::Hosts(hosts)
    } else if let Some(host) = forged {
        Plan::Forged(host)
    } else if unclear {
        Plan::Later
    } else if forbidden {
        Plan::Never(Undeliverable::Forbidden)
    } else {
        Plan::Never(Undeliverable::NoAddress)
    }
}

/// The plan for an address literal.
pub fn literal(address: IpAddr, place: &Place) -> Plan {
    let addresses = vec![address.to_canonical()];
    if addresses.iter().any(|address| is_ours(*address, place)) {
        return Plan::Never(Undeliverable::Loop);
    }
    if !forbidden::may_be_sent_to(address, &place.allowed) {
        return Plan::Never(Undeliverable::Forbidden);
    }
    if in_turn(&addresses, place.families).is_empty() {
        return Plan::Never(Undeliverable::NoAddress);
    }
    Plan::Hosts(vec![MailHost {
        name: Host::Literal(address),
        preference: 0,
        addresses,
        secure: false,
        canonical: None,
    }])
}

impl Candidate {
    fn host(self, addresses: Vec<IpAddr>) -> MailHost {
        let Exchanger { preference, host } = self.exchanger;
        MailHost {
            canonical: self.canonical.filter(|canonical| *canonical != host),
            name: Host::Domain(host),
            preference,
            addresses,
            secure: self.secure,
        }
    }
}

fn found(addresses: &Addresses) -> &[IpAddr] {
    match addresses {
        Addresses::Found(addresses) => addresses,
        Addresses::None | Addresses::NoSuchHost | Addresses::Unclear => &[],
    }
}

fn is_ours(address: IpAddr, place: &Place) -> bool {
    let address = address.to_canonical();
    place
        .addresses
        .iter()
        .any(|ours| ours.to_canonical() == address)
}

/// Each kind in the order of DNS, and the kinds in turn, so that a network without one of them costs one attempt and not
/// four.
fn in_turn(addresses: &[IpAddr], families: Families) -> Vec<IpAddr> {
    let mut seen: Vec<IpAddr> = Vec::new();
    for address in addresses {
        if !seen.contains(address) {
            seen.push(*address);
        }
    }
    let (first, second): (Vec<IpAddr>, Vec<IpAddr>) = match families {
        Families::Ipv6First => seen.iter().partition(|address| address.is_ipv6()),
        Families::Ipv4First => seen.iter().partition(|address| address.is_ipv4()),
        Families::Ipv4Only => (
            seen.into_iter().filter(IpAddr::is_ipv4).collect(),
            Vec::new(),
        ),
        Families::Ipv6Only => (
            seen.into_iter().filter(IpAddr::is_ipv6).collect(),
            Vec::new(),
        ),
    };
    let ranked = |kind: Vec<IpAddr>, turn: usize| {
        let ranks = kind.into_iter().enumerate();
        ranks.map(move |(rank, address)| ((rank, turn), address))
    };
    let mut all: Vec<_> = ranked(first, 0).chain(ranked(second, 1)).collect();
    all.sort_by(|(one, _), (other, _)| -> Ordering { one.cmp(other) });
    all.into_iter().map(|(_, address)| address).collect()
}

#[cfg(test)]
mod tests;
