//! The six listeners for mail, the one for the web, and those for devices: bound first, all of them, then served.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use ipnet::IpNet;
use net::tls::{Certificates, Source, server_config};
use net::{Bound, Endpoint, Limits, Security, Server};
use reply::Protocol;

use super::activation::Inherited;
use super::devices;
use super::open_files;
use super::services::{DeviceService, Pop3Service, SmtpService};
use super::trust::Trust;
use super::web;
use crate::config::{self, Config};
use crate::host::House;
use crate::host::doors::Counter;

/// One service of the configuration, as far as the network is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Smtp,
    Submission,
    Submissions,
    Pop3,
    Pop3s,
    Odmr,
}

impl Kind {
    const ALL: [Self; 6] = [
        Self::Smtp,
        Self::Submission,
        Self::Submissions,
        Self::Pop3,
        Self::Pop3s,
        Self::Odmr,
    ];

    /// Its key under `[listen]`.
    const fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Submission => "submission",
            Self::Submissions => "submissions",
            Self::Pop3 => "pop3",
            Self::Pop3s => "pop3s",
            Self::Odmr => "odmr",
        }
    }

    fn addresses(self, listen: &config::Listen) -> &[SocketAddr] {
        match self {
            Self::Smtp => &listen.smtp,
            Self::Submission => &listen.submission,
            Self::Submissions => &listen.submissions,
            Self::Pop3 => &listen.pop3,
            Self::Pop3s => &listen.pop3s,
            Self::Odmr => &listen.odmr,
        }
    }

    const fn protocol(self) -> Protocol {
        match self {
            Self::Smtp | Self::Submission | Self::Submissions | Self::Odmr => Protocol::Smtp,
            Self::Pop3 | Self::Pop3s => Protocol::Pop3,
        }
    }

    const fn is_implicit(self) -> bool {
        match self {
            Self::Submissions | Self::Pop3s => true,
            Self::Smtp | Self::Submission | Self::Pop3 | Self::Odmr => false,
        }
    }
}

/// Sockets that listen and are not served yet.
pub struct Sockets {
    services: Vec<(Kind, Bound)>,
    /// By the names of the devices.
    devices: Vec<(String, Bound)>,
    web: Vec<Bound>,
}

/// Takes what was handed over, and binds every address of the other listeners; or none.
///
/// # Errors
/// An address is taken or not ours; the message names it and its key. A socket was handed over that no listener
/// can use.
pub fn bind(config: &Config, mut inherited: Inherited) -> Result<Sockets> {
    let mut sockets = Vec::new();
    for kind in Kind::ALL {
        let bound = open(kind.name(), kind.addresses(&config.listen), &mut inherited)?;
        sockets.extend(bound.into_iter().map(|bound| (kind, bound)));
    }
    let web = open_web(&config.listen.web, &mut inherited)?;
    let names = Kind::ALL.iter().map(|kind| kind.name());
    inherited.finish(&names.chain([web::NAME]).collect::<Vec<_>>())?;
    if sockets.is_empty() {
        anyhow::bail!("every listener is switched off; give at least one address under [listen]");
    }
    let mut devices = Vec::new();
    for device in &config.devices {
        let bound = net::bind_all(&device.listen);
        let bound = bound.with_context(|| format!("device {}: listen", device.name))?;
        devices.extend(bound.into_iter().map(|bound| (device.name.clone(), bound)));
    }
    Ok(Sockets {
        services: sockets,
        devices,
        web,
    })
}

/// The sockets of one listener: those handed over, or those of its addresses.
fn open(name: &str, addresses: &[SocketAddr], inherited: &mut Inherited) -> Result<Vec<Bound>> {
    let handed = inherited.of(name);
    let bound = if handed.is_empty() {
        net::bind_all(addresses)
    } else {
        handed.into_iter().map(net::adopt).collect()
    };
    bound.with_context(|| format!("listen.{name}"))
}

/// Nobody has asked for the usual address, and another program may well have it: mail does not wait for that.
fn open_web(addresses: &[SocketAddr], inherited: &mut Inherited) -> Result<Vec<Bound>> {
    let opened = open(web::NAME, addresses, inherited);
    let is_usual = Config::default().listen.web == addresses;
    opened.or_else(|error| match is_usual {
        true => {
            let error = format!("{error:#}");
            tracing::warn!(%error, "nothing listens for the web; set listen.web to another address, or to []");
            Ok(Vec::new())
        }
        false => Err(error),
    })
}

impl Sockets {
    /// Where each service really listens, as one field per service for the log.
    pub fn of(&self, name: &str) -> Vec<SocketAddr> {
        self.services
            .iter()
            .filter(|(kind, _)| kind.name() == name)
            .map(|(_, bound)| bound.address())
            .collect()
    }

    /// Where the web is listened to.
    pub fn web(&self) -> impl Iterator<Item = SocketAddr> {
        self.web.iter().map(Bound::address)
    }

    /// Where each device is listened for.
    pub fn devices(&self) -> impl Iterator<Item = (&str, SocketAddr)> {
        let devices = self.devices.iter();
        devices.map(|(name, bound)| (name.as_str(), bound.address()))
    }

    /// Starts accepting.
    ///
    /// # Errors
    /// The TLS library does not start.
    pub fn serve(
        self,
        server: &Server,
        house: &Arc<House>,
        certificates: &Arc<Certificates>,
    ) -> Result<()> {
        let smtp_tls = server_config(Arc::clone(certificates), Protocol::Smtp)?;
        let pop3_tls = server_config(Arc::clone(certificates), Protocol::Pop3)?;
        web::serve(self.web, server, house);
        let mut services: HashMap<String, Arc<DeviceService>> = HashMap::new();
        for (name, bound) in self.devices {
            let service = services
                .entry(name.clone())
                .or_insert_with(|| Arc::new(DeviceService::new(Arc::clone(house), name.clone())));
            let endpoint = Endpoint {
                name: devices::listener(&name).into(),
                protocol: Protocol::Smtp,
                security: Security::StartTls(Arc::clone(&smtp_tls)),
            };
            server.listen(bound, endpoint, Arc::clone(service));
        }
        for (kind, bound) in self.services {
            let tls = match kind.protocol() {
                Protocol::Smtp => Arc::clone(&smtp_tls),
                Protocol::Pop3 => Arc::clone(&pop3_tls),
            };
            let security = if kind.is_implicit() {
                Security::Implicit(tls)
            } else {
                Security::StartTls(tls)
            };
            let endpoint = Endpoint {
                name: kind.name().into(),
                protocol: kind.protocol(),
                security,
            };
            let house = Arc::clone(house);
            let counter = Counter::new(server, kind.name());
            match kind {
                Kind::Smtp => {
                    let service = SmtpService::exchange(house, counter);
                    server.listen(bound, endpoint, Arc::new(service));
                }
                Kind::Submission | Kind::Submissions => {
                    let service = SmtpService::submission(house, counter);
                    server.listen(bound, endpoint, Arc::new(service));
                }
                Kind::Odmr => {
                    let service = SmtpService::on_demand(house, counter);
                    server.listen(bound, endpoint, Arc::new(service));
                }
                Kind::Pop3 | Kind::Pop3s => {
                    server.listen(bound, endpoint, Arc::new(Pop3Service::new(house)))
                }
            }
        }
        Ok(())
    }
}

/// The network's limits, in the network's types.
pub fn limits(config: &Config, trust: &Trust) -> Limits {
    let limits = &config.limits;
    Limits {
        sessions: usize::try_from(open_files::sessions(config)).unwrap_or(usize::MAX),
        sessions_per_address: if limits.sessions_per_ip == 0 {
            u32::MAX
        } else {
            limits.sessions_per_ip
        },
        connect_rate: rate(limits.connect_rate),
        exempt: trust.exempt.clone(),
        speakers: trust.xclient.clone(),
        fronts: fronts(config),
    }
}

/// Where reverse proxies of the web listener are: on this machine, or wherever a proxy is said to be.
fn fronts(config: &Config) -> Vec<IpNet> {
    let loopback = [
        IpNet::new_assert(Ipv4Addr::LOCALHOST.into(), 8),
        IpNet::new_assert(Ipv6Addr::LOCALHOST.into(), 128),
    ];
    let proxies = config.proxy.from.iter().copied();
    proxies.chain(loopback).collect()
}

/// A configured rate, in the network's type.
pub fn rate(rate: config::Rate) -> Option<net::Rate> {
    match rate {
        config::Rate::Off => None,
        config::Rate::AtMost { count, period } => Some(net::Rate::new(count, period)),
    }
}

/// Loads the certificate, or makes it. Reads and writes files, so not for an async worker.
///
/// # Errors
/// It cannot be used; the message names the keys and the file.
pub fn certificates(config: &Config) -> Result<Arc<Certificates>> {
    Certificates::open(certificate_source(config)).context(match config.tls.files() {
        Some(_) => "tls.certificate and tls.key cannot be used",
        None => "there is no certificate, and none could be made",
    })
}

/// The configured files, or a pair of our own in the data directory.
pub fn certificate_source(config: &Config) -> Source {
    match config.tls.files() {
        Some((certificate, key)) => Source::Files {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        },
        None => Source::SelfSigned {
            directory: config.data_dir.join("tls"),
            names: std::iter::once(&config.hostname)
                .chain(&config.domains)
                .map(ToString::to_string)
                .collect(),
        },
    }
}
