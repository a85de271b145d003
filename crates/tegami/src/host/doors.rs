//! Who may come in, and as whom: refused networks, listed proxies, times without mail.
//!
//! How many may come in, and how fast, is the network's to count.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use admin::Suspended;
use ipnet::IpNet;
use net::{Permit, Server};
use smtp_server::{Admission, ProxyCommands, Role, Taking};

use super::House;

/// What the configuration says about it.
#[derive(Clone, Debug, Default)]
pub struct Doors {
    /// Networks that nobody may connect from.
    pub refused: Vec<IpNet>,
    /// Networks of those who may say whom they speak for.
    pub proxies: Vec<IpNet>,
    /// Whether any such network is configured, even if no address of it is trusted.
    pub names_proxies: bool,
    /// No mail is taken for the time being.
    pub suspended: bool,
    /// No mail is ever taken from other servers.
    pub no_mail: bool,
}

impl Doors {
    /// The verdict on a client at `peer` whom the network let in or not.
    pub fn judge(&self, admission: Admission, peer: IpAddr) -> Admission {
        if admission == Admission::Welcome && holds(&self.refused, peer) {
            Admission::Refused
        } else {
            admission
        }
    }

    /// What XCLIENT and XFORWARD are for a client that connects from `peer`.
    pub fn proxy_commands(&self, peer: IpAddr) -> ProxyCommands {
        if holds(&self.proxies, peer) {
            ProxyCommands::Allowed
        } else if self.names_proxies {
            ProxyCommands::Forbidden
        } else {
            ProxyCommands::Off
        }
    }
}

fn holds(networks: &[IpNet], peer: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&peer))
}

/// What somebody said while the server runs; forgotten when it stops.
#[derive(Debug, Default)]
pub struct Suspension(AtomicBool);

impl Suspension {
    /// From now on, no mail is taken, or it is again as far as the configuration lets it.
    pub fn set(&self, suspended: bool) {
        self.0.store(suspended, Ordering::Relaxed);
    }
}

impl House {
    /// Whether no mail is taken for the time being, and who says so.
    pub fn suspended(&self) -> Option<Suspended> {
        if self.suspension.0.load(Ordering::Relaxed) {
            Some(Suspended::Command)
        } else if self.policy.load().doors.suspended {
            Some(Suspended::Configuration)
        } else {
            None
        }
    }

    /// Whether there is mail to be taken on listeners of this role.
    pub fn taking(&self, role: Role) -> Taking {
        match role {
            Role::Exchange if self.policy.load().doors.no_mail => Taking::Never,
            Role::Exchange | Role::Submission | Role::Device if self.suspended().is_some() => {
                Taking::Suspended
            }
            Role::Exchange | Role::Submission | Role::Device | Role::OnDemand | Role::Outsider => {
                Taking::Mail
            }
        }
    }
}

/// Counts the clients that proxies speak for, as clients of one listener.
#[derive(Clone, Debug)]
pub struct Counter {
    server: Server,
    listener: &'static str,
}

impl Counter {
    /// Counts at the listener of this name.
    pub fn new(server: &Server, listener: &'static str) -> Self {
        Self {
            server: server.clone(),
            listener,
        }
    }

    /// Counts one more, for as long as the permit lives.
    ///
    /// # Errors
    /// The verdict to give to the session; never [`Admission::Welcome`].
    pub fn readmit(&self, client: IpAddr) -> Result<Permit, Admission> {
        self.server.readmit(self.listener, client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doors() -> Doors {
        Doors {
            refused: vec!["192.0.2.0/24".parse().unwrap()],
            proxies: vec!["198.51.100.7/32".parse().unwrap()],
            names_proxies: true,
            ..Doors::default()
        }
    }

    #[test]
    fn refused_networks_are_refused_and_what_the_network_said_stands() {
        let judge = |admission, peer: &str| doors().judge(admission, peer.parse().unwrap());
        assert_eq!(judge(Admission::Welcome, "192.0.2.9"), Admission::Refused);
        assert_eq!(judge(Admission::Welcome, "192.0.3.9"), Admission::Welcome);
        assert_eq!(judge(Admission::TooFast, "192.0.2.9"), Admission::TooFast);
    }

    #[test]
    fn proxy_commands_are_for_listed_proxies_and_unknown_where_none_is_listed() {
        let commands = |doors: Doors, peer: &str| doors.proxy_commands(peer.parse().unwrap());
        assert_eq!(commands(doors(), "198.51.100.7"), ProxyCommands::Allowed);
        assert_eq!(commands(doors(), "198.51.100.8"), ProxyCommands::Forbidden);
        assert_eq!(
            commands(Doors::default(), "198.51.100.7"),
            ProxyCommands::Off
        );
        let gateway_only = Doors {
            proxies: Vec::new(),
            ..doors()
        };
        assert_eq!(
            commands(gateway_only, "198.51.100.7"),
            ProxyCommands::Forbidden
        );
    }
}
