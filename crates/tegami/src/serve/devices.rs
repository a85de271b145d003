//! Listeners for devices: what of the configuration they need, and the gateways that nobody may mean by a network.
//!
//! Whoever connects from a device's networks is believed to be it. Behind a container engine's NAT the whole world wears
//! the address of the default gateway, so that address is in no such network, however it is listed.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use smtp_server::{DeviceRules, Expn, Vrfy};

use super::listeners::rate;
use super::trust::Trust;
use crate::config::{Config, ConfigError, Device, Rate};
use crate::host::device;
use crate::host::pace::Pace;

/// What a listener of this device is called in the log and in the status.
pub fn listener(name: &str) -> String {
    format!("device.{name}")
}

/// The name of the device whose listener this is.
pub fn of_listener(service: &str) -> Option<&str> {
    service.strip_prefix("device.")
}

/// The devices as their hosts want them, by name. `base` are the settings of all SMTP sessions.
pub fn of(
    config: &Config,
    trust: &Trust,
    base: &smtp_server::Config,
) -> HashMap<String, Arc<device::Device>> {
    let one = |configured: &Device| {
        let networks = trust.devices.get(&configured.name).cloned();
        let device = device::Device {
            networks: networks.unwrap_or_default(),
            login: configured.login.clone(),
            send_to: configured.send_to.clone(),
            mail_rate: Pace::new(rate(configured.mail_rate), Vec::new()),
            failures: Pace::new(rate(Rate::per(10, Duration::from_secs(60))), Vec::new()),
            sessions: configured.sessions,
            bare_newline: configured.bare_newline,
            smtp: Arc::new(session(configured, base)),
        };
        (configured.name.clone(), Arc::new(device))
    };
    config.devices.iter().map(one).collect()
}

fn session(device: &Device, base: &smtp_server::Config) -> smtp_server::Config {
    smtp_server::Config {
        max_message_size: smaller(device.max_message_size.0, base.max_message_size),
        max_recipients: device.max_recipients,
        // No device asks; whoever does is somebody else in its network.
        vrfy: Vrfy::Noncommittal,
        expn: Expn::Off,
        etrn: false,
        device: DeviceRules {
            sender: Some(device.sender.clone()),
            rewrite_sender: device.rewrite_sender,
            login: device.login.is_some(),
        },
        ..base.clone()
    }
}

/// The smaller of two limits, of which 0 is none.
fn smaller(one: u64, other: u64) -> u64 {
    match (one, other) {
        (0, limit) | (limit, 0) => limit,
        (one, other) => one.min(other),
    }
}

/// Refuses networks that are nothing but a gateway: nobody would ever be let in from there.
///
/// # Errors
/// Each of them, with its line.
pub fn refuse_gateways(config: &Config, gateways: &[IpAddr]) -> Result<(), ConfigError> {
    let mut problems = Vec::new();
    for device in &config.devices {
        for network in &device.networks {
            if network.prefix_len() == network.max_prefix_len()
                && gateways.contains(&network.addr())
            {
                problems.push(device.problem(
                    "networks",
                    format!(
                        "{} is this machine's default gateway, and behind a NAT the whole world may wear its address; name the device's own address",
                        network.addr()
                    ),
                ));
            }
        }
    }
    ConfigError::unless_empty(problems)
}

/// `new` with the listening addresses of the devices that listen now: others come only with a restart.
pub fn keep_listening(current: &[Device], new: &[Device]) -> Vec<Device> {
    let kept = |device: &Device| {
        let mut device = device.clone();
        device.listen = listening(current, &device.name).to_vec();
        device
    };
    new.iter().map(kept).collect()
}

/// Whether the devices of `new` listen elsewhere than those of `current`, or are others.
pub fn listen_elsewhere(current: &[Device], new: &[Device]) -> bool {
    let moved = |device: &Device| listening(current, &device.name) != device.listen;
    let gone = |device: &&Device| !new.iter().any(|one| one.name == device.name);
    new.iter().any(moved) || current.iter().any(|device| gone(&device))
}

fn listening<'a>(devices: &'a [Device], name: &str) -> &'a [SocketAddr] {
    let device = devices.iter().find(|device| device.name == name);
    device.map_or(&[], |device| &device.listen)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::Sources;

    fn config(networks: &str) -> Config {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tegami.toml");
        let text = format!(
            "domains = [\"a.test\"]\n[smtp]\nmax_message_size = \"1MB\"\n[[device]]\nname = \"scanner\"\n\
             listen = [\"127.0.0.1:2525\"]\nsender = \"scanner@a.test\"\nnetworks = [{networks}]\n"
        );
        fs::write(&path, text).unwrap();
        let sources = Sources {
            explicit: Some(path),
            variables: Vec::new(),
            usual: "absent".into(),
        };
        sources
            .load()
            .unwrap_or_else(|error| panic!("{error}"))
            .config
    }

    fn gateways() -> [IpAddr; 2] {
        ["172.17.0.1", "fd00::1"].map(|text| text.parse().unwrap())
    }

    #[test]
    fn a_gateway_is_no_device_and_naming_it_alone_is_a_mistake() {
        let named = config("\"192.168.1.9\", \"172.17.0.1\"");
        let error = refuse_gateways(&named, &gateways())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(
                "tegami.toml:8: device.networks: 172.17.0.1 is this machine's default gateway"
            ),
            "{error}"
        );
        let wide = config("\"172.17.0.0/16\"");
        assert!(refuse_gateways(&wide, &gateways()).is_ok());
        for config in [&named, &wide] {
            let trust = Trust::new(config, &gateways());
            let base = smtp_server::Config::new("mx.a.test");
            let devices = of(config, &trust, &base);
            let device = &devices["scanner"];
            let admits = |peer: &str| device.admits(peer.parse().unwrap());
            assert!(!admits("172.17.0.1") && !admits("::ffff:172.17.0.1"));
            assert!(admits("172.17.0.2") != admits("192.168.1.9"));
        }
    }

    #[test]
    fn no_device_sends_more_than_others_may() {
        for (own, others, expected) in [(0, 0, 0), (0, 5, 5), (5, 0, 5), (4, 5, 4), (6, 5, 5)] {
            assert_eq!(smaller(own, others), expected);
        }
        let config = config("\"10.0.0.0/8\"");
        let base = smtp_server::Config {
            max_message_size: config.smtp.max_message_size.0,
            ..smtp_server::Config::new("mx.a.test")
        };
        let devices = of(&config, &Trust::new(&config, &[]), &base);
        let settings = &devices["scanner"].smtp;
        assert_eq!(settings.max_message_size, 1_000_000);
        assert_eq!(settings.max_recipients, 20);
        assert_eq!(settings.device.sender, "scanner@a.test".parse().ok());
    }

    #[test]
    fn a_reload_lets_devices_listen_where_they_listen() {
        let (current, mut new) = (config("\"10.0.0.0/8\""), config("\"10.0.0.1\""));
        assert!(!listen_elsewhere(&current.devices, &new.devices));
        new.devices[0].listen = vec!["127.0.0.1:2626".parse().unwrap()];
        assert!(listen_elsewhere(&current.devices, &new.devices));
        let kept = keep_listening(&current.devices, &new.devices);
        assert_eq!(kept[0].listen, current.devices[0].listen);
        assert_eq!(kept[0].networks, new.devices[0].networks);
        assert!(listen_elsewhere(&[], &new.devices) && listen_elsewhere(&new.devices, &[]));
    }
}
