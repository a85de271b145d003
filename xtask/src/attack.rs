//! `cargo xtask attack`: attacks on the built server that no test can judge, for they are about time and memory.
//!
//! It starts its own servers, attacks them over loopback, and prints what it measured beside the bound of
//! `docs/attacks.toml`. It is no part of CI, for figures of a shared machine would lie.

mod crowd;
mod flood;
mod handshakes;
mod large;
mod timing;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::server::{Running, Site, numbered_accounts};
use crate::{binary, workspace};

/// The password of every account.
const PASSWORD: &str = "correct horse battery";

/// What to attack with. Where nothing is named, all of it.
#[derive(clap::Args)]
pub struct Options {
    /// The server to attack; built first where none is named.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// How long an unknown user takes beside a wrong password, over SMTP and POP3.
    #[arg(long)]
    timing: bool,
    /// How often each is tried.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(20..))]
    tries: u32,
    /// 500 logins at once, and how others fare meanwhile.
    #[arg(long)]
    flood: bool,
    /// 10,000 TLS handshakes, each for another server name. Needs python3.
    #[arg(long)]
    names: bool,
    /// Another handshake within TLS 1.2. Needs openssl.
    #[arg(long)]
    renegotiation: bool,
    /// 2,000 handshakes that are not continued.
    #[arg(long)]
    stalled: bool,
    /// A server that may have 256 open files.
    #[arg(long)]
    files: bool,
    /// 50 messages of 25 MB at once.
    #[arg(long)]
    large: bool,
    /// 10,000 connections that do nothing, and how newcomers are greeted.
    #[arg(long)]
    idle: bool,
}

/// A figure and the most it may be.
struct Figure {
    what: String,
    value: f64,
    most: f64,
    unit: &'static str,
}

impl Figure {
    fn new(what: impl Into<String>, value: f64, most: f64, unit: &'static str) -> Self {
        Self {
            what: what.into(),
            value,
            most,
            unit,
        }
    }

    fn kept(&self) -> bool {
        self.value <= self.most
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            value,
            most,
            unit,
        } = self;
        let verdict = if self.kept() { "" } else { " MISSED" };
        write!(
            f,
            "{what}: {value:.2} {unit} [at most {most} {unit}]{verdict}"
        )
    }
}

/// One attack on a server of its own.
type Attack = fn(&Ground) -> Result<Vec<Figure>>;

/// Attacks and prints the figures.
///
/// # Errors
/// When a bound is missed, or an attack cannot be carried out.
pub fn run(options: &Options) -> Result<()> {
    let ground = Ground {
        binary: binary::release(options.binary.as_deref())?,
        place: workspace::fresh("attack")?,
        tries: options.tries,
    };
    let attacks: [(bool, Attack); 8] = [
        (options.timing, timing::measure),
        (options.flood, flood::measure),
        (options.names, handshakes::names),
        (options.renegotiation, handshakes::renegotiation),
        (options.stalled, handshakes::stalled),
        (options.files, crowd::files),
        (options.large, large::measure),
        (options.idle, crowd::idle),
    ];
    let all = !attacks.iter().any(|(wanted, _)| *wanted);
    let mut figures = Vec::new();
    for (_, attack) in attacks.iter().filter(|(wanted, _)| *wanted || all) {
        let some = attack(&ground)?;
        some.iter().for_each(|figure| println!("{figure}"));
        figures.extend(some);
    }
    std::fs::remove_dir_all(&ground.place)?;
    let missed = figures.iter().filter(|figure| !figure.kept()).count();
    if missed > 0 {
        bail!("{missed} of {} bounds missed", figures.len());
    }
    println!("{} bounds kept", figures.len());
    Ok(())
}

/// What the servers are made from.
struct Ground {
    binary: PathBuf,
    place: PathBuf,
    tries: u32,
}

impl Ground {
    /// A configuration with one account, user0, whose password may be sent in clear; nobody is throttled.
    fn site(&self, name: &str) -> Result<Site> {
        let directory = self.place.join(name);
        let accounts = numbered_accounts(&directory, 1, PASSWORD)?;
        let data = directory.join("data");
        Ok(
            Site::create(&self.binary, &directory, &data, Some(&accounts))?
                .with("TEGAMI_AUTH__ALLOW_CLEARTEXT_FROM", "[\"127.0.0.0/8\"]")
                .with("TEGAMI_LIMITS__ERRORS", "1000000"),
        )
    }

    /// Such a server, running.
    fn server(&self, name: &str) -> Result<Running> {
        self.site(name)?.start()
    }
}

/// The value that `share` of them do not exceed.
fn quantile(mut times: Vec<Duration>, share: f64) -> Duration {
    times.sort();
    let at = (times.len() as f64 * share) as usize;
    times
        .get(at.min(times.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}

/// RFC 4648 section 4.
fn base64(octets: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in octets.chunks(3) {
        let bits = three
            .iter()
            .chain([&0, &0])
            .take(3)
            .fold(0, |bits, octet| bits << 8 | usize::from(*octet));
        for place in 0..4 {
            let digit = char::from(DIGITS[bits >> (18 - 6 * place) & 63]);
            text.push(if place > three.len() { '=' } else { digit });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_kept_up_to_it() {
        for (value, kept) in [(4.9, true), (5.0, true), (5.1, false)] {
            let figure = Figure::new("a", value, 5.0, "%");
            assert_eq!(figure.kept(), kept, "{value}");
            assert_eq!(figure.to_string().contains("MISSED"), !kept);
        }
    }

    #[test]
    fn most_of_them_are_below_a_quantile() {
        let times: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(quantile(times.clone(), 0.5).as_millis(), 51);
        assert_eq!(quantile(times, 0.99).as_millis(), 100);
        assert_eq!(quantile(Vec::new(), 0.99), Duration::ZERO);
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (plain, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(plain.as_bytes()), text);
        }
    }
}
