//! `[[relay.fetch]]`: mail that another server keeps for us until we come for it (RFC 2645).
//!
//! Each is a table of its own, so these keys are not in [`super::super::keys`], and no variable reaches them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use address::Domain;
use toml_edit::{Item, Table, Value};

use super::super::device::{open_to_others, password};
use super::super::fields::{Fields, Made, Reading, each};
use super::super::load::Layers;
use super::super::problem::{Place, Problem};
use super::super::setting::Setting;
use super::super::{Config, Document, Raw, Slot};
use super::hop::{Hop, HopTls, NO_LOGIN};
use super::route::Login;

/// What the tables are called.
pub const SECTION: &str = "relay.fetch";

/// Their keys.
pub const KEYS: [&str; 7] = [
    "from",
    "user",
    "password_file",
    "domains",
    "every",
    "tls",
    "ca",
];

/// Where mail is handed out (RFC 2645 section 3).
const ODMR: u16 = 366;

/// How often one may ask: not so often that the other side takes it for an attack, and often enough that `every` is no slip
/// of the finger.
const OFTENEST: Duration = Duration::from_secs(10);
const RAREST: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const USUAL: Duration = Duration::from_secs(5 * 60);

/// A server that keeps mail for us.
#[derive(Clone, Debug, PartialEq)]
pub struct Fetch {
    /// Where it is.
    pub from: Hop,
    /// Who we are there.
    pub login: Login,
    /// Whose mail is fetched; with none, what it keeps for the account.
    pub domains: Vec<Domain>,
    /// How often.
    pub every: Duration,
    /// How the connection is protected; never less than with a certificate that holds.
    pub tls: HopTls,
    /// Authorities, or the one certificate, to believe there instead of those everybody believes.
    pub ca: Option<PathBuf>,
    places: BTreeMap<&'static str, Place>,
    start: Place,
}

impl Fetch {
    /// What log and status call it.
    pub fn name(&self) -> String {
        format!("{} as {}", self.from, self.login.user)
    }

    fn problem(&self, key: &str, message: impl AsRef<str>) -> Problem {
        self.places
            .get(key)
            .unwrap_or(&self.start)
            .problem(format!("{SECTION}.{key}: {}", message.as_ref()))
    }
}

/// A server, at the port of this protocol if none is given.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Provider(Hop);

impl Setting for Provider {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        Hop::parse_at(raw.text()?, ODMR).map(Self)
    }

    fn show(&self) -> Option<Value> {
        self.0.show()
    }
}

/// One table, before it is put together.
struct Entry {
    from: Option<Provider>,
    user: Option<String>,
    password_file: Option<PathBuf>,
    domains: Vec<Domain>,
    every: Duration,
    tls: HopTls,
    ca: Option<PathBuf>,
}

impl Default for Entry {
    fn default() -> Self {
        Self {
            from: None,
            user: None,
            password_file: None,
            domains: Vec::new(),
            every: USUAL,
            tls: HopTls::default(),
            ca: None,
        }
    }
}

impl Fields for Entry {
    const SECTION: &'static str = SECTION;
    const KEYS: &'static [&'static str] = &KEYS;
    const PREFIX: &'static str = "relay.fetch.";

    fn slot(&mut self, key: &str) -> Option<&mut dyn Slot> {
        Some(match key {
            "from" => &mut self.from,
            "user" => &mut self.user,
            "password_file" => &mut self.password_file,
            "domains" => &mut self.domains,
            "every" => &mut self.every,
            "tls" => &mut self.tls,
            "ca" => &mut self.ca,
            _ => return None,
        })
    }
}

/// Takes what the file has under this name.
pub fn take(layers: &mut Layers, document: &Document, item: &Item, place: &Place) {
    let found = each(layers, document, (item, place), (SECTION, "server"), read);
    layers.config.relay.fetch.extend(found);
}

/// One server, and what is odd about it.
fn read(document: &Document, table: &Table) -> Made<Fetch> {
    let Reading {
        fields: entry,
        places,
        start,
        mut problems,
    } = Reading::<Entry>::of(document, table);
    for (key, what) in [
        ("from", "the server that keeps the mail"),
        ("user", "the name to log in with there"),
        (
            "password_file",
            "the file with the password that goes with this user",
        ),
    ] {
        if !places.contains_key(key) {
            problems.push(start.problem(format!("{SECTION}.{key} is missing: {what}")));
        }
    }
    let base = document.path().parent().unwrap_or(Path::new(""));
    let file = entry.password_file.map(|file| base.join(file));
    let secret = file.as_deref().map(password).transpose();
    let secret = secret.unwrap_or_else(|why| {
        let place = places.get("password_file").unwrap_or(&start);
        problems.push(place.problem(format!("{SECTION}.password_file: {why}")));
        None
    });
    match (entry.from, entry.user, secret) {
        (Some(Provider(from)), Some(user), Some(password)) if problems.is_empty() => Ok((
            Fetch {
                from,
                login: Login { user, password },
                domains: entry.domains,
                every: entry.every,
                tls: entry.tls,
                ca: entry.ca.map(|file| base.join(file)),
                places,
                start,
            },
            file.as_deref().and_then(open_to_others),
        )),
        _ => Err(problems),
    }
}

/// What no single key of one can show, and what they have in common.
pub(super) fn check(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    let all = &config.relay.fetch;
    for (at, fetch) in all.iter().enumerate() {
        if !(OFTENEST..=RAREST).contains(&fetch.every) {
            problems.push(fetch.problem("every", "between \"10s\" and \"7d\", please"));
        }
        if !fetch.tls.may_log_in() {
            problems.push(fetch.problem("tls", NO_LOGIN));
        }
        for domain in &fetch.domains {
            if !config.domains.contains(domain) {
                let message = format!(
                    "{domain} does not stand under domains, so its mail would be refused here; add it there, or leave it out"
                );
                problems.push(fetch.problem("domains", message));
            }
        }
        if all[..at].iter().any(|other| other.name() == fetch.name()) {
            let message =
                "this server stands there with this user already; name all domains in one table";
            problems.push(fetch.problem("from", message));
        }
    }
    problems
}
