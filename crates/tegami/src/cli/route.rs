//! `tegami route`: what happens to mail for an address, and why; looked up, never tried.

use std::net::IpAddr;

use address::{ForwardPath, Host, Mailbox, ReversePath};
use admin::{Place, Request, Response, RouteFacts, Way};
use anyhow::{Context, Result};
use clap::Args;
use delivery::schedule::NextHop;
use resolver::{Dane, Dnssec, MailHost, Plan, Resolver, Texts, Undeliverable};
use serde::Serialize;

use super::access::ask;
use super::account::unexpected;
use super::{Listing, print_json};
use crate::config::{Config, HopTls};
use crate::host::DNS_PATIENCE;
use crate::host::outward::{self, Outward};
use crate::serve;
use crate::terminal::print;

/// Where mail for other servers is handed over (RFC 5321 section 4.5.4.2).
const SMTP: u16 = 25;

#[derive(Debug, Args)]
pub struct Route {
    /// Whom somebody would write to
    #[arg(value_parser = Mailbox::parse_user)]
    address: Mailbox,
    /// Who would write: routes of [relay] can depend on it
    #[arg(long, value_name = "SENDER", value_parser = Mailbox::parse_user)]
    from: Option<Mailbox>,
    #[command(flatten)]
    listing: Listing,
}

/// What was found out.
#[derive(Serialize)]
struct Found {
    address: Mailbox,
    #[serde(flatten)]
    here: RouteFacts,
    /// For every address elsewhere, how mail leaves.
    leaving: Vec<Leaving>,
}

/// How mail for an address elsewhere leaves.
#[derive(Serialize)]
struct Leaving {
    address: Mailbox,
    #[serde(flatten)]
    how: How,
}

#[derive(Serialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
enum How {
    /// Not at all: switched off.
    Off,
    /// By a configured server.
    Server { server: String, tls: &'static str },
    /// Straight to the hosts of its domain, in this order.
    Direct { hosts: Vec<Target> },
    /// There is nowhere to send it.
    Never { why: &'static str },
    /// DNS cannot say it now.
    Unclear,
}

#[derive(Serialize)]
struct Target {
    host: String,
    addresses: Vec<IpAddr>,
    tls: String,
}

impl Route {
    /// Looks it up and shows it.
    ///
    /// # Errors
    /// Nobody could be asked.
    pub fn run(self, config: &Config) -> Result<()> {
        let request = Request::Route {
            address: self.address.clone(),
        };
        let Response::Route(here) = ask(config, &request)? else {
            return Err(unexpected());
        };
        let away: Vec<Mailbox> = match &here {
            RouteFacts::Elsewhere => vec![self.address.clone()],
            RouteFacts::Leads { ways, .. } => ways
                .iter()
                .filter_map(|way| match &way.place {
                    Place::Elsewhere { address } => Some(address.clone()),
                    Place::Mailbox { .. } | Place::List { .. } | Place::Nobody { .. } => None,
                })
                .collect(),
            RouteFacts::Moved { .. }
            | RouteFacts::Disabled
            | RouteFacts::Postmaster
            | RouteFacts::Nobody
            | RouteFacts::Circle
            | RouteFacts::TooMany => Vec::new(),
        };
        let sender = self.from.map_or(ReversePath::Null, ReversePath::Mailbox);
        let found = Found {
            address: self.address,
            here,
            leaving: leave(config, &sender, away)?,
        };
        if self.listing.json {
            return print_json(&found);
        }
        print(&describe(&found))
    }
}

fn leave(config: &Config, sender: &ReversePath, away: Vec<Mailbox>) -> Result<Vec<Leaving>> {
    if away.is_empty() {
        return Ok(Vec::new());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    runtime.block_on(async {
        let resolver = Resolver::new(DNS_PATIENCE).trusting(serve::dns::anchors(config)?);
        resolver.ask(&serve::dns::servers(config).unwrap_or_default());
        let mut leaving = Vec::with_capacity(away.len());
        for address in away {
            let how = how(config, &resolver, sender, &address).await;
            leaving.push(Leaving { address, how });
        }
        Ok(leaving)
    })
}

async fn how(config: &Config, resolver: &Resolver, sender: &ReversePath, address: &Mailbox) -> How {
    let outward = Outward::new(&config.relay, Vec::new());
    let path = ForwardPath::Mailbox(address.clone());
    let (true, Some(hop)) = (outward.enabled, outward.next_hop(sender, &path)) else {
        return How::Off;
    };
    let host = match &*hop {
        NextHop::Host(host) => host,
        NextHop::Route(name) => {
            return How::Server {
                server: name.to_string(),
                tls: protection(config, name),
            };
        }
    };
    let mut place = serve::place(config);
    place.dnssec = place.dnssec && resolver.dnssec().await == Dnssec::Works;
    // Whoever has the same preference is tried in any order.
    match resolver.plan(host, &place, &mut |_| 0).await {
        Plan::Hosts(hosts) => {
            let promised = match host {
                Host::Domain(domain) if config.relay.mta_sts => {
                    let asker = resolver::Asker::Ourselves;
                    let texts = resolver.texts("_mta-sts", domain, asker).await;
                    matches!(texts, Texts::Found(_))
                }
                Host::Domain(_) | Host::Literal(_) => false,
            };
            let mut targets = Vec::with_capacity(hosts.len());
            for host in hosts {
                let dane = match place.dnssec {
                    true => resolver.dane(&host, SMTP).await,
                    false => Dane::Insecure,
                };
                targets.push(target(host, &dane, promised));
            }
            How::Direct { hosts: targets }
        }
        Plan::Never(why) => How::Never {
            why: match why {
                Undeliverable::NullMx => "its domain says that it takes no mail",
                Undeliverable::NoSuchDomain => "its domain does not exist",
                Undeliverable::NoMailHere => "its domain has no mail server",
                Undeliverable::Loop => {
                    "its mail server is this one, which does not know the domain: add it to domains or relay.backup_domains"
                }
                Undeliverable::NoAddress => "its mail servers have no address",
                Undeliverable::Forbidden => {
                    "its mail servers have private addresses, which mail is not sent to unless relay.allow_to lists them"
                }
            },
        },
        Plan::Later => How::Unclear,
    }
}

fn target(host: MailHost, dane: &Dane, promised: bool) -> Target {
    let tls = match dane {
        Dane::Promised { .. } => "TLS required, with the certificate promised in DNS (DANE)",
        Dane::Encrypted => "TLS required (DANE)",
        Dane::Bogus | Dane::Unclear => {
            "not used for now: DNS cannot say, or somebody forges, which certificate it has"
        }
        Dane::None | Dane::Insecure if promised => {
            "TLS as the policy of its domain wants it (MTA-STS)"
        }
        Dane::None | Dane::Insecure => "TLS if it offers it",
    };
    Target {
        host: host.name.to_string(),
        addresses: host.addresses,
        tls: tls.to_owned(),
    }
}

fn protection(config: &Config, name: &str) -> &'static str {
    let (smarthost, routes) = outward::ways(&config.relay);
    let mut ways = smarthost.into_iter().chain(routes.into_iter().flatten());
    let way = ways.find(|way| *way.name == *name);
    match way.map(|way| way.tls.at(way.hop.port)) {
        Some(HopTls::Implicit) => "TLS from the start, with a certificate that holds",
        Some(HopTls::Opportunistic) => "TLS if it offers it",
        Some(HopTls::None) => "no TLS",
        Some(HopTls::StartTls | HopTls::Auto) | None => {
            "TLS by STARTTLS, with a certificate that holds"
        }
    }
}

fn describe(found: &Found) -> String {
    let address = found.address.unicode();
    let mut lines = Vec::new();
    match &found.here {
        RouteFacts::Elsewhere => {
            lines.push(format!("{address} is at no domain of this server."));
        }
        RouteFacts::Leads {
            ways,
            disclosed,
            passed_over,
            away,
            suspended,
        } => {
            lines.push(format!("Mail for {address} goes"));
            lines.extend(ways.iter().map(|way| format!("  {}", describe_way(way))));
            if let Some(to) = disclosed {
                lines.push(format!("Senders are told the new address, {} (251).", to.unicode()));
            }
            for (who, to) in passed_over {
                let (who, to) = (who.unicode(), to.unicode());
                lines.push(format!("{who} has moved to {to} and gets nothing."));
            }
            for who in away {
                lines.push(format!("{} is away, as senders are told.", who.unicode()));
            }
            for who in suspended {
                lines.push(format!(
                    "But new mail of {} is put off (450), and so all of it is: `tegami account resume` ends that.",
                    who.unicode()
                ));
            }
        }
        RouteFacts::Moved { to } => lines.push(format!(
            "Mail for {address} is refused: the user has moved to {} (551).",
            to.unicode()
        )),
        RouteFacts::Disabled => lines.push(format!(
            "Mail for {address} is refused: the account is disabled; `tegami account enable` changes that."
        )),
        RouteFacts::Postmaster => lines.push(format!(
            "Mail for {address} goes to whoever is postmaster: the key postmaster, else the first account."
        )),
        RouteFacts::Nobody => lines.push(format!(
            "Mail for {address} is refused: nobody has this address (550)."
        )),
        RouteFacts::Circle => lines.push(format!(
            "Mail for {address} is refused: aliases lead round in a circle, or through more than 16 others (5.4.6). See `tegami alias list`."
        )),
        RouteFacts::TooMany => lines.push(format!(
            "Mail for {address} is refused: it leads to more than 10,000 places."
        )),
    }
    for leaving in &found.leaving {
        lines.push(format!("Mail for {}", leaving.address.unicode()));
        lines.extend(describe_how(&leaving.how));
    }
    lines.join("\n")
}

fn describe_way(way: &Way) -> String {
    let place = match &way.place {
        Place::Mailbox { account } => format!("into the mailbox of {}", account.unicode()),
        Place::List { list } => format!("to the list {}", list.unicode()),
        Place::Elsewhere { address } => format!("to {}, at another server", address.unicode()),
        Place::Nobody { address } => {
            format!("not to {}: nobody here has this address", address.unicode())
        }
    };
    if way.through.is_empty() {
        return place;
    }
    let through: Vec<String> = way.through.iter().map(Mailbox::unicode).collect();
    format!("{place}, through {}", through.join(", then "))
}

fn describe_how(how: &How) -> Vec<String> {
    match how {
        How::Off => vec!["  does not leave: relay.enabled is false".to_owned()],
        How::Server { server, tls } => vec![format!("  leaves by {server}; {tls}")],
        How::Direct { hosts } => {
            let mut lines = vec!["  leaves for the first of these that takes it:".to_owned()];
            lines.extend(hosts.iter().map(|target| {
                let addresses: Vec<String> =
                    target.addresses.iter().map(ToString::to_string).collect();
                format!(
                    "    {} ({}); {}",
                    target.host,
                    addresses.join(", "),
                    target.tls
                )
            }));
            lines
        }
        How::Never { why } => vec![format!("  comes back at once: {why}")],
        How::Unclear => vec![
            "  waits: DNS does not say now where it goes (`tegami check` shows who is asked)"
                .to_owned(),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_told_in_sentences() {
        let mailbox = |text: &str| Mailbox::parse_user(text).unwrap();
        let found = Found {
            address: mailbox("info@a.test"),
            here: RouteFacts::Leads {
                ways: vec![
                    Way {
                        place: Place::Mailbox {
                            account: mailbox("alice@a.test"),
                        },
                        through: vec![mailbox("info@a.test")],
                    },
                    Way {
                        place: Place::Elsewhere {
                            address: mailbox("bob@b.test"),
                        },
                        through: vec![mailbox("info@a.test"), mailbox("bob@a.test")],
                    },
                ],
                disclosed: None,
                passed_over: vec![(mailbox("eve@a.test"), mailbox("eve@c.test"))],
                away: vec![mailbox("alice@a.test")],
                suspended: Vec::new(),
            },
            leaving: vec![Leaving {
                address: mailbox("bob@b.test"),
                how: How::Direct {
                    hosts: vec![Target {
                        host: "mx.b.test".to_owned(),
                        addresses: vec!["192.0.2.1".parse().unwrap()],
                        tls: "TLS if it offers it".to_owned(),
                    }],
                },
            }],
        };
        assert_eq!(
            describe(&found).lines().collect::<Vec<_>>(),
            [
                "Mail for info@a.test goes",
                "  into the mailbox of alice@a.test, through info@a.test",
                "  to bob@b.test, at another server, through info@a.test, then bob@a.test",
                "eve@a.test has moved to eve@c.test and gets nothing.",
                "alice@a.test is away, as senders are told.",
                "Mail for bob@b.test",
                "  leaves for the first of these that takes it:",
                "    mx.b.test (192.0.2.1); TLS if it offers it",
            ]
        );
    }
}
