//! Values with a form of their own: sizes, rates, times, networks, listening addresses, log levels.
//!
//! Each is read from the text a person writes and shown again the same way. Nothing here knows which key it is for.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytesize::ByteSize;
use ipnet::{IpNet, Ipv4Net};
use tracing::level_filters::LevelFilter;

/// A number of octets: `25MB` is 25,000,000, `25MiB` is 26,214,400.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Octets(pub u64);

impl Octets {
    /// Reads `25MB`, `25 MiB`, `1.5GB` or a plain number of octets.
    ///
    /// # Errors
    /// A sentence for the person who wrote it.
    pub fn parse(text: &str) -> Result<Self, String> {
        // bytesize takes "" and "5 5" apart in its own way and saturates silently; both are mistakes here.
        let trimmed = text.trim();
        let size: ByteSize = trimmed.parse().map_err(|_| wrong_size(text))?;
        if !trimmed.starts_with(|c: char| c.is_ascii_digit()) || size.as_u64() > i64::MAX as u64 {
            return Err(wrong_size(text));
        }
        Ok(Self(size.as_u64()))
    }
}

fn wrong_size(text: &str) -> String {
    format!("{text:?} is not a size; write \"25MB\", \"64MiB\" or a number of octets")
}

impl fmt::Display for Octets {
    /// The largest unit that shows the number exactly.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 8] = [
            (1_000_000_000_000, "TB"),
            (1 << 40, "TiB"),
            (1_000_000_000, "GB"),
            (1 << 30, "GiB"),
            (1_000_000, "MB"),
            (1 << 20, "MiB"),
            (1_000, "kB"),
            (1 << 10, "KiB"),
        ];
        match UNITS
            .iter()
            .find(|(unit, _)| self.0 != 0 && self.0.is_multiple_of(*unit))
        {
            Some((unit, name)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}", self.0),
        }
    }
}

/// How often something may happen: `300/1m`, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// As often as anybody likes.
    Off,
    /// At most `count` times within `period`; neither is zero.
    AtMost {
        /// How often.
        count: u32,
        /// In what time.
        period: Duration,
    },
}

impl Rate {
    /// At most `count` times within `period`; a zero in either is the same as no limit.
    pub fn per(count: u32, period: Duration) -> Self {
        if count == 0 || period.is_zero() {
            Self::Off
        } else {
            Self::AtMost { count, period }
        }
    }

    /// Reads `300/1m`, `300/m` or `off`.
    ///
    /// # Errors
    /// A sentence for the person who wrote it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is not a rate; write \"300/1m\" for 300 in a minute, or \"off\"");
        if text == "off" {
            return Ok(Self::Off);
        }
        let (count, period) = text.split_once('/').ok_or_else(wrong)?;
        let count: u32 = count.trim().parse().map_err(|_| wrong())?;
        let period = period.trim();
        let period = if period.starts_with(|c: char| c.is_ascii_digit()) {
            parse_duration(period)
        } else {
            parse_duration(&format!("1{period}"))
        }
        .map_err(|_| wrong())?;
        if count == 0 || period.is_zero() {
            return Err(wrong());
        }
        Ok(Self::AtMost { count, period })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::AtMost { count, period } => {
                write!(f, "{count}/{}", humantime::format_duration(*period))
            }
        }
    }
}

/// A hundred years. Clocks cannot count much further than some hundred thousand million years from now, and whoever
/// adds a longer time to one panics.
const LONGEST_TIME: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

/// Reads `5m`, `7d`, `1h 30m`, `0s`.
///
/// # Errors
/// A sentence for the person who wrote it.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text)
        .map_err(|_| format!("{text:?} is not a time; write a number and a unit, such as \"30s\", \"5m\", \"12h\" or \"7d\""))?;
    if time > LONGEST_TIME {
        return Err(format!(
            "{text:?} is longer than a hundred years; write a shorter time, such as \"5m\" or \"7d\""
        ));
    }
    Ok(time)
}

/// Reads a network in CIDR, or a single address. Host bits are cut off, and a v4-mapped network becomes the IPv4
/// network it stands for, as peers are normalised the same way.
///
/// # Errors
/// A sentence for the person who wrote it.
pub fn parse_network(text: &str) -> Result<IpNet, String> {
    let network = match text.parse::<IpNet>() {
        Ok(network) => network,
        Err(_) => match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => {
                return Err(format!(
                    "{text:?} is not a network; write \"192.0.2.0/24\", \"2001:db8::/32\" or one address"
                ));
            }
        },
    };
    Ok(unmapped(network).trunc())
}

fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else {
        return network;
    };
    let mapped: Option<Ipv4Addr> = v6.addr().to_ipv4_mapped();
    let length = v6.prefix_len().checked_sub(96);
    mapped
        .zip(length)
        .and_then(|(address, length)| Ipv4Net::new(address, length).ok())
        .map_or(network, IpNet::V4)
}

/// Reads an address to listen on: `[::]:25`, `127.0.0.1:2525`.
///
/// # Errors
/// A sentence for the person who wrote it, with the corrected text where it can be guessed.
pub fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Err(format!(
            "{text:?} has no port; write {:?} with the port you want",
            SocketAddr::new(address, 25).to_string()
        ));
    }
    let port = text.trim_start_matches('*').trim_start_matches(':');
    if let Ok(port) = port.parse::<u16>() {
        return Err(format!(
            "{text:?} has no address; write \"[::]:{port}\" for all of them"
        ));
    }
    Err(format!(
        "{text:?} is not an IP address and a port; write \"[::]:25\" or \"127.0.0.1:2525\""
    ))
}

/// A name server: `192.0.2.53`, `2001:db8::53`, or with a port other than 53, `127.0.0.1:5353`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DnsServer(pub SocketAddr);

impl DnsServer {
    /// Reads one.
    ///
    /// # Errors
    /// A sentence for the person who wrote it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let address = text.parse::<SocketAddr>().or_else(|_| {
            let bare = text.trim_start_matches('[').trim_end_matches(']');
            bare.parse()
                .map(|address| SocketAddr::new(address, resolver::PORT))
        });
        match address {
            Ok(address) if address.port() != 0 && !address.ip().is_unspecified() => {
                Ok(Self(address))
            }
            Ok(_) | Err(_) => Err(format!(
                "{text:?} is no name server; write its IP address, such as \"192.0.2.53\", with a port if it is not 53"
            )),
        }
    }
}

impl fmt::Display for DnsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.port() == resolver::PORT {
            self.0.ip().fmt(f)
        } else {
            self.0.fmt(f)
        }
    }
}

/// What is logged: a level for everything, and others for some modules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLevel {
    text: String,
    /// For everything that no target names.
    pub default: LevelFilter,
    /// Module path prefixes with a level of their own.
    pub targets: Vec<(String, LevelFilter)>,
}

impl LogLevel {
    /// `warn` for everything, as commands want it that are not the server.
    pub fn warnings() -> Self {
        Self {
            text: "warn".to_owned(),
            default: LevelFilter::WARN,
            targets: Vec::new(),
        }
    }

    /// Reads `info`, `debug,mailstore=trace`. A bare word that is no level is a mistake, not a module to trace.
    ///
    /// # Errors
    /// A sentence for the person who wrote it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut level = Self {
            text: text.to_owned(),
            default: LevelFilter::INFO,
            targets: Vec::new(),
        };
        for directive in text.split(',').map(str::trim) {
            match directive.split_once('=') {
                None => level.default = parse_level(directive)?,
                Some((target, word)) if is_module(target.trim()) => {
                    level
                        .targets
                        .push((target.trim().to_owned(), parse_level(word.trim())?));
                }
                Some((target, _)) => {
                    return Err(format!(
                        "{target:?} is not a module; write \"info,mailstore=debug\""
                    ));
                }
            }
        }
        Ok(level)
    }
}

fn is_module(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_:-".contains(&b))
}

fn parse_level(word: &str) -> Result<LevelFilter, String> {
    match word.to_ascii_lowercase().as_str() {
        "off" => Ok(LevelFilter::OFF),
        "error" => Ok(LevelFilter::ERROR),
        "warn" => Ok(LevelFilter::WARN),
        "info" => Ok(LevelFilter::INFO),
        "debug" => Ok(LevelFilter::DEBUG),
        "trace" => Ok(LevelFilter::TRACE),
        _ => Err(format!(
            "{word:?} is none of \"off\", \"error\", \"warn\", \"info\", \"debug\", \"trace\""
        )),
    }
}

impl Default for LogLevel {
    fn default() -> Self {
        Self {
            text: "info".to_owned(),
            default: LevelFilter::INFO,
            targets: Vec::new(),
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn level(text: &str, expected: Option<(LevelFilter, &[(&str, LevelFilter)])>) {
        let found = LogLevel::parse(text)
            .ok()
            .map(|level| (level.default, level.targets));
        let expected = expected.map(|(default, targets)| {
            (
                default,
                targets
                    .iter()
                    .map(|(target, level)| ((*target).to_owned(), *level))
                    .collect(),
            )
        });
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn reads_log_levels() {
        assert_eq!(LogLevel::parse("info"), Ok(LogLevel::default()));
        assert_eq!(LogLevel::parse("warn"), Ok(LogLevel::warnings()));
        level("info", Some((LevelFilter::INFO, &[])));
        level("WARN", Some((LevelFilter::WARN, &[])));
        level("off", Some((LevelFilter::OFF, &[])));
        level(
            "info, mailstore=debug",
            Some((LevelFilter::INFO, &[("mailstore", LevelFilter::DEBUG)])),
        );
        level(
            "tegami::host=trace",
            Some((LevelFilter::INFO, &[("tegami::host", LevelFilter::TRACE)])),
        );
        level("", None);
        level("inof", None);
        level("info,", None);
        level("mailstore=loud", None);
        level("mail store=debug", None);
        level("[conn]=debug", None);
    }

    #[track_caller]
    fn size(text: &str, expected: Option<u64>) {
        assert_eq!(Octets::parse(text).ok(), expected.map(Octets), "{text:?}");
    }

    #[test]
    fn reads_sizes() {
        size("25MB", Some(25_000_000));
        size("25 MB", Some(25_000_000));
        size("25mb", Some(25_000_000));
        size("25MiB", Some(26_214_400));
        size("1.5GB", Some(1_500_000_000));
        size("0", Some(0));
        size("4096", Some(4096));
        size("", None);
        size("MB", None);
        size(".5MB", None);
        size("-1", None);
        size("25XB", None);
        size("25MB!", None);
        size("99999999999999GB", None);
    }

    #[test]
    fn shows_sizes_exactly() {
        for (octets, shown) in [
            (0, "0"),
            (25_000_000, "25MB"),
            (26_214_400, "25MiB"),
            (2_000_000_000, "2GB"),
            (1001, "1001"),
        ] {
            assert_eq!(Octets(octets).to_string(), shown);
            assert_eq!(Octets::parse(shown), Ok(Octets(octets)));
        }
    }

    #[track_caller]
    fn rate(text: &str, expected: Option<Rate>) {
        assert_eq!(Rate::parse(text).ok(), expected, "{text:?}");
    }

    #[test]
    fn reads_rates() {
        let minute = Duration::from_secs(60);
        rate("300/1m", Some(Rate::per(300, minute)));
        rate("300/m", Some(Rate::per(300, minute)));
        rate("10 / 5s", Some(Rate::per(10, Duration::from_secs(5))));
        rate("off", Some(Rate::Off));
        rate("0/1m", None);
        rate("300/0s", None);
        rate("300", None);
        rate("-3/1m", None);
        rate("300/1fortnight", None);
        // Added to the clock, this once ended the listener at its first connection.
        rate("1/300000000000y", None);
        assert_eq!(Rate::per(300, minute).to_string(), "300/1m");
        assert_eq!(Rate::Off.to_string(), "off");
    }

    #[test]
    fn reads_times_only_with_a_unit() {
        assert_eq!(parse_duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(parse_duration("0s"), Ok(Duration::ZERO));
        assert_eq!(parse_duration("7d"), Ok(Duration::from_secs(604_800)));
        for wrong in ["300", "", "5 apples", "-5m", "101y", "300000000000y"] {
            assert!(
                parse_duration(wrong).is_err_and(|message| message.contains("\"5m\"")),
                "{wrong:?}"
            );
        }
    }

    #[track_caller]
    fn network(text: &str, expected: Option<&str>) {
        assert_eq!(
            parse_network(text)
                .ok()
                .map(|network| network.to_string())
                .as_deref(),
            expected,
            "{text:?}"
        );
    }

    #[test]
    fn reads_networks_and_single_addresses() {
        network("192.0.2.0/24", Some("192.0.2.0/24"));
        network("192.0.2.9/24", Some("192.0.2.0/24"));
        network("192.0.2.9", Some("192.0.2.9/32"));
        network("2001:db8::/32", Some("2001:db8::/32"));
        network("::1", Some("::1/128"));
        network("::ffff:192.0.2.0/120", Some("192.0.2.0/24"));
        network("::ffff:192.0.2.9", Some("192.0.2.9/32"));
        network("0.0.0.0/0", Some("0.0.0.0/0"));
        network("192.0.2.0/33", None);
        network("example.test", None);
        network("", None);
    }

    #[test]
    fn reads_name_servers_with_and_without_a_port() {
        for (text, expected) in [
            ("192.0.2.53", Some(("192.0.2.53", "192.0.2.53:53"))),
            ("192.0.2.53:53", Some(("192.0.2.53", "192.0.2.53:53"))),
            ("127.0.0.1:5353", Some(("127.0.0.1:5353", "127.0.0.1:5353"))),
            ("2001:db8::53", Some(("2001:db8::53", "[2001:db8::53]:53"))),
            (
                "[2001:db8::53]",
                Some(("2001:db8::53", "[2001:db8::53]:53")),
            ),
            (
                "[2001:db8::53]:54",
                Some(("[2001:db8::53]:54", "[2001:db8::53]:54")),
            ),
            ("127.0.0.1:0", None),
            ("0.0.0.0", None),
            ("dns.example", None),
            ("", None),
        ] {
            let server = DnsServer::parse(text).ok();
            let shown = server.map(|server| (server.to_string(), server.0.to_string()));
            let shown = shown
                .as_ref()
                .map(|(text, asked)| (text.as_str(), asked.as_str()));
            assert_eq!(shown, expected, "{text:?}");
        }
    }

    #[track_caller]
    fn listen(text: &str, expected: Result<&str, &str>) {
        match (parse_listen(text), expected) {
            (Ok(address), Ok(expected)) => assert_eq!(address.to_string(), expected),
            (Err(message), Err(part)) => assert!(message.contains(part), "{message}"),
            (found, expected) => panic!("{text:?}: {found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn reads_listening_addresses_and_says_what_is_missing() {
        listen("[::]:25", Ok("[::]:25"));
        listen("127.0.0.1:0", Ok("127.0.0.1:0"));
        listen("0.0.0.0", Err("has no port; write \"0.0.0.0:25\""));
        listen("[::]", Err("has no port; write \"[::]:25\""));
        listen("::1", Err("has no port; write \"[::1]:25\""));
        listen("25", Err("write \"[::]:25\""));
        listen(":2525", Err("write \"[::]:2525\""));
        listen("*:2525", Err("write \"[::]:2525\""));
        listen("localhost:25", Err("is not an IP address and a port"));
        listen("127.0.0.1:70000", Err("is not an IP address and a port"));
    }
}
