//! `[[relay.route]]`: mail to some places, or from some people, that goes another way than the rest.
//!
//! Each is a table of its own, so these keys are not in [`super::super::keys`], and no variable reaches them. The first
//! route that fits is taken.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use address::{Destination, ForwardPath, ReversePath};
use auth::Secret;
use toml_edit::{Item, Table, Value};

use super::super::device::{open_to_others, password};
use super::super::fields::{Fields, Made, Reading, each};
use super::super::load::Layers;
use super::super::problem::{Place, Problem};
use super::super::setting::Setting;
use super::super::{Config, Document, Raw, Slot};
use super::doubts;
use super::hop::{Hop, HopTls, NO_LOGIN};

/// What the tables are called.
pub const SECTION: &str = "relay.route";

/// Their keys.
pub const KEYS: [&str; 7] = [
    "domains",
    "senders",
    "via",
    "user",
    "password_file",
    "tls",
    "ca",
];

/// What `via` says for mail that goes where DNS says.
const DIRECT: &str = "direct";

/// A way for some mail.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Mail to these takes it; with none, mail to everybody.
    pub domains: Vec<Destination>,
    /// Mail from these takes it; with none, mail from everybody.
    pub senders: Vec<Destination>,
    /// The way.
    pub via: Via,
    /// How to log in there.
    pub login: Option<Login>,
    /// How the connection is protected.
    pub tls: HopTls,
    /// Authorities, or the one certificate, to believe there instead of those everybody believes.
    pub ca: Option<PathBuf>,
    places: BTreeMap<&'static str, Place>,
    start: Place,
}

/// Which way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// Where DNS says.
    Direct,
    /// By this server.
    Host(Hop),
}

impl Setting for Via {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        match raw.text()? {
            DIRECT => Ok(Self::Direct),
            text => Hop::parse(text)
                .map(Self::Host)
                .map_err(|why| format!("{why}; or {DIRECT:?}")),
        }
    }

    fn show(&self) -> Option<Value> {
        match self {
            Self::Direct => Some(Value::from(DIRECT)),
            Self::Host(hop) => hop.show(),
        }
    }
}

/// Who we are at another server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

impl Route {
    /// Something wrong with one of its keys.
    fn problem(&self, key: &str, message: impl AsRef<str>) -> Problem {
        self.places
            .get(key)
            .unwrap_or(&self.start)
            .problem(format!("{SECTION}.{key}: {}", message.as_ref()))
    }

    /// Whether mail from `sender` to `recipient` takes it.
    pub fn takes(&self, sender: &ReversePath, recipient: &ForwardPath) -> bool {
        let to = self.domains.is_empty() || self.domains.iter().any(|one| one.covers(recipient));
        to && (self.senders.is_empty()
            || match sender {
                ReversePath::Mailbox(mailbox) => {
                    let path = ForwardPath::Mailbox(mailbox.clone());
                    self.senders.iter().any(|one| one.covers(&path))
                }
                ReversePath::Null => false,
            })
    }
}

/// One table, before it is put together.
#[derive(Default)]
struct Entry {
    domains: Vec<Destination>,
    senders: Vec<Destination>,
    via: Option<Via>,
    user: Option<String>,
    password_file: Option<PathBuf>,
    tls: HopTls,
    ca: Option<PathBuf>,
}

impl Fields for Entry {
    const SECTION: &'static str = SECTION;
    const KEYS: &'static [&'static str] = &KEYS;
    const PREFIX: &'static str = "relay.route.";

    fn slot(&mut self, key: &str) -> Option<&mut dyn Slot> {
        Some(match key {
            "domains" => &mut self.domains,
            "senders" => &mut self.senders,
            "via" => &mut self.via,
            "user" => &mut self.user,
            "password_file" => &mut self.password_file,
            "tls" => &mut self.tls,
            "ca" => &mut self.ca,
            _ => return None,
        })
    }
}

/// Takes what the file has under this name.
pub fn take(layers: &mut Layers, document: &Document, item: &Item, place: &Place) {
    let routes = each(layers, document, (item, place), (SECTION, "route"), read);
    layers.config.relay.routes.extend(routes);
}

/// One route, and what is odd about it.
fn read(document: &Document, table: &Table) -> Made<Route> {
    let Reading {
        fields: entry,
        places,
        start,
        mut problems,
    } = Reading::<Entry>::of(document, table);
    if !places.contains_key("via") {
        problems.push(start.problem(format!(
            "{SECTION}.via is missing: the server this mail goes to, or {DIRECT:?}"
        )));
    }
    let base = document.path().parent().unwrap_or(Path::new(""));
    let mut warning = None;
    let login = login(&entry, base, &mut warning).unwrap_or_else(|(key, message)| {
        let place = places.get(key).unwrap_or(&start);
        problems.push(place.problem(format!("{SECTION}.{key}: {message}")));
        None
    });
    match entry.via {
        Some(via) if problems.is_empty() => Ok((
            Route {
                domains: entry.domains,
                senders: entry.senders,
                via,
                login,
                tls: entry.tls,
                ca: entry.ca.map(|file| base.join(file)),
                places,
                start,
            },
            warning,
        )),
        Some(_) | None => Err(problems),
    }
}

fn login(
    entry: &Entry,
    base: &Path,
    warning: &mut Option<String>,
) -> Result<Option<Login>, (&'static str, String)> {
    match (&entry.user, &entry.password_file) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err((
            "password_file",
            "user is missing; it is the name that goes with this password".to_owned(),
        )),
        (Some(_), None) => Err((
            "user",
            "password_file is missing; it names the file with the password that goes with this user"
                .to_owned(),
        )),
        (Some(user), Some(file)) => {
            let file = base.join(file);
            let password = password(&file).map_err(|error| ("password_file", error))?;
            *warning = open_to_others(&file);
            let user = user.clone();
            Ok(Some(Login { user, password }))
        }
    }
}

/// What no single route, and no single key of one, can show.
pub(super) fn check(config: &Config) -> (Vec<Problem>, Vec<String>) {
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    for (at, route) in config.relay.routes.iter().enumerate() {
        if route.domains.is_empty() && route.senders.is_empty() {
            let message = "all mail would go there; name its domains or senders, or set relay.smarthost instead";
            problems.push(route.problem("via", message));
        }
        for place in &route.domains {
            let local = match place {
                Destination::Domain(domain) => config.domains.contains(domain),
                Destination::Mailbox(mailbox) => mailbox
                    .host
                    .domain()
                    .is_some_and(|domain| config.domains.contains(domain)),
            };
            if local {
                let message = format!(
                    "mail for {place} is delivered here, by domains, and never takes this route"
                );
                warnings.push(route.problem("domains", message).to_string());
            }
        }
        let orphans = [
            ("user", route.login.is_some()),
            ("tls", route.tls != HopTls::default()),
            ("ca", route.ca.is_some()),
        ];
        warnings.extend(never_taken(route, &config.relay.routes[..at]));
        match &route.via {
            Via::Host(hop) => {
                let idle = route
                    .ca
                    .is_some()
                    .then(|| doubts::idle_authority(route.tls));
                let said = [
                    ("ca", idle.flatten()),
                    ("via", doubts::ourselves(hop, config)),
                ];
                let said = said.into_iter().filter_map(|(key, why)| Some((key, why?)));
                warnings.extend(said.map(|(key, why)| route.problem(key, why).to_string()));
            }
            Via::Direct => {
                problems.extend(orphans.into_iter().filter(|(_, is_set)| *is_set).map(
                    |(key, _)| route.problem(key, "this is about a server, and via names none"),
                ))
            }
        }
        if route.login.is_some() && !route.tls.may_log_in() {
            problems.push(route.problem("tls", NO_LOGIN));
        }
    }
    (problems, warnings)
}

/// What of a route a route above it takes already.
fn never_taken(route: &Route, above: &[Route]) -> Vec<String> {
    let wider = |other: &&Route| other.senders.is_empty() || other.senders == route.senders;
    let taken = |place: &&Destination| {
        above
            .iter()
            .filter(wider)
            .any(|other| other.domains.contains(place))
    };
    let taken = route.domains.iter().filter(taken);
    let message = |place: &Destination| {
        format!(
            "mail for {place} takes a route further up: the first that fits counts, and this one never gets it"
        )
    };
    taken
        .map(|place| route.problem("domains", message(place)).to_string())
        .collect()
}
