//! `[[device]]`: listeners for printers, scanners, NAS boxes, cameras and UPSes, which know little of TLS and logins.
//!
//! Each is a table of its own, so these keys are not in [`super::keys`], and no variable reaches them. Every mistake is
//! named with its line. Whether a network holds the default gateway is not looked at here: that changes while the
//! server runs.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use address::{Destination, Domain, Mailbox};
use auth::Secret;
use ipnet::IpNet;
use toml_edit::{Item, Table};

use super::fields::{Fields, Made, Reading, each};
use super::load::Layers;
use super::problem::{Place, Problem};
use super::{BareNewline, Config, Document, Octets, Rate, Slot, bounded};

/// What the tables are called.
pub(super) const SECTION: &str = "device";

pub(super) const KEYS: [&str; 13] = [
    "name",
    "listen",
    "networks",
    "sender",
    "rewrite_sender",
    "send_to",
    "login",
    "password_file",
    "max_message_size",
    "max_recipients",
    "mail_rate",
    "sessions",
    "bare_newline",
];

/// No password is longer.
const LARGEST_PASSWORD_FILE: u64 = 1024;

/// A listener for devices.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// What the log and the status call it: letters, digits, `-` and `_`.
    pub name: String,
    /// Where it listens, at least one.
    pub listen: Vec<SocketAddr>,
    /// Who may connect, at least one network.
    pub networks: Vec<IpNet>,
    /// The only sender.
    pub sender: Mailbox,
    /// That sender is put in the place of any other, instead of refusing the other.
    pub rewrite_sender: bool,
    /// Where they may send besides addresses of this server.
    pub send_to: Vec<Destination>,
    /// How its devices log in, if they have to.
    pub login: Option<DeviceLogin>,
    /// The largest message in octets, 0 for no limit besides the one for everybody.
    pub max_message_size: Octets,
    /// Recipients in one transaction, at least 1.
    pub max_recipients: u32,
    /// Messages of one address.
    pub mail_rate: Rate,
    /// Sessions at a time, at least 1.
    pub sessions: u32,
    /// What happens to bare CR and LF.
    pub bare_newline: BareNewline,
    places: BTreeMap<&'static str, Place>,
    start: Place,
}

/// How a device logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceLogin {
    /// With a name and a password that are good for nothing else.
    Own {
        /// The name.
        name: String,
        /// The password.
        password: Secret,
    },
    /// As this account.
    Account(Mailbox),
}

impl DeviceLogin {
    /// The name to type into the device.
    pub fn name(&self) -> String {
        match self {
            Self::Own { name, .. } => name.clone(),
            Self::Account(address) => address.to_string(),
        }
    }
}

impl Device {
    /// Something wrong with one of its keys.
    pub fn problem(&self, key: &str, message: impl AsRef<str>) -> Problem {
        self.places
            .get(key)
            .unwrap_or(&self.start)
            .problem(format!("device.{key}: {}", message.as_ref()))
    }
}

/// One table, before it is put together.
struct Entry {
    name: String,
    listen: Vec<SocketAddr>,
    networks: Vec<IpNet>,
    sender: Option<Mailbox>,
    rewrite_sender: bool,
    send_to: Vec<Destination>,
    login: Option<String>,
    password_file: Option<PathBuf>,
    max_message_size: Octets,
    max_recipients: u32,
    mail_rate: Rate,
    sessions: u32,
    bare_newline: BareNewline,
}

impl Default for Entry {
    fn default() -> Self {
        Self {
            name: String::new(),
            listen: Vec::new(),
            networks: Vec::new(),
            sender: None,
            rewrite_sender: false,
            send_to: Vec::new(),
            login: None,
            password_file: None,
            // A scanned page has 100 kB to 2 MB.
            max_message_size: Octets(25_000_000),
            max_recipients: 20,
            mail_rate: Rate::per(100, Duration::from_secs(60 * 60)),
            sessions: 10,
            bare_newline: BareNewline::Normalize,
        }
    }
}

impl Fields for Entry {
    const SECTION: &'static str = SECTION;
    const KEYS: &'static [&'static str] = &KEYS;
    const PREFIX: &'static str = "device.";

    fn slot(&mut self, key: &str) -> Option<&mut dyn Slot> {
        Some(match key {
            "name" => &mut self.name,
            "listen" => &mut self.listen,
            "networks" => &mut self.networks,
            "sender" => &mut self.sender,
            "rewrite_sender" => &mut self.rewrite_sender,
            "send_to" => &mut self.send_to,
            "login" => &mut self.login,
            "password_file" => &mut self.password_file,
            "max_message_size" => &mut self.max_message_size,
            "max_recipients" => &mut self.max_recipients,
            "mail_rate" => &mut self.mail_rate,
            "sessions" => &mut self.sessions,
            "bare_newline" => &mut self.bare_newline,
            _ => return None,
        })
    }
}

/// Takes what the file has under this name.
pub(super) fn take(layers: &mut Layers, document: &Document, item: &Item, place: &Place) {
    let devices = each(layers, document, (item, place), (SECTION, "device"), read);
    layers.config.devices.extend(devices);
}

/// One device, and what is odd about it.
fn read(document: &Document, table: &Table) -> Made<Device> {
    let Reading {
        fields: entry,
        places,
        start,
        mut problems,
    } = Reading::<Entry>::of(document, table);
    for key in ["name", "listen", "networks", "sender"] {
        if !places.contains_key(key) {
            problems.push(start.problem(format!("device.{key} is missing")));
        }
    }
    let at = |key: &str| places.get(key).unwrap_or(&start);
    let mut warning = None;
    let login = match login(&entry, document.path(), &mut warning) {
        Ok(login) => login,
        Err((key, message)) => {
            problems.push(at(key).problem(format!("device.{key}: {message}")));
            None
        }
    };
    match entry.sender {
        Some(sender) if problems.is_empty() => Ok((
            Device {
                name: entry.name,
                listen: entry.listen,
                networks: entry.networks,
                sender,
                rewrite_sender: entry.rewrite_sender,
                send_to: entry.send_to,
                login,
                max_message_size: entry.max_message_size,
                max_recipients: entry.max_recipients,
                mail_rate: entry.mail_rate,
                sessions: entry.sessions,
                bare_newline: entry.bare_newline,
                places,
                start,
            },
            warning,
        )),
        Some(_) | None => Err(problems),
    }
}

/// A login with a password file is the device's own; one without is an account's.
fn login(
    entry: &Entry,
    document: &Path,
    warning: &mut Option<String>,
) -> Result<Option<DeviceLogin>, (&'static str, String)> {
    match (&entry.login, &entry.password_file) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err((
            "password_file",
            "login is missing; it is the name that goes with this password".to_owned(),
        )),
        (Some(name), Some(file)) => {
            if name.is_empty() || name.len() > 255 || name.chars().any(char::is_control) {
                return Err(("login", format!("{name:?} is no name to log in with")));
            }
            let file = document.parent().unwrap_or(Path::new("")).join(file);
            let password = password(&file).map_err(|error| ("password_file", error))?;
            *warning = open_to_others(&file);
            let name = name.clone();
            Ok(Some(DeviceLogin::Own { name, password }))
        }
        (Some(name), None) => Mailbox::parse_user(name)
            .map(|address| Some(DeviceLogin::Account(address)))
            .map_err(|_| {
                (
                    "login",
                    format!(
                        "{name:?} is no address; name an account, or set password_file for a login that only this device has"
                    ),
                )
            }),
    }
}

/// The one line of a password file.
pub(super) fn password(file: &Path) -> Result<Secret, String> {
    let text = bounded::read(file, LARGEST_PASSWORD_FILE)
        .map(Secret::new)
        .map_err(|why| format!("cannot read {}: {why}", file.display()))?;
    let line = text.expose();
    let line = line.strip_suffix('\n').unwrap_or(line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() || line.contains(['\n', '\r', '\0']) {
        return Err(format!(
            "{} has to be one line with the password in it",
            file.display()
        ));
    }
    Ok(Secret::from(line))
}

pub(super) fn open_to_others(file: &Path) -> Option<String> {
    let mode = fs::metadata(file).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then(|| {
        format!(
            "{} can be read by other users of this machine (mode {mode:04o}); chmod 600 it",
            file.display()
        )
    })
}

/// What no single device, and no single key of one, can show.
pub(super) fn check(config: &Config) -> (Vec<Problem>, Vec<String>) {
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    let listen = &config.listen;
    let services = [
        ("listen.smtp", &listen.smtp),
        ("listen.submission", &listen.submission),
        ("listen.submissions", &listen.submissions),
        ("listen.pop3", &listen.pop3),
        ("listen.pop3s", &listen.pop3s),
    ];
    let mut taken: Vec<(SocketAddr, String)> = services
        .into_iter()
        .flat_map(|(key, addresses)| addresses.iter().map(|one| (*one, key.to_owned())))
        .collect();
    let mut names: Vec<&str> = Vec::new();
    for device in &config.devices {
        if names
            .iter()
            .any(|name| name.eq_ignore_ascii_case(&device.name))
        {
            problems.push(device.problem("name", format!("{:?} is there twice", device.name)));
        }
        names.push(&device.name);
        for address in &device.listen {
            let other = taken.iter().find(|(one, _)| one == address);
            if let Some((_, who)) = other.filter(|_| address.port() != 0) {
                problems
                    .push(device.problem("listen", format!("{address} is taken by {who} already")));
            }
            taken.push((*address, format!("device {}", device.name)));
        }
        identity(device, &config.domains, &mut problems);
        numbers(device, &mut problems);
        networks(device, &mut problems, &mut warnings);
    }
    (problems, warnings)
}

fn identity(device: &Device, domains: &[Domain], problems: &mut Vec<Problem>) {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if device.name.is_empty() || device.name.len() > 32 || !device.name.chars().all(letter) {
        problems.push(device.problem(
            "name",
            format!(
                "{:?} is no name; take up to 32 letters, digits, - and _",
                device.name
            ),
        ));
    }
    let is_ours = |address: &Mailbox| {
        let domain = address.host.domain();
        domain.is_some_and(|domain| domains.contains(domain))
    };
    let sender = &device.sender;
    if !is_ours(sender) {
        problems.push(device.problem(
            "sender",
            format!("{sender} is in none of the domains of this server"),
        ));
    }
    // It may have to go into an envelope without SMTPUTF8, which no such device knows.
    if !sender.to_string().is_ascii() || sender.local.is_route() {
        problems.push(device.problem(
            "sender",
            format!("{sender} cannot be a sender here; take a plain ASCII address"),
        ));
    }
    if let Some(DeviceLogin::Account(account)) = &device.login
        && !is_ours(account)
    {
        problems.push(device.problem(
            "login",
            format!("{account} is in none of the domains of this server"),
        ));
    }
}

fn numbers(device: &Device, problems: &mut Vec<Problem>) {
    if device.listen.is_empty() {
        problems.push(device.problem(
            "listen",
            "at least one address is needed; to switch a device off, remove its [[device]]",
        ));
    }
    for (key, number) in [
        ("max_recipients", device.max_recipients),
        ("sessions", device.sessions),
    ] {
        if number == 0 {
            problems.push(device.problem(key, "must be at least 1"));
        }
    }
}

fn networks(device: &Device, problems: &mut Vec<Problem>, warnings: &mut Vec<String>) {
    if device.networks.is_empty() {
        problems.push(device.problem(
            "networks",
            "at least one network is needed: whoever connects from it is believed to be this device",
        ));
    }
    for network in &device.networks {
        if network.prefix_len() < narrowest(network) {
            problems.push(device.problem(
                "networks",
                format!(
                    "{network} is far more than your devices' network; name that, or their addresses"
                ),
            ));
        } else if !is_private(network.addr()) {
            let warning = format!(
                "{network} is no private network, so what its devices send, passwords too, may cross the Internet in clear"
            );
            warnings.push(device.problem("networks", warning).to_string());
        }
    }
}

/// The largest private networks there are: 10.0.0.0/8 (RFC 1918) and fc00::/7 (RFC 4193).
fn narrowest(network: &IpNet) -> u8 {
    match network {
        IpNet::V4(_) => 8,
        IpNet::V6(_) => 7,
    }
}

pub(super) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_loopback() || v6.is_unicast_link_local(),
    }
}
