//! How a value of each type is read from TOML or from the text of a variable, and shown again.
//!
//! A variable is text and stays text until the type of its key is known, so that the host name `123` is a name
//! and the limit `123` a number. Errors are sentences without the key; the caller puts place and key in front.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use address::{Destination, Domain, Mailbox};
use auth::{Floor, Secret};
use delivery::list::{Expansion, Joining, Posting, ReplyTo};
use ipnet::IpNet;
use toml_edit::{Array, Value};

use super::units::{
    DnsServer, LogLevel, Octets, Rate, parse_duration, parse_listen, parse_network,
};
use super::{
    BareNewline, Expn, HopTls, LogFormat, Mechanism, OverLimit, OverQuota, TlsFloor, Vrfy,
};

/// A value as it was found.
#[derive(Clone, Copy, Debug)]
pub enum Raw<'a> {
    /// In a TOML file.
    Toml(&'a Value),
    /// In the environment, or in a file that the environment names.
    Text(&'a str),
}

impl<'a> Raw<'a> {
    /// The text of a value that is written as a string in TOML.
    ///
    /// # Errors
    /// When TOML has a number, a list or the like here.
    pub fn text(self) -> Result<&'a str, String> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Toml(Value::String(text)) => Ok(text.value()),
            Self::Toml(other) => Err(format!(
                "a string in quotes is wanted here, not {}",
                kind(other)
            )),
        }
    }
}

/// What to call a TOML value of the wrong kind.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) => "a number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::InlineTable(_) => "a table",
    }
}

/// A type that a key can have.
pub trait Setting: Sized {
    /// Reads the value.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what would be right, without the key.
    fn read(raw: Raw<'_>) -> Result<Self, String>;

    /// The value as TOML, `None` where there is none.
    fn show(&self) -> Option<Value>;

    /// Whether this switches its feature off: `false`, `[]`, `0s`, nothing.
    fn is_off(&self) -> bool {
        false
    }
}

/// A [`Setting`] in its place in the configuration, whatever its type.
pub trait Slot {
    /// Replaces the value by what `raw` says.
    ///
    /// # Errors
    /// As [`Setting::read`]; the value stays as it was.
    fn put(&mut self, raw: Raw<'_>) -> Result<(), String>;
    /// The value as TOML text; empty where there is none.
    fn text(&self) -> String;
    /// Whether the value switches its feature off.
    fn off(&self) -> bool;
}

impl<T: Setting> Slot for T {
    fn put(&mut self, raw: Raw<'_>) -> Result<(), String> {
        *self = T::read(raw)?;
        Ok(())
    }

    fn text(&self) -> String {
        self.show()
            .map(|value| value.to_string())
            .unwrap_or_default()
    }

    fn off(&self) -> bool {
        self.is_off()
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        match raw {
            Raw::Toml(Value::Array(items)) => {
                items.iter().map(|item| T::read(Raw::Toml(item))).collect()
            }
            Raw::Toml(other) => Err(format!(
                "a list in [brackets] is wanted here, not {}",
                kind(other)
            )),
            Raw::Text(text) if let Some(items) = toml_list(text) => {
                Self::read(Raw::Toml(&Value::Array(items)))
            }
            // An empty variable is an empty list, which is how a listener is switched off there.
            Raw::Text(text) => text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| T::read(Raw::Text(item)))
                .collect(),
        }
    }

    fn show(&self) -> Option<Value> {
        Some(Value::Array(
            self.iter().filter_map(Setting::show).collect::<Array>(),
        ))
    }

    fn is_off(&self) -> bool {
        self.is_empty()
    }
}

/// `["a", "b"]` as a variable may say it. `[::]:25` also begins with a bracket, and is no TOML.
fn toml_list(text: &str) -> Option<Array> {
    if !text.trim_start().starts_with('[') {
        return None;
    }
    match text.trim().parse() {
        Ok(Value::Array(items)) => Some(items),
        Ok(_) | Err(_) => None,
    }
}

impl<T: Setting> Setting for Option<T> {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        match raw {
            // Compose files write `TEGAMI_POSTMASTER=${POSTMASTER:-}` and mean: not set.
            Raw::Text("") => Ok(None),
            Raw::Text(_) | Raw::Toml(_) => T::read(raw).map(Some),
        }
    }

    fn show(&self) -> Option<Value> {
        self.as_ref().and_then(Setting::show)
    }

    fn is_off(&self) -> bool {
        self.is_none()
    }
}

impl Setting for bool {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        match raw {
            Raw::Toml(Value::Boolean(value)) => Ok(*value.value()),
            Raw::Toml(other) => Err(format!("true or false is wanted here, not {}", kind(other))),
            Raw::Text(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Ok(true),
                "false" | "no" | "off" | "0" => Ok(false),
                _ => Err(format!("true or false is wanted here, not {text:?}")),
            },
        }
    }

    fn show(&self) -> Option<Value> {
        Some(Value::from(*self))
    }

    fn is_off(&self) -> bool {
        !*self
    }
}

impl Setting for u32 {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        let wrong = |what: &str| {
            format!(
                "a whole number from 0 to {} is wanted here, not {what}",
                u32::MAX
            )
        };
        match raw {
            Raw::Toml(Value::Integer(number)) => {
                u32::try_from(*number.value()).map_err(|_| wrong(&number.value().to_string()))
            }
            Raw::Toml(other) => Err(wrong(kind(other))),
            Raw::Text(text) => text.trim().parse().map_err(|_| wrong(&format!("{text:?}"))),
        }
    }

    fn show(&self) -> Option<Value> {
        Some(Value::from(i64::from(*self)))
    }
}

impl Setting for Octets {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        match raw {
            Raw::Toml(Value::Integer(number)) => u64::try_from(*number.value())
                .map(Self)
                .map_err(|_| format!("{} is not a size", number.value())),
            Raw::Toml(_) | Raw::Text(_) => Self::parse(raw.text()?),
        }
    }

    fn show(&self) -> Option<Value> {
        Some(Value::from(self.to_string()))
    }
}

impl Setting for Duration {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        match raw {
            Raw::Toml(Value::Integer(number)) => Err(format!(
                "a time needs a unit: \"{}s\" for seconds, \"{0}m\" for minutes",
                number.value()
            )),
            Raw::Toml(_) | Raw::Text(_) => parse_duration(raw.text()?),
        }
    }

    fn show(&self) -> Option<Value> {
        // humantime has days as its own; "7days" reads well, "7d" is what we ask people to write.
        let shown = humantime::format_duration(*self).to_string();
        Some(Value::from(shown.replace("days", "d").replace("day", "d")))
    }

    fn is_off(&self) -> bool {
        self.is_zero()
    }
}

/// Settings that are a string in TOML, read by a function and shown by another.
macro_rules! written_as_text {
    ($($type:ty: $read:expr, $show:expr;)*) => {$(
        impl Setting for $type {
            fn read(raw: Raw<'_>) -> Result<Self, String> {
                $read(raw.text()?)
            }

            fn show(&self) -> Option<Value> {
                Some(Value::from($show(self)))
            }
        }
    )*};
}

written_as_text! {
    String: |text: &str| Ok(text.to_owned()), String::clone;
    Domain: |text: &str| Domain::parse(text).map_err(|error| format!("{text:?} is not a domain name: {error}")), Domain::to_string;
    Mailbox: |text: &str| Mailbox::parse_user(text).map_err(|error| format!("{text:?} is not an address: {error}")), Mailbox::to_string;
    PathBuf: path, |path: &PathBuf| path.display().to_string();
    Destination: |text: &str| text.parse().map_err(|_| format!("{text:?} is neither a domain nor an address")), Destination::to_string;
    SocketAddr: parse_listen, SocketAddr::to_string;
    IpAddr: address, IpAddr::to_string;
    IpNet: parse_network, IpNet::to_string;
    Rate: Rate::parse, Rate::to_string;
    DnsServer: DnsServer::parse, DnsServer::to_string;
    LogLevel: LogLevel::parse, LogLevel::to_string;
}

fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() {
        return Err("a path is wanted here, not nothing".to_owned());
    }
    Ok(PathBuf::from(text))
}

fn address(text: &str) -> Result<IpAddr, String> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse()
        .map(|address: IpAddr| address.to_canonical())
        .map_err(|_| format!("{text:?} is no address; write \"192.0.2.1\" or \"2001:db8::1\""))
}

/// What it is, is never shown.
impl Setting for Secret {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        match raw.text()? {
            "" => Err("a password is wanted here, not nothing".to_owned()),
            text => Ok(Self::from(text)),
        }
    }

    fn show(&self) -> Option<Value> {
        None
    }
}

/// Settings that are one word of a short list.
macro_rules! one_of {
    ($($type:ident { $($word:literal => $variant:ident),+ })*) => {$(
        impl Setting for $type {
            fn read(raw: Raw<'_>) -> Result<Self, String> {
                let text = raw.text()?;
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(not_among(text, &[$($word),+])),
                }
            }

            fn show(&self) -> Option<Value> {
                Some(Value::from(match self { $(Self::$variant => $word),+ }))
            }
        }
    )*};
}

one_of! {
    LogFormat { "text" => Text, "json" => Json }
    BareNewline { "reject" => Reject, "normalize" => Normalize }
    Vrfy { "verify" => Verify, "noncommittal" => Noncommittal, "unimplemented" => Unimplemented }
    Expn { "on" => On, "members" => Members, "noncommittal" => Noncommittal, "off" => Off }
    OverLimit { "tempfail" => Tempfail, "reject" => Reject }
    TlsFloor { "1.2" => Tls12, "1.3" => Tls13 }
    Floor { "any" => Any, "scram" => Scram }
    Posting { "anyone" => Anyone, "members" => Members, "authenticated" => Authenticated, "moderated" => Moderated }
    Expansion { "nobody" => Nobody, "members" => Members, "authenticated" => Authenticated, "anyone" => Anyone }
    Joining { "closed" => Closed, "open" => Open }
    ReplyTo { "sender" => Sender, "list" => List }
    HopTls { "auto" => Auto, "starttls" => StartTls, "implicit" => Implicit, "opportunistic" => Opportunistic, "none" => None }
    OverQuota { "tempfail" => Tempfail, "reject" => Reject }
    Mechanism {
        "SCRAM-SHA-256-PLUS" => ScramSha256Plus, "SCRAM-SHA-256" => ScramSha256, "SCRAM-SHA-1" => ScramSha1,
        "CRAM-MD5" => CramMd5, "PLAIN" => Plain, "LOGIN" => Login
    }
}

pub(super) fn not_among(text: &str, words: &[&str]) -> String {
    let list: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    format!("{text:?} is none of {}", list.join(", "))
}
