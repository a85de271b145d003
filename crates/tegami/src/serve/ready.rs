//! The one log line that says the server accepts mail: event `ready`, a field per service, and one for all devices.

use std::time::Duration;

use super::listeners::Sockets;

/// Where each service listens, ready to be logged.
pub struct Ready {
    smtp: String,
    submission: String,
    submissions: String,
    pop3: String,
    pop3s: String,
    odmr: String,
    web: String,
    device: String,
}

impl Ready {
    /// Reads the real addresses; a port 0 of the configuration has become a number.
    pub fn of(sockets: &Sockets) -> Self {
        let list = |name| {
            let addresses: Vec<String> = sockets.of(name).iter().map(ToString::to_string).collect();
            addresses.join(",")
        };
        let web: Vec<String> = sockets.web().map(|address| address.to_string()).collect();
        let devices: Vec<String> = sockets
            .devices()
            .map(|(name, address)| format!("{name}={address}"))
            .collect();
        Self {
            smtp: list("smtp"),
            submission: list("submission"),
            submissions: list("submissions"),
            pop3: list("pop3"),
            pop3s: list("pop3s"),
            odmr: list("odmr"),
            web: web.join(","),
            device: devices.join(","),
        }
    }

    /// Says so. Services that are switched off have no field.
    pub fn log(&self, took: Duration) {
        let on = |addresses: &str| (!addresses.is_empty()).then(|| addresses.to_owned());
        tracing::info!(
            smtp = on(&self.smtp),
            submission = on(&self.submission),
            submissions = on(&self.submissions),
            pop3 = on(&self.pop3),
            pop3s = on(&self.pop3s),
            odmr = on(&self.odmr),
            web = on(&self.web),
            device = on(&self.device),
            milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "ready"
        );
    }
}
