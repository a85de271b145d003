//! `tegami store undelete`: brings back what mail programs have removed.

use std::time::SystemTime;

use address::Mailbox;
use admin::{Errand, Parcel, Response};
use anyhow::Result;
use clap::Args;
use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use mailstore::Undeleted;

use super::carry::{Moving, carry};
use crate::cli::account::unexpected;
use crate::cli::print_json;
use crate::cli::table::{counted, size};
use crate::config::Config;
use crate::terminal::print;

/// What can be typed.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Whose mailbox
    #[arg(value_parser = Mailbox::parse_user)]
    address: Mailbox,

    /// Messages removed then or later: how long ago (2h, 3days), a day (2026-11-20), or a
    /// time (2026-11-20T09:30, in the time zone of this machine, or UTC where it has none)
    #[arg(long, value_name = "WHEN", value_parser = parse)]
    since: Since,

    /// Only say how many there are
    #[arg(long)]
    dry_run: bool,

    /// Write JSON for programs instead of text for people
    #[arg(long)]
    json: bool,
}

/// A time, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Since(u64);

/// Brings them back, whether the server runs or not.
///
/// # Errors
/// A refusal, or the store failed; what came back until then stands.
pub fn run(config: &Config, arguments: &Arguments) -> Result<()> {
    let request = Errand::Undelete {
        address: arguments.address.clone(),
        since: arguments.since.0,
        dry_run: arguments.dry_run,
    };
    let (moving, response) = carry(config, &request)?;
    let Response::Undeletable(mut done) = response else {
        return Err(unexpected());
    };
    let Moving { mut carrier, here } = moving;
    loop {
        match carrier.receive()? {
            Parcel::Undeleted(undeleted) => done = undeleted,
            Parcel::End => break,
            Parcel::Refused(refusal) => return Err(refusal.into()),
            Parcel::Letter(_)
            | Parcel::Octets(_)
            | Parcel::Complete
            | Parcel::Taken(_)
            | Parcel::Compacted(_) => {
                return Err(unexpected());
            }
        }
    }
    drop((carrier, here));
    if arguments.json {
        return print_json(&done);
    }
    print(&describe(&done, &arguments.address, arguments.dry_run))
}

fn describe(done: &Undeleted, address: &Mailbox, dry_run: bool) -> String {
    let address = address.unicode();
    if *done == Undeleted::default() {
        return format!("Nothing that was removed from {address} since then is still kept.");
    }
    let what = format!(
        "{} ({})",
        counted(done.messages, "message"),
        size(done.octets)
    );
    let mut said = if dry_run {
        format!("{what} of {address} would come back.")
    } else {
        format!("{what} of {address} came back, as new messages.")
    };
    if done.unreadable > 0 {
        said.push_str(&format!(
            "\n{} cannot be read any more.",
            counted(done.unreadable, "message")
        ));
    }
    said
}

fn parse(text: &str) -> Result<Since, String> {
    since(text, &Zoned::now())
}

fn since(text: &str, now: &Zoned) -> Result<Since, String> {
    let text = text.trim();
    let zone = now.time_zone();
    let timestamp = ago(text, now)
        .or_else(|| text.parse().ok())
        .or_else(|| at(text, zone));
    match timestamp {
        Some(timestamp) if timestamp > now.timestamp() => Err("that is in the future".to_owned()),
        Some(timestamp) => Ok(Since(
            u64::try_from(timestamp.as_millisecond()).unwrap_or(0),
        )),
        None => Err(
            "write how long ago, such as 2h or 3days, a day such as 2026-11-20, \
            or a time such as 2026-11-20T09:30"
                .to_owned(),
        ),
    }
}

fn ago(text: &str, now: &Zoned) -> Option<Timestamp> {
    let ago = humantime::parse_duration(text).ok()?;
    let then = SystemTime::from(now.timestamp()).checked_sub(ago)?;
    Timestamp::try_from(then).ok()
}

/// A day or a time of this place.
fn at(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let time: civil::DateTime = match text.parse::<civil::Date>() {
        Ok(day) if text.len() <= 10 => day.into(),
        _ => text.parse().ok()?,
    };
    Some(time.to_zoned(zone.clone()).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_ago_or_on_a_day_or_exact() {
        let now: Zoned = "2026-11-22T12:00+01:00[+01:00]".parse().unwrap();
        let at = |text: &str| since(text, &now).map(|Since(at)| at / 1_000);
        let second = |text: &str| text.parse::<Timestamp>().unwrap().as_second() as u64;
        for (text, expected) in [
            ("2h", "2026-11-22T09:00:00Z"),
            ("3days", "2026-11-19T11:00:00Z"),
            ("2026-11-20", "2026-11-19T23:00:00Z"),
            ("2026-11-20T09:30", "2026-11-20T08:30:00Z"),
            ("2026-11-20T09:30:00Z", "2026-11-20T09:30:00Z"),
        ] {
            assert_eq!(at(text), Ok(second(expected)), "{text}");
        }
        assert!(at("2026-11-23").unwrap_err().contains("future"));
        assert!(at("yesterday-ish").unwrap_err().contains("2h"));
    }

    #[test]
    fn what_came_back_is_said() {
        let alice: Mailbox = "alice@example.test".parse().unwrap();
        let done = Undeleted {
            messages: 2,
            octets: 3_000,
            unreadable: 1,
        };
        assert_eq!(
            describe(&done, &alice, false),
            "2 messages (3.0 kB) of alice@example.test came back, as new messages.\n\
            1 message cannot be read any more."
        );
        let nothing = describe(&Undeleted::default(), &alice, true);
        assert!(nothing.starts_with("Nothing"), "{nothing}");
    }
}
