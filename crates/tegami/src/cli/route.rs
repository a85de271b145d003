//! `tegami route`: what happens to mail for an address, and why; looked up, never tried.

use std::net::SocketAddr;
use std::sync::Arc;

use address::{ForwardPath, Mailbox, ReversePath};
use admin::{AtList, Place, Request, Response, RouteFacts, Way};
use anyhow::{Context, Result};
use clap::Args;
use courier::roads::{Prospect, Roads};
use delivery::schedule::NextHop;
use resolver::Resolver;
use serde::Serialize;

use super::access::ask;
use super::account::unexpected;
use super::{Listing, print_json};
use crate::config::Config;
use crate::host::DNS_PATIENCE;
use crate::host::outward::Outward;
use crate::serve;
use crate::terminal::print;

#[derive(Debug, Args)]
pub struct Route {
    /// Whom somebody would write to; `postmaster` alone is whoever keeps this server
    #[arg(value_parser = Whom::parse)]
    address: Whom,
    /// Who would write: configured routes can depend on it
    #[arg(long, value_name = "SENDER", value_parser = Mailbox::parse_user)]
    from: Option<Mailbox>,
    #[command(flatten)]
    listing: Listing,
}

/// Whom somebody would write to.
#[derive(Clone, Debug)]
enum Whom {
    /// Without a domain (RFC 5321 section 4.5.1).
    Postmaster,
    Mailbox(Mailbox),
}

impl Whom {
    fn parse(text: &str) -> Result<Self, address::MailboxError> {
        if text.eq_ignore_ascii_case("postmaster") {
            return Ok(Self::Postmaster);
        }
        Mailbox::parse_user(text).map(Self::Mailbox)
    }
}

/// What was found out.
#[derive(Serialize)]
struct Found {
    address: String,
    /// For people.
    #[serde(skip)]
    shown: String,
    #[serde(flatten)]
    here: RouteFacts,
    /// Whose mail it is, where it is for postmaster.
    #[serde(skip_serializing_if = "Option::is_none")]
    postmaster: Option<Mailbox>,
    /// Whether anything leaves at all.
    #[serde(skip)]
    locked: bool,
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
    /// Not at all: one word is no domain, unless somebody listed it.
    Incomplete,
    /// By the first of these that takes it.
    Hosts {
        /// The configured server, if it goes by one.
        server: Option<String>,
        /// In the order of trying.
        hosts: Vec<Target>,
    },
    /// It is kept until this account fetches it.
    Kept { account: Mailbox },
    /// Not now, or never.
    Nowhere { comes_back: bool, why: String },
}

#[derive(Serialize)]
struct Target {
    host: String,
    address: SocketAddr,
    tls: String,
}

impl Route {
    /// Looks it up and shows it.
    ///
    /// # Errors
    /// Nobody could be asked.
    pub fn run(self, config: &Config) -> Result<()> {
        let (here, postmaster) = looked_up(config, &self.address)?;
        let away: Vec<Mailbox> = match &here {
            RouteFacts::Elsewhere => match &self.address {
                Whom::Mailbox(address) => vec![address.clone()],
                Whom::Postmaster => Vec::new(),
            },
            RouteFacts::Leads { ways, .. } => ways
                .iter()
                .filter_map(|way| match &way.place {
                    Place::Elsewhere { address } => Some(address.clone()),
                    Place::Mailbox { .. } | Place::List { .. } | Place::Nobody { .. } => None,
                })
                .collect(),
            RouteFacts::Moved { .. }
            | RouteFacts::Disabled { .. }
            | RouteFacts::Postmaster { .. }
            | RouteFacts::Nobody
            | RouteFacts::Circle
            | RouteFacts::TooMany => Vec::new(),
        };
        let sender = self.from.map_or(ReversePath::Null, ReversePath::Mailbox);
        let named = matches!(here, RouteFacts::Elsewhere);
        let found = Found {
            address: match &self.address {
                Whom::Postmaster => "postmaster".to_owned(),
                Whom::Mailbox(address) => address.to_string(),
            },
            shown: match &self.address {
                Whom::Postmaster => "postmaster".to_owned(),
                Whom::Mailbox(address) => address.unicode(),
            },
            here,
            postmaster,
            locked: !config.relay.enabled,
            leaving: leave(config, &sender, away, named)?,
        };
        if self.listing.json {
            return print_json(&found);
        }
        print(&describe(&found))
    }
}

/// What becomes of mail for it, and whose that is if it is for postmaster.
fn looked_up(config: &Config, whom: &Whom) -> Result<(RouteFacts, Option<Mailbox>)> {
    let asked = |address: &Mailbox, postmaster| {
        let address = address.clone();
        let request = Request::Route {
            postmaster,
            address,
        };
        let Response::Route(here) = ask(config, &request)? else {
            return Err(unexpected());
        };
        Ok(here)
    };
    let here = match whom {
        Whom::Mailbox(address) => asked(address, false)?,
        Whom::Postmaster => {
            let domain = config.domains.first().context("no domain is configured")?;
            asked(&Mailbox::parse_user(&format!("postmaster@{domain}"))?, true)?
        }
    };
    let RouteFacts::Postmaster { first } = &here else {
        return Ok((here, None));
    };
    for address in config.postmaster.iter().chain(first) {
        let leads = asked(address, false)?;
        if matches!(leads, RouteFacts::Leads { .. }) {
            return Ok((leads, Some(address.clone())));
        }
    }
    Ok((here, None))
}

/// `named`: it is the address that somebody would write to, and none that leads there.
fn leave(
    config: &Config,
    sender: &ReversePath,
    away: Vec<Mailbox>,
    named: bool,
) -> Result<Vec<Leaving>> {
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
        // What is looked up on the way stays out of the server's own directory.
        let directory = tempfile::tempdir().context("no temporary directory can be made")?;
        let settings = serve::roads(config, directory.path());
        let roads = Roads::new(settings, Arc::new(resolver)).context("relay")?;
        let mut leaving = Vec::with_capacity(away.len());
        for address in away {
            let how = how(config, &roads, sender, &address, named).await;
            leaving.push(Leaving { address, how });
        }
        Ok(leaving)
    })
}

async fn how(
    config: &Config,
    roads: &Roads,
    sender: &ReversePath,
    address: &Mailbox,
    named: bool,
) -> How {
    let outward = Outward::new(&config.relay, Vec::new(), Vec::new());
    let path = ForwardPath::Mailbox(address.clone());
    let (true, Some(hop)) = (outward.enabled, outward.next_hop(sender, &path)) else {
        return How::Off;
    };
    if let Some(account) = outward.fetcher(&hop) {
        return How::Kept {
            account: account.clone(),
        };
    }
    // Of one that goes where DNS says, DNS says whether it is a domain.
    let asked = matches!(&*hop, NextHop::Host(_));
    if named && !asked && !outward.is_complete(sender, &path) {
        return How::Incomplete;
    }
    match roads.prospect(&hop).await {
        Prospect::Stops(stops) => How::Hosts {
            server: match &*hop {
                NextHop::Route(name) => Some(name.to_string()),
                NextHop::Host(_) | NextHop::Held(_) => None,
            },
            hosts: stops
                .into_iter()
                .map(|stop| Target {
                    host: stop.host.to_string(),
                    address: stop.address,
                    tls: stop.tls,
                })
                .collect(),
        },
        Prospect::Nowhere { refused, words } => How::Nowhere {
            comes_back: refused,
            why: words,
        },
    }
}

fn describe(found: &Found) -> String {
    let address = &found.shown;
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
            back,
        } => {
            let whose = found.postmaster.as_ref().map(|whose| {
                format!("is mail for postmaster, who is {}. It ", whose.unicode())
            });
            lines.push(format!("Mail for {address} {}goes", whose.unwrap_or_default()));
            lines.extend(ways.iter().map(|way| format!("  {}", describe_way(way))));
            lines.extend(back.iter().map(leads_back));
            lines.extend(kept_in(found, ways));
            if let Some(to) = disclosed {
                lines.push(format!("Senders are told the new address, {} (251).", to.unicode()));
            }
            for (who, to) in passed_over {
                let (who, to) = (who.unicode(), to.unicode());
                lines.push(format!("{who} has moved to {to} and gets nothing."));
            }
            let is_away = |who: &Mailbox| format!("{} is away, as senders are told.", who.unicode());
            lines.extend(away.iter().map(is_away));
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
        RouteFacts::Disabled { accounts } => lines.push(disabled(address, accounts)),
        RouteFacts::Postmaster { .. } => lines.push(format!(
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

fn disabled(address: &str, accounts: &[Mailbox]) -> String {
    let names: Vec<String> = accounts.iter().map(Mailbox::unicode).collect();
    let why = match names.as_slice() {
        [one] if one != address => format!("it leads to {one} only, which is disabled"),
        [] | [_] => "the account is disabled".to_owned(),
        several => format!(
            "it leads only to accounts that are disabled ({})",
            several.join(", ")
        ),
    };
    format!("Mail for {address} is refused: {why}; `tegami account enable` changes that.")
}

/// Said of an account that keeps nothing.
pub(super) fn leads_back(who: &Mailbox) -> String {
    format!(
        "The forwarding of {} leads back to itself, so its mail stays in its mailbox.",
        who.unicode()
    )
}

fn describe_way(way: &Way) -> String {
    let place = match &way.place {
        Place::Mailbox { account } => format!("into the mailbox of {}", account.unicode()),
        Place::List { list, at } => {
            let list = list.unicode();
            match at {
                AtList::Post => format!("to the list {list}"),
                AtList::Request => {
                    format!("to the robot of the list {list}, for joining and leaving")
                }
                AtList::Bounces => format!("to the owners of the list {list}, as a bounce"),
                AtList::Owner => format!("to the owners of the list {list}"),
            }
        }
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

/// What comes of it where nothing leaves.
fn kept_in(found: &Found, ways: &[Way]) -> Option<String> {
    let is_away = |way: &Way| match way.place {
        Place::Elsewhere { .. } | Place::List { .. } => true,
        Place::Mailbox { .. } | Place::Nobody { .. } => false,
    };
    let stays = |way: &Way| matches!(way.place, Place::Mailbox { .. });
    if !found.locked || !ways.iter().any(is_away) {
        return None;
    }
    Some(if ways.iter().any(stays) {
        "But relay.enabled is false: only what goes into mailboxes does.".to_owned()
    } else if found.postmaster.is_some() {
        "But relay.enabled is false: it stays in the mailbox.".to_owned()
    } else {
        "But relay.enabled is false: it is refused (550), for nobody here would have it.".to_owned()
    })
}

fn describe_how(how: &How) -> Vec<String> {
    match how {
        How::Off => vec!["  does not leave: relay.enabled is false".to_owned()],
        How::Incomplete => vec![
            "  is refused: its domain is one word, and no route lists it (554 5.1.2)".to_owned(),
        ],
        How::Hosts { server, hosts } => {
            let mut lines = match server {
                Some(server) => vec![format!("  leaves by {server} of [relay]:")],
                None => vec!["  leaves for the first of these that takes it:".to_owned()],
            };
            lines.extend(
                hosts.iter().map(|target| {
                    format!("    {}, {}. {}", target.host, target.address, target.tls)
                }),
            );
            lines
        }
        How::Kept { account } => vec![format!(
            "  is kept here until {} fetches it ([[relay.hold]])",
            account.unicode()
        )],
        How::Nowhere { comes_back, why } => {
            let fate = if *comes_back {
                "comes back at once"
            } else {
                "waits"
            };
            vec![format!("  {fate}: {why}")]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_disabled_is_named() {
        let of = |accounts: &[&str]| {
            let accounts = accounts.iter().map(|one| Mailbox::parse_user(one).unwrap());
            disabled("carol@a.test", &accounts.collect::<Vec<_>>())
        };
        let itself = "Mail for carol@a.test is refused: the account is disabled; `tegami account enable` changes that.";
        assert_eq!(of(&["carol@a.test"]), itself);
        assert_eq!(
            of(&["f2@a.test"]),
            "Mail for carol@a.test is refused: it leads to f2@a.test only, which is disabled; `tegami account enable` changes that."
        );
        assert!(of(&["f2@a.test", "f3@a.test"]).contains("(f2@a.test, f3@a.test)"));
    }

    #[test]
    fn a_route_is_told_in_sentences() {
        let mailbox = |text: &str| Mailbox::parse_user(text).unwrap();
        let found = Found {
            address: "info@a.test".to_owned(),
            shown: "info@a.test".to_owned(),
            postmaster: None,
            locked: false,
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
                back: vec![mailbox("alice@a.test")],
            },
            leaving: vec![Leaving {
                address: mailbox("bob@b.test"),
                how: How::Hosts {
                    server: None,
                    hosts: vec![Target {
                        host: "mx.b.test".to_owned(),
                        address: "192.0.2.1:25".parse().unwrap(),
                        tls: "No TLS.".to_owned(),
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
                "The forwarding of alice@a.test leads back to itself, so its mail stays in its mailbox.",
                "eve@a.test has moved to eve@c.test and gets nothing.",
                "alice@a.test is away, as senders are told.",
                "Mail for bob@b.test",
                "  leaves for the first of these that takes it:",
                "    mx.b.test, 192.0.2.1:25. No TLS.",
            ]
        );
    }
}
