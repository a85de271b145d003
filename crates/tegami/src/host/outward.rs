//! Mail for elsewhere: who may send it through this server, and by which way it leaves.
//!
//! What the configuration says, and nothing else: whether a domain takes mail is asked of DNS by others, and nobody is
//! reached from here.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use address::{Domain, ForwardPath, Host, Mailbox, ReversePath};
use delivery::schedule::NextHop;
use ipnet::IpNet;

use super::shares::Share;
use crate::config::{EtrnReply, Hop, HopTls, Relay, RelayLogin, RelayRoute, Via};

/// What holds for mail to other servers.
#[derive(Debug, Default)]
pub struct Outward {
    /// Whether any leaves.
    pub enabled: bool,
    /// Networks whose clients may send anywhere, default gateways left out.
    pub networks: Vec<IpNet>,
    /// Domains that mail is taken for and passed on.
    pub backup: HashSet<Domain>,
    /// Domains that mail is taken for and kept, until somebody fetches it.
    held: HashMap<Domain, Held>,
    /// Whose mail is sent at once when its server asks.
    pub etrn: Etrn,
    /// What one account may have waiting.
    pub share: Share,
    /// In the order of the configuration; those without a hop go where DNS says.
    routes: Vec<(RelayRoute, Option<Arc<NextHop>>)>,
    /// Where the rest goes, if not where DNS says.
    smarthost: Option<Arc<NextHop>>,
}

/// Who may have what waits sent at once (RFC 1985).
#[derive(Debug, Default)]
pub struct Etrn {
    /// For these.
    pub domains: HashSet<Domain>,
    /// Clients from here without a login, default gateways left out.
    pub from: Vec<IpNet>,
    /// What they hear of it.
    pub reply: EtrnReply,
}

/// Mail for a domain that is fetched (RFC 2645).
#[derive(Debug)]
struct Held {
    hop: Arc<NextHop>,
    /// By whom.
    account: Mailbox,
}

impl Etrn {
    /// Whether a client at `peer` may ask without a login.
    pub fn knows(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.from.iter().any(|network| network.contains(&peer))
    }
}

/// A configured server, and how it is talked to.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// What queue and log call it.
    pub name: Box<str>,
    /// Where it is.
    pub hop: Hop,
    /// What protects the connection.
    pub tls: HopTls,
    /// Authorities to believe there.
    pub ca: Option<PathBuf>,
    /// Who we are there.
    pub login: Option<RelayLogin>,
}

impl Outward {
    /// What `relay` says, where `networks` are those of its networks that hide nobody, and so `etrn_from`.
    pub fn new(relay: &Relay, networks: Vec<IpNet>, etrn_from: Vec<IpNet>) -> Self {
        let (smarthost, ways) = ways(relay);
        let hop = |way: &Way| Arc::new(NextHop::Route(way.name.clone()));
        Self {
            enabled: relay.enabled,
            networks,
            share: Share::of(relay),
            backup: relay.backup_domains.iter().cloned().collect(),
            held: held(relay),
            etrn: Etrn {
                domains: relay.etrn_domains.iter().cloned().collect(),
                from: etrn_from,
                reply: relay.etrn_reply,
            },
            routes: relay
                .routes
                .iter()
                .cloned()
                .zip(ways.iter().map(|way| way.as_ref().map(hop)))
                .collect(),
            smarthost: smarthost.as_ref().map(hop),
        }
    }

    /// Whether a client at `peer` may send anywhere without a login.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.networks.iter().any(|network| network.contains(&peer))
    }

    /// Whether mail for this address is taken from everybody, to be passed on or kept for whoever fetches it. What looks like a route through that domain
    /// is not: who knows where its servers would send it.
    pub fn backs_up(&self, mailbox: &Mailbox) -> bool {
        !mailbox.local.is_route()
            && mailbox.host.domain().is_some_and(|domain| {
                self.backup.contains(domain) || self.held.contains_key(domain)
            })
    }

    /// The account that fetches what is for this next hop, if it is kept for that.
    pub fn fetcher(&self, hop: &NextHop) -> Option<&Mailbox> {
        match hop {
            NextHop::Held(domain) => self.held.get(domain).map(|held| &held.account),
            NextHop::Route(_) | NextHop::Host(_) => None,
        }
    }

    /// Domains whose mail this account fetches.
    pub fn fetched_by(&self, account: &Mailbox) -> impl Iterator<Item = &Domain> {
        let key = account.key();
        let held = self.held.iter();
        let held = held.filter(move |(_, held)| held.account.key() == key);
        held.map(|(domain, _)| domain)
    }

    /// Whether the domain of this recipient can be what is meant, without asking anybody: it has more than one word, or
    /// stands in the configuration. RFC 6409 section 4.2: `u@sales` was meant to be completed, and nobody guesses how.
    pub fn is_complete(&self, sender: &ReversePath, recipient: &ForwardPath) -> bool {
        let Some(Host::Domain(domain)) = recipient.mailbox().map(|mailbox| &mailbox.host) else {
            return true;
        };
        let mut routes = self.routes.iter().map(|(route, _)| route);
        domain.as_str().contains('.')
            || self.backup.contains(domain)
            || routes.any(|route| !route.domains.is_empty() && route.takes(sender, recipient))
    }

    /// What people call so: servers of the configuration, with or without their port, and a domain.
    pub fn hops_named(&self, name: &str) -> BTreeSet<Arc<NextHop>> {
        let routes = self.routes.iter().filter_map(|(_, hop)| hop.as_ref());
        let configured = routes.chain(&self.smarthost);
        let named = |hop: &&Arc<NextHop>| is_called(&shown(hop), name);
        let mut hops: BTreeSet<Arc<NextHop>> = configured.filter(named).cloned().collect();
        hops.extend(name.parse().ok().map(|host| self.hop_of(host)));
        hops
    }

    /// Mail for this domain, or address literal, where no route says otherwise.
    fn hop_of(&self, host: Host) -> Arc<NextHop> {
        let held = host.domain().and_then(|domain| self.held.get(domain));
        held.map_or_else(
            || Arc::new(NextHop::Host(host.clone())),
            |held| Arc::clone(&held.hop),
        )
    }

    /// By which way mail for this recipient, who is elsewhere, leaves; `None` when there is nobody elsewhere: the postmaster
    /// of no domain is ours.
    pub fn next_hop(&self, sender: &ReversePath, recipient: &ForwardPath) -> Option<Arc<NextHop>> {
        let mailbox = recipient.mailbox()?;
        // Whatever routes say: its server cannot be reached.
        if let Some(held) = mailbox.host.domain().and_then(|one| self.held.get(one)) {
            return Some(Arc::clone(&held.hop));
        }
        let direct = || Arc::new(NextHop::Host(mailbox.host.clone()));
        let mut routes = self.routes.iter();
        if let Some((_, hop)) = routes.find(|(route, _)| route.takes(sender, recipient)) {
            return Some(hop.clone().unwrap_or_else(direct));
        }
        let spared = match &mailbox.host {
            Host::Domain(domain) => self.backup.contains(domain),
            Host::Literal(_) => false,
        };
        match &self.smarthost {
            // The servers of a domain that we stand in for are asked themselves.
            Some(smarthost) if !spared => Some(Arc::clone(smarthost)),
            Some(_) | None => Some(direct()),
        }
    }
}

/// A next hop as people are told of it.
pub fn shown(hop: &NextHop) -> String {
    match hop {
        NextHop::Route(name) => name.to_string(),
        NextHop::Host(host) => host.to_string(),
        NextHop::Held(domain) => domain.to_string(),
    }
}

/// Mail that is kept, by its domains.
fn held(relay: &Relay) -> HashMap<Domain, Held> {
    let each = relay.holds.iter().flat_map(|hold| {
        hold.domains.iter().map(|domain| {
            let held = Held {
                hop: Arc::new(NextHop::Held(domain.clone())),
                account: hold.account.clone(),
            };
            (domain.clone(), held)
        })
    });
    each.collect()
}

/// Whether `name` is what people call the server `shown`: `smart.test:587 (2)`, without the number or without the port.
fn is_called(shown: &str, name: &str) -> bool {
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let numbered = shown.split_once(" (").map_or(shown, |(server, _)| server);
    let host = numbered.rsplit_once(':').map_or(numbered, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    [shown, numbered, numbered.trim_start_matches('['), host]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}

/// The smarthost, and the server of each route that has one, each under a name of its own.
pub fn ways(relay: &Relay) -> (Option<Way>, Vec<Option<Way>>) {
    let mut known: Vec<Way> = Vec::new();
    let smarthost = relay.smarthost.clone().map(|hop| {
        let way = Way {
            name: hop.to_string().into(),
            hop,
            tls: relay.smarthost_tls,
            ca: relay.smarthost_ca.clone(),
            login: relay.smarthost_login(),
        };
        known.push(way.clone());
        way
    });
    let routes = relay.routes.iter().map(|route| match &route.via {
        Via::Direct => None,
        Via::Host(hop) => Some(name(
            Way {
                name: hop.to_string().into(),
                hop: hop.clone(),
                tls: route.tls,
                ca: route.ca.clone(),
                login: route.login.clone(),
            },
            &mut known,
        )),
    });
    let routes = routes.collect();
    (smarthost, routes)
}

/// A number for the same server with another login, or the like; the same name for the same.
fn name(way: Way, known: &mut Vec<Way>) -> Way {
    let mut named = way.clone();
    let mut number = 1;
    while let Some(other) = known.iter().find(|other| other.name == named.name) {
        if *other == named {
            return named;
        }
        number += 1;
        named.name = format!("{} ({number})", way.name).into();
    }
    known.push(named.clone());
    named
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn outward(relay: &str) -> Outward {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tegami.toml");
        std::fs::write(&path, format!("domains = [\"a.test\"]\n[relay]\n{relay}")).unwrap();
        let sources = crate::config::Sources {
            explicit: Some(path),
            variables: Vec::new(),
            usual: "absent".into(),
        };
        let config: Config = sources
            .load()
            .unwrap_or_else(|error| panic!("{error}"))
            .config;
        Outward::new(&config.relay, config.relay.networks.clone(), Vec::new())
    }

    #[track_caller]
    fn check(outward: &Outward, recipient: &str, expected: Option<&str>) {
        let sender = ReversePath::Mailbox("me@a.test".parse().unwrap());
        let hop = outward.next_hop(&sender, &recipient.parse().unwrap());
        let hop = hop.map(|hop| match &*hop {
            NextHop::Route(name) => format!("route {name}"),
            NextHop::Host(host) => host.to_string(),
            NextHop::Held(domain) => format!("kept for {domain}"),
        });
        assert_eq!(hop.as_deref(), expected, "{recipient}");
    }

    #[test]
    fn mail_goes_where_dns_says_unless_a_route_or_the_smarthost_takes_it() {
        let direct = outward("");
        check(&direct, "<you@b.test>", Some("b.test"));
        check(&direct, "<you@[192.0.2.1]>", Some("[192.0.2.1]"));
        check(&direct, "<postmaster>", None);
        let ways = outward(
            "smarthost = \"smart.test\"\nbackup_domains = [\"c.test\"]\n\
             [[relay.route]]\ndomains = [\"b.test\"]\nvia = \"smart.test\"\ntls = \"none\"\n\
             [[relay.route]]\ndomains = [\"d.test\"]\nvia = \"smart.test\"\n\
             [[relay.route]]\ndomains = [\"e.test\"]\nvia = \"direct\"\n",
        );
        check(&ways, "<you@b.test>", Some("route smart.test:587 (2)"));
        check(&ways, "<you@c.test>", Some("c.test"));
        check(&ways, "<you@d.test>", Some("route smart.test:587"));
        check(&ways, "<you@e.test>", Some("e.test"));
        check(&ways, "<you@f.test>", Some("route smart.test:587"));
        check(&ways, "<you@[192.0.2.1]>", Some("route smart.test:587"));
    }

    // SUB-04
    #[test]
    fn a_single_word_is_a_domain_where_somebody_listed_it() {
        let outward = outward(
            "smarthost = \"smart.test\"\nbackup_domains = [\"backup\"]\n\
             [[relay.route]]\ndomains = [\"intern\"]\nvia = \"smart.test\"\n\
             [[relay.route]]\nsenders = [\"a.test\"]\nvia = \"smart.test\"\n",
        );
        let sender = ReversePath::Mailbox("me@a.test".parse().unwrap());
        for (address, complete) in [
            ("<u@sales>", false),
            ("<u@SALES>", false),
            ("<u@xn--p1ai>", false),
            ("<u@sales.test>", true),
            ("<u@Intern>", true),
            ("<u@sub.intern>", true),
            ("<u@backup>", true),
            ("<u@[192.0.2.1]>", true),
            ("<Postmaster>", true),
        ] {
            let found = outward.is_complete(&sender, &address.parse().unwrap());
            assert_eq!(found, complete, "{address}");
        }
    }

    #[test]
    fn a_server_is_known_with_and_without_its_port_and_a_domain_by_its_name() {
        let outward = outward(
            "smarthost = \"smart.test\"\n\
             [[relay.route]]\ndomains = [\"b.test\"]\nvia = \"smart.test\"\ntls = \"none\"\n\
             [[relay.route]]\ndomains = [\"c.test\"]\nvia = \"[2001:db8::1]:25\"\n",
        );
        for (name, expected) in [
            (
                "Smart.test",
                "smart.test:587, smart.test:587 (2), smart.test",
            ),
            ("smart.test:587", "smart.test:587, smart.test:587 (2)"),
            ("smart.test:587 (2)", "smart.test:587 (2)"),
            ("smart.test:25", ""),
            ("2001:db8::1", "[2001:db8::1]:25"),
            ("[2001:db8::1]:25", "[2001:db8::1]:25"),
            ("b.test", "b.test"),
            ("not a name", ""),
        ] {
            let found = outward.hops_named(name);
            let found: Vec<String> = found.iter().map(|hop| shown(hop)).collect();
            assert_eq!(found.join(", "), expected, "{name}");
        }
    }

    #[test]
    fn mail_for_a_backup_domain_is_taken_but_not_what_looks_like_a_route_through_it() {
        let outward = outward("backup_domains = [\"b.test\"]");
        for (address, taken) in [
            ("you@b.test", true),
            ("YOU@B.TEST", true),
            ("you@sub.b.test", false),
            ("you%c.test@b.test", false),
            ("c.test!you@b.test", false),
            ("\"you@c.test\"@b.test", false),
            ("you@[192.0.2.1]", false),
            ("you@a.test", false),
        ] {
            let mailbox: Mailbox = address.parse().unwrap();
            assert_eq!(outward.backs_up(&mailbox), taken, "{address}");
        }
    }

    #[test]
    fn mail_for_a_domain_that_is_held_is_taken_and_kept_whatever_routes_say() {
        let outward = outward(
            "smarthost = \"smart.test\"\n\
             [[relay.route]]\ndomains = [\"spoke.test\"]\nvia = \"smart.test\"\ntls = \"none\"\n\
             [[relay.hold]]\ndomains = [\"spoke.test\", \"two.test\"]\naccount = \"Spoke@a.test\"\n\
             [[relay.hold]]\ndomains = [\"other.test\"]\naccount = \"other@a.test\"\n",
        );
        check(&outward, "<you@spoke.test>", Some("kept for spoke.test"));
        check(&outward, "<you@TWO.test>", Some("kept for two.test"));
        check(&outward, "<you@sub.two.test>", Some("route smart.test:587"));
        assert!(outward.backs_up(&"you@spoke.test".parse().unwrap()));
        assert!(!outward.backs_up(&"you%c.test@spoke.test".parse().unwrap()));
        let account: Mailbox = "spoke@a.test".parse().unwrap();
        let mut domains: Vec<&str> = outward.fetched_by(&account).map(Domain::as_str).collect();
        domains.sort_unstable();
        assert_eq!(domains, ["spoke.test", "two.test"]);
        let held = NextHop::Held("spoke.test".parse().unwrap());
        assert!(outward.hops_named("Spoke.test").contains(&Arc::new(held)));
        let nobody: Mailbox = "nobody@a.test".parse().unwrap();
        assert_eq!(outward.fetched_by(&nobody).count(), 0);
    }

    #[test]
    fn listed_networks_are_trusted_and_nobody_else() {
        let outward = outward("networks = [\"192.168.1.0/24\"]");
        for (peer, trusted) in [
            ("192.168.1.7", true),
            ("::ffff:192.168.1.7", true),
            ("192.168.2.7", false),
            ("127.0.0.1", false),
            ("::1", false),
        ] {
            assert_eq!(outward.trusts(peer.parse().unwrap()), trusted, "{peer}");
        }
    }
}
