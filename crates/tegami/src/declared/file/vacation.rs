//! What an account of the file tells senders while somebody is away.

use std::time::Duration;

use address::Mailbox;
use delivery::vacation::{Settings, Vacation};
use jiff::tz::TimeZone;
use toml_edit::Value;

use crate::config::{Raw, Setting, Slot, When, did_you_mean, nearest};

pub const KEYS: [&str; 7] = [
    "text", "subject", "from", "until", "period", "name", "address",
];

/// The value of `vacation`: a table.
#[derive(Clone)]
pub struct Away(pub Settings);

#[derive(Default)]
struct Entry {
    text: String,
    subject: Option<String>,
    from: Option<When>,
    until: Option<When>,
    period: Option<Duration>,
    name: Option<String>,
    address: Option<Mailbox>,
}

impl Entry {
    fn slot(&mut self, key: &str) -> Option<&mut dyn Slot> {
        Some(match key {
            "text" => &mut self.text,
            "subject" => &mut self.subject,
            "from" => &mut self.from,
            "until" => &mut self.until,
            "period" => &mut self.period,
            "name" => &mut self.name,
            "address" => &mut self.address,
            _ => return None,
        })
    }

    /// Days begin and end where this machine is.
    fn settings(self, zone: &TimeZone) -> Result<Settings, String> {
        let bound = |key: &str, when: Option<When>, end| match when {
            Some(when) => when
                .second(end, zone)
                .map_err(|error| format!("{key}: {error}")),
            None => Ok(None),
        };
        let mut settings = Settings {
            subject: self.subject,
            from: bound("from", self.from, false)?,
            until: bound("until", self.until, true)?,
            name: self.name,
            address: self.address,
            ..Settings::new(self.text)
        };
        if let Some(period) = self.period {
            settings.period = period.as_secs();
        }
        Vacation::new(settings.clone()).map_err(|error| error.to_string())?;
        Ok(settings)
    }
}

impl Setting for Away {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        let Raw::Toml(Value::InlineTable(table)) = raw else {
            return Err(
                "write [account.vacation] below the account, and text = \"...\" below that"
                    .to_owned(),
            );
        };
        let mut entry = Entry::default();
        for (word, value) in table {
            let Some(slot) = entry.slot(word) else {
                let hint = did_you_mean(nearest(word, KEYS.into_iter()));
                return Err(format!("unknown key {word:?}{hint}"));
            };
            slot.put(Raw::Toml(value))
                .map_err(|message| format!("{word}: {message}"))?;
        }
        entry.settings(&TimeZone::system()).map(Self)
    }

    fn show(&self) -> Option<Value> {
        Some(Value::from(self.0.text.clone()))
    }
}
