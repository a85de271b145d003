//! The host side of listeners for devices: who is one, how many at a time, and their logins.
//!
//! What they may send as is held by the session. The passwords that only devices have are compared here and open
//! nothing else; where a device logs in as an account, the one way to log in is asked (`login.rs`).

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use address::Destination;
use auth::{Credentials, Exchange, Mechanism, Mechanisms, Secret, Setting, Step, Verdict};
use ipnet::IpNet;
use smtp_server::{AuthVerdict, BareNewline};

use super::House;
use super::login::{self, Login};
use super::pace::Pace;
use crate::config::DeviceLogin;

/// One `[[device]]` of the configuration in force.
pub struct Device {
    /// Who is one; the addresses of default gateways are left out.
    pub networks: Vec<IpNet>,
    /// How they log in, if they have to.
    pub login: Option<DeviceLogin>,
    /// Where its devices may send besides addresses of this server.
    pub send_to: Vec<Destination>,
    /// Messages of one address.
    pub mail_rate: Pace,
    /// Wrong passwords of one address.
    pub failures: Pace,
    /// Sessions at a time.
    pub sessions: u32,
    /// What happens to bare CR and LF.
    pub bare_newline: BareNewline,
    /// Settings of every new session.
    pub smtp: Arc<smtp_server::Config>,
}

impl Device {
    /// Whether `peer` is in its networks.
    pub fn admits(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.networks.iter().any(|network| network.contains(&peer))
    }

    /// The ways to log in: the two that every device knows, if there is anything to log in to.
    pub fn mechanisms(&self) -> Mechanisms {
        let ways: &[Mechanism] = match self.login {
            Some(_) => &[Mechanism::Plain, Mechanism::Login],
            None => &[],
        };
        ways.iter().copied().collect()
    }
}

/// Counts the sessions of one listener.
#[derive(Clone, Debug, Default)]
pub struct Places(Arc<AtomicU32>);

impl Places {
    /// One of `most` places, if there is a free one.
    pub fn take(&self, most: u32) -> Option<Place> {
        let one_more = |open: u32| (open < most).then_some(open + 1);
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more)
            .ok()
            .map(|_| Place(Arc::clone(&self.0)))
    }
}

/// A place, free again when dropped.
#[derive(Debug)]
pub struct Place(Arc<AtomicU32>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A device that is connected.
pub struct Visit {
    /// The rules it found when it came.
    pub device: Arc<Device>,
    exchange: Option<(Mechanism, Box<Exchange>)>,
    _place: Place,
}

impl Visit {
    /// Of one of these devices, on this place.
    pub fn new(device: Arc<Device>, place: Place) -> Self {
        Self {
            device,
            exchange: None,
            _place: place,
        }
    }

    /// Begins a login.
    pub async fn start(
        &mut self,
        mechanism: Mechanism,
        initial: Option<&[u8]>,
        house: &House,
        peer: IpAddr,
    ) -> (AuthVerdict, Option<Login>) {
        let hostname = house.policy.load().hostname.clone();
        let setting = match Setting::new(hostname, None) {
            Ok(setting) => setting,
            Err(error) => {
                tracing::error!(%error, "login not checked");
                return (AuthVerdict::Busy, None);
            }
        };
        let (exchange, step) = Exchange::start(mechanism, initial, setting);
        self.take(mechanism, Box::new(exchange), step, house, peer)
            .await
    }

    /// Takes the client's answer to the last challenge.
    pub async fn respond(
        &mut self,
        response: &[u8],
        house: &House,
        peer: IpAddr,
    ) -> (AuthVerdict, Option<Login>) {
        let Some((mechanism, mut exchange)) = self.exchange.take() else {
            return (AuthVerdict::Malformed, None);
        };
        let step = exchange.respond(response);
        self.take(mechanism, exchange, step, house, peer).await
    }

    /// Forgets the exchange.
    pub fn cancel(&mut self) {
        self.exchange = None;
    }

    async fn take(
        &mut self,
        mechanism: Mechanism,
        exchange: Box<Exchange>,
        step: Step,
        house: &House,
        peer: IpAddr,
    ) -> (AuthVerdict, Option<Login>) {
        match step {
            Step::Challenge(octets) => {
                self.exchange = Some((mechanism, exchange));
                (AuthVerdict::Challenge(octets), None)
            }
            Step::Verify(credentials) => {
                self.device
                    .verify(&credentials, mechanism.name(), house, peer)
                    .await
            }
            // Neither PLAIN nor LOGIN comes to these.
            Step::Malformed | Step::Refused | Step::Keys(..) | Step::Prove(_) => {
                (AuthVerdict::Malformed, None)
            }
        }
    }
}

impl Device {
    async fn verify(
        &self,
        credentials: &Credentials,
        way: &str,
        house: &House,
        peer: IpAddr,
    ) -> (AuthVerdict, Option<Login>) {
        match &self.login {
            Some(DeviceLogin::Own { name, password }) => {
                let verdict = self.compare(credentials, name, password, way, peer);
                (verdict, None)
            }
            Some(DeviceLogin::Account(own)) => {
                match login::verify(house, credentials, way, peer).await {
                    Verdict::Accepted(account) if address::fold(&account.address) == own.key() => {
                        let login = account.address.clone();
                        (AuthVerdict::Accepted { login }, Some(Login::from(account)))
                    }
                    Verdict::Accepted(account) => {
                        let login = account.address;
                        tracing::info!(%login, way, "login refused: this device has another account");
                        (AuthVerdict::Rejected, None)
                    }
                    Verdict::Rejected => (AuthVerdict::Rejected, None),
                    Verdict::Busy | Verdict::Unreadable => (AuthVerdict::Busy, None),
                    Verdict::Disabled => (AuthVerdict::Disabled, None),
                    Verdict::TooWeak(_) => (AuthVerdict::TooWeak, None),
                    Verdict::Transition => (AuthVerdict::Transition, None),
                    Verdict::Throttled => (AuthVerdict::Throttled, None),
                }
            }
            None => (AuthVerdict::Rejected, None),
        }
    }

    /// Whoever guesses is put off before anything is compared.
    fn compare(
        &self,
        credentials: &Credentials,
        name: &str,
        password: &Secret,
        way: &str,
        peer: IpAddr,
    ) -> AuthVerdict {
        let now = Instant::now();
        if self.failures.is_spent(peer, now) {
            tracing::warn!("login not checked: too many failures from there");
            return AuthVerdict::Throttled;
        }
        let own = |typed: &str| address::fold(typed) == address::fold(name);
        let right = credentials.password == *password;
        if right && own(&credentials.login) && credentials.authzid.as_deref().is_none_or(own) {
            tracing::debug!(login = name, way, "login");
            return AuthVerdict::Accepted {
                login: name.to_owned(),
            };
        }
        self.failures.allows(peer, now);
        tracing::info!(login = credentials.login, way, "login refused");
        AuthVerdict::Rejected
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn device(networks: &[&str]) -> Device {
        let networks = networks.iter().map(|network| network.parse().unwrap());
        Device {
            networks: networks.collect(),
            send_to: Vec::new(),
            login: Some(DeviceLogin::Own {
                name: "Scanner".to_owned(),
                password: Secret::from("paper jam"),
            }),
            mail_rate: Pace::new(None, Vec::new()),
            failures: Pace::new(Some(net::Rate::new(3, Duration::from_secs(60))), Vec::new()),
            sessions: 2,
            bare_newline: BareNewline::Normalize,
            smtp: Arc::new(smtp_server::Config::new("mx.example.test")),
        }
    }

    #[track_caller]
    fn check(device: &Device, name: &str, password: &str, peer: &str, expected: &AuthVerdict) {
        let credentials = Credentials::new(name, Secret::from(password));
        let Some(DeviceLogin::Own {
            name,
            password: own,
        }) = &device.login
        else {
            panic!("it has a login of its own");
        };
        let verdict = device.compare(&credentials, name, own, "LOGIN", peer.parse().unwrap());
        assert_eq!(verdict, *expected);
    }

    #[test]
    fn a_login_of_its_own_needs_name_and_password_and_guessing_ends_soon() {
        let device = device(&["192.0.2.0/24"]);
        let accepted = AuthVerdict::Accepted {
            login: "Scanner".to_owned(),
        };
        check(&device, "scanner", "paper jam", "192.0.2.1", &accepted);
        for (name, password) in [
            ("scanner", "paper"),
            ("printer", "paper jam"),
            ("scanner", ""),
        ] {
            check(&device, name, password, "192.0.2.1", &AuthVerdict::Rejected);
        }
        check(
            &device,
            "scanner",
            "x",
            "192.0.2.1",
            &AuthVerdict::Throttled,
        );
        check(
            &device,
            "scanner",
            "paper jam",
            "192.0.2.1",
            &AuthVerdict::Throttled,
        );
        check(&device, "scanner", "paper jam", "192.0.2.2", &accepted);
    }

    #[test]
    fn a_device_is_whoever_comes_from_its_networks() {
        let device = device(&["192.0.2.0/25", "2001:db8::7/128"]);
        for (peer, expected) in [
            ("192.0.2.127", true),
            ("::ffff:192.0.2.1", true),
            ("192.0.2.128", false),
            ("2001:db8::7", true),
            ("2001:db8::8", false),
            ("127.0.0.1", false),
        ] {
            assert_eq!(device.admits(peer.parse().unwrap()), expected, "{peer}");
        }
    }

    #[test]
    fn a_place_is_free_again_when_its_session_is_gone() {
        let places = Places::default();
        let (first, second) = (places.take(2), places.take(2));
        assert!(first.is_some() && second.is_some() && places.take(2).is_none());
        drop(first);
        assert!(places.take(2).is_some());
    }
}
