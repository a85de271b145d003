//! `tegami device`: listeners for printers, scanners and the like, put into the configuration and into the device.
//!
//! Devices stand in the configuration file alone; the store is only asked whether the accounts and addresses that one
//! names are there. A password is never typed here; it is in a file, whose name goes into the configuration.

mod people;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use address::Mailbox;
use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand, ValueEnum};
use ipnet::IpNet;
use serde::Serialize;
use toml_edit::{Array, Value};

use people::People;

use super::report::Stuck;
use super::table::{pairs, size, table};
use super::{Listing, print_json};
use crate::config::{self, Config, Device, DeviceLogin, Loaded, parse_listen, parse_network};
use crate::serve;
use crate::terminal::{note, print};
use crate::weakness;

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Print the block of the configuration for a printer, scanner, NAS, camera or UPS, and what to type into it
    #[command(
        after_help = "Examples:\n  tegami device add scanner --listen 192.168.1.5:2525 --network 192.168.1.40 \
        --sender scanner@example.test\n  tegami device add nas --listen 192.168.1.5:2526 --network 192.168.1.41 \
        --sender nas@example.test --login nas --password-file /etc/tegami/nas.password --kind nas --write"
    )]
    Add(Box<Add>),

    /// List the devices of the configuration
    #[command(after_help = "Example: tegami device list --json")]
    List(Listing),
}

/// What a new device is.
#[derive(Debug, Args)]
pub struct Add {
    /// What to call it: letters, digits, - and _
    name: String,
    /// Where the server listens for it, such as 192.168.1.5:2525; may be given more than once
    #[arg(long, required = true, value_name = "ADDRESS:PORT", value_parser = parse_listen)]
    listen: Vec<SocketAddr>,
    /// The device's own address, or the network it is in; may be given more than once
    #[arg(long = "network", required = true, value_name = "NETWORK", value_parser = parse_network)]
    networks: Vec<IpNet>,
    /// The address it sends as, in one of the configured domains
    #[arg(long, value_name = "ADDRESS", value_parser = Mailbox::parse_user)]
    sender: Mailbox,
    /// Put that address in the place of whatever sender the device names
    #[arg(long)]
    rewrite_sender: bool,
    /// Have it log in: with this name and --password-file, or as this account
    #[arg(long, value_name = "NAME")]
    login: Option<String>,
    /// A file with the password that only this device has, one line; the server reads it at each start
    #[arg(long, value_name = "FILE", requires = "login")]
    password_file: Option<PathBuf>,
    /// What it is, for a hint where to look in its menus
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Whom to send a test to [default: postmaster]
    #[arg(long, value_name = "ADDRESS", value_parser = Mailbox::parse_user)]
    to: Option<Mailbox>,
    /// Append the block to the configuration file
    #[arg(long)]
    write: bool,
}

/// What a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Scanners and printers that scan
    Scanner,
    /// Network storage
    Nas,
    /// Cameras and recorders
    Camera,
    /// Uninterruptible power supplies
    Ups,
}

impl Kind {
    /// Where to look, and what goes wrong most often.
    const fn hint(self) -> &'static str {
        match self {
            Self::Scanner => {
                "In its web page, look for \"E-mail\", \"SMTP\" or \"Scan to e-mail\". If large scans fail, scan with less \
                 than 300 dpi or to PDF instead of TIFF."
            }
            Self::Nas => {
                "Look for \"Notifications\" and choose \"custom SMTP server\". If it insists on a secure connection, \
                 choose STARTTLS, and have it accept a self-signed certificate unless yours is from a public authority."
            }
            Self::Camera => {
                "Look for \"Event\" or \"Alarm\", then \"E-mail\". Let it send at most one picture a minute, or its \
                 mail_rate is soon used up."
            }
            Self::Ups => {
                "Look for \"Notification\" or \"E-mail\" on its network card. If it has no field for the sender, set \
                 rewrite_sender = true."
            }
        }
    }
}

impl Verb {
    /// Carries it out.
    ///
    /// # Errors
    /// The configuration is wrong, or would be with the new device.
    pub fn run(self, explicit: Option<&Path>) -> Result<()> {
        match self {
            Self::Add(add) => add.run(explicit),
            Self::List(listing) => list(&config::load(explicit)?.config, listing),
        }
    }
}

impl Add {
    fn run(&self, explicit: Option<&Path>) -> Result<()> {
        let block = self.block()?;
        let before = config::load(explicit)?;
        let Loaded {
            config,
            source,
            warnings,
        } = self.with(&block, explicit)?;
        let known = |warning: &&String| before.warnings.contains(warning);
        for warning in warnings.iter().filter(|warning| !known(warning)) {
            note(&format!("warning: {warning}"));
        }
        let device = config
            .devices
            .last()
            .context("the new device is not in the configuration")?;
        self.warn(&before.config, device);
        self.check_people(&config, device)?;
        let file = source.as_deref();
        if self.write {
            let file = file.ok_or_else(|| {
                Stuck::new(
                    "there is no configuration file to write to",
                    "name one with --config FILE",
                )
            })?;
            append(file, &block)?;
            print(&format!(
                "Added to the end of {}. Restart the server to have it listen there.",
                file.display()
            ))?;
        } else {
            let file = file.unwrap_or(Path::new(config::USUAL_FILE));
            print(&format!(
                "Put this at the end of {}, then restart the server:\n{block}",
                file.display()
            ))?;
        }
        print("")?;
        print(&self.instructions(&config, device))
    }

    /// The configuration as it would be with this block.
    fn with(&self, block: &str, explicit: Option<&Path>) -> Result<Loaded> {
        let wrong = || format!("device {:?} cannot be added", self.name);
        let loaded = config::load_with(explicit, block).with_context(wrong)?;
        serve::devices::refuse_gateways(&loaded.config, &serve::gateways()).with_context(wrong)?;
        Ok(loaded)
    }

    /// The TOML of this device: what differs from the defaults.
    fn block(&self) -> Result<String> {
        let text = |text: &str| Value::from(text).to_string();
        let list = |items: Vec<String>| Value::Array(items.into_iter().collect::<Array>());
        let listen = self.listen.iter().map(ToString::to_string).collect();
        let networks = self.networks.iter().map(shown).collect();
        let mut lines = vec![
            String::new(),
            "[[device]]".to_owned(),
            format!("name = {}", text(&self.name)),
            format!("listen = {}", list(listen)),
            format!("networks = {}", list(networks)),
            format!("sender = {}", text(&self.sender.to_string())),
        ];
        if self.rewrite_sender {
            lines.push("rewrite_sender = true".to_owned());
        }
        if let Some(login) = &self.login {
            lines.push(format!("login = {}", text(login)));
        }
        if let Some(file) = &self.password_file {
            let file = std::path::absolute(file)
                .with_context(|| format!("cannot use {}", file.display()))?;
            let name = file
                .to_str()
                .context("the name of the password file is not UTF-8")?;
            lines.push(format!("password_file = {}", text(name)));
        }
        lines.push(String::new());
        Ok(lines.join("\n"))
    }

    /// Looks whether those are there whom the device names, if somebody can be asked.
    fn check_people(&self, config: &Config, device: &Device) -> Result<()> {
        people::check_recipient(config, self.to.as_ref())?;
        match People::of(config) {
            Ok(people) => {
                people.check_login(device.login.as_ref())?;
                let notes = people.notes(&device.sender, self.to.as_ref());
                notes.iter().for_each(|line| note(line));
            }
            Err(error) => note(&format!(
                "note: nobody could be asked whether the accounts named here are there: {error:#}"
            )),
        }
        Ok(())
    }

    fn warn(&self, before: &Config, device: &Device) {
        if let Some(DeviceLogin::Own { name, password }) = &device.login
            && let Some(why) = weakness::of(password, name)
        {
            note(&format!(
                "warning: this password is easy to guess{why}; a longer one would be safer"
            ));
        }
        let port = |address: &SocketAddr| address.port();
        let low = self.listen.iter().map(port).any(|port| port < 1024);
        let all_high = before.listen.smtp.iter().all(|one| port(one) >= 1024);
        if low && all_high {
            note(
                "warning: ports below 1024 need root or CAP_NET_BIND_SERVICE, and no other listener of this server uses one",
            );
        }
    }

    fn instructions(&self, config: &Config, device: &Device) -> String {
        let port = device.listen.first().map_or(0, SocketAddr::port);
        let login = match (&device.login, &self.password_file) {
            (None, _) => "none".to_owned(),
            (Some(login), Some(file)) => format!(
                "user name {}, with the password in {}",
                login.name(),
                file.display()
            ),
            (Some(login), None) => format!(
                "user name {}, with the password of that account",
                login.name()
            ),
        };
        let to = self.to.clone().or_else(|| config.postmaster.clone());
        let to = to.map_or_else(
            || {
                let domain = config.domains.first().map(ToString::to_string);
                format!("postmaster@{}", domain.unwrap_or_default())
            },
            |mailbox| mailbox.to_string(),
        );
        let rows = vec![
            ("  Server", server(config, device)),
            ("  Port", port.to_string()),
            (
                "  Encryption",
                "none, or STARTTLS if it knows TLS 1.2 or later (not SSL/TLS from the start)"
                    .to_owned(),
            ),
            ("  Login", login),
            ("  Sender", device.sender.to_string()),
            ("  Test mail to", to),
        ];
        let rows = pairs(rows)
            .lines()
            .map(|line| format!("  {}", line.trim_start()))
            .collect::<Vec<_>>();
        let mut text = format!("Type this into the device:\n{}\n", rows.join("\n"));
        text.push_str(&format!(
            "It can write to addresses of this server only, {} each.\n",
            largest(config, device)
        ));
        if let Some(kind) = self.kind {
            text.push_str(&format!("\n{}\n", kind.hint()));
        }
        text
    }
}

fn largest(config: &Config, device: &Device) -> String {
    let limits = [device.max_message_size.0, config.smtp.max_message_size.0];
    match limits.into_iter().filter(|limit| *limit > 0).min() {
        Some(octets) => format!("at most {}", size(octets)),
        None => "of any size".to_owned(),
    }
}

/// A device may not be able to look names up, so it gets the address, too, where that is known.
fn server(config: &Config, device: &Device) -> String {
    match device.listen.first().map(SocketAddr::ip) {
        Some(address) if !address.is_unspecified() => {
            format!("{address} (or {}, if it can look that up)", config.hostname)
        }
        Some(_) | None => format!("{}, or the address of this machine", config.hostname),
    }
}

/// A network, or an address where it is nothing else.
fn shown(network: &IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.to_string()
    }
}

/// Appends, which keeps owner, mode and all that stands there; and takes it back if that fails half way.
fn append(path: &Path, block: &str) -> Result<()> {
    let name = path.display().to_string();
    let before = std::fs::read(path).with_context(|| format!("cannot read {name}"))?;
    let gap = if before.is_empty() || before.ends_with(b"\n") {
        ""
    } else {
        "\n"
    };
    let mut file = OpenOptions::new()
        .append(true)
        .open(path)
        .with_context(|| format!("cannot write to {name}"))?;
    let length = |file: &File| Ok::<_, std::io::Error>(file.metadata()?.len());
    ensure!(
        length(&file)? == before.len() as u64,
        Stuck::new(
            format!("{name} is being changed by somebody else"),
            "repeat the command"
        )
    );
    let written = file
        .write_all(format!("{gap}{block}").as_bytes())
        .and_then(|()| file.sync_all());
    if let Err(error) = written {
        // What is there was whole, and is again.
        let _ = file.set_len(before.len() as u64);
        return Err(error).with_context(|| format!("cannot write to {name}"));
    }
    Ok(())
}

/// A device as programs see it.
#[derive(Debug, Serialize)]
pub struct Facts {
    name: String,
    listen: Vec<SocketAddr>,
    networks: Vec<String>,
    sender: String,
    rewrite_sender: bool,
    login: Option<String>,
    /// The login is an account's, and not this device's own.
    account: bool,
    max_message_size: u64,
    max_recipients: u32,
    mail_rate: String,
    sessions: u32,
}

/// The devices of the configuration.
pub fn facts(config: &Config) -> Vec<Facts> {
    let one = |device: &Device| Facts {
        name: device.name.clone(),
        listen: device.listen.clone(),
        networks: device.networks.iter().map(shown).collect(),
        sender: device.sender.to_string(),
        rewrite_sender: device.rewrite_sender,
        login: device.login.as_ref().map(DeviceLogin::name),
        account: matches!(device.login, Some(DeviceLogin::Account(_))),
        max_message_size: device.max_message_size.0,
        max_recipients: device.max_recipients,
        mail_rate: device.mail_rate.to_string(),
        sessions: device.sessions,
    };
    config.devices.iter().map(one).collect()
}

/// A line for each, for `tegami check`.
pub fn rows(devices: &[Facts]) -> impl Iterator<Item = (&'static str, String)> {
    let name = |index| if index == 0 { "Devices" } else { "" };
    let devices = devices.iter().enumerate();
    devices.map(move |(index, device)| (name(index), device.line()))
}

impl Facts {
    fn line(&self) -> String {
        let login = match &self.login {
            Some(login) => format!(", logs in as {login}"),
            None => ", without a login".to_owned(),
        };
        format!(
            "{} on {}, from {}, as {}{login}",
            self.name,
            self.addresses(),
            self.networks.join(", "),
            self.sender
        )
    }

    fn addresses(&self) -> String {
        let addresses: Vec<String> = self.listen.iter().map(ToString::to_string).collect();
        addresses.join(", ")
    }
}

fn list(config: &Config, listing: Listing) -> Result<()> {
    let devices = facts(config);
    if listing.json {
        return print_json(&devices);
    }
    if devices.is_empty() {
        return print(
            "There are no devices; add one with: tegami device add NAME --listen ADDRESS:PORT --network NETWORK --sender ADDRESS",
        );
    }
    let rows = devices.iter().map(|device| {
        vec![
            device.name.clone(),
            device.addresses(),
            device.networks.join(", "),
            device.sender.clone(),
            device.login.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    });
    let headings = ["NAME", "LISTENS ON", "FROM", "SENDS AS", "LOGIN"];
    print(&table(&headings, &[], rows))
}
