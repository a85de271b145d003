//! What senders are told while somebody is away: how it is typed, and how it is shown.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use address::Mailbox;
use admin::{HandlingRequest, Response};
use anyhow::{Context, Result, bail};
use clap::Args;
use delivery::vacation::{LONGEST_TEXT, SHORTEST_PERIOD, Settings};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{ask, unexpected};
use crate::cli::report::Stuck;
use crate::cli::table::counted;
use crate::cli::{Listing, print_json};
use crate::config::{Config, When};
use crate::terminal::print;

/// Arguments of `account vacation`; with the address alone it shows what is set.
#[derive(Debug, Args)]
pub struct Vacation {
    /// Its full address
    #[arg(value_parser = Mailbox::parse_user)]
    address: Mailbox,
    /// What senders are told
    #[arg(long, conflicts_with_all = ["text_file", "off"])]
    text: Option<String>,
    /// The file with what senders are told; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "off")]
    text_file: Option<PathBuf>,
    /// The subject of replies; without one it is that of the message, with `Auto:` before it
    #[arg(long, conflicts_with = "off")]
    subject: Option<String>,
    /// The first day, such as 2027-08-01, or a time such as 2027-08-01T12:00:00Z; `now` is from now on
    #[arg(long, value_name = "DATE", conflicts_with = "off", value_parser = When::parse)]
    from: Option<When>,
    /// The last day, or the time it ends; `open` is until it is switched off
    #[arg(long, value_name = "DATE", conflicts_with = "off", value_parser = When::parse)]
    until: Option<When>,
    /// For how long nobody is told again, such as 7d
    #[arg(long, value_name = "TIME", conflicts_with = "off", value_parser = humantime::parse_duration)]
    period: Option<Duration>,
    /// Tell nobody any more
    #[arg(long)]
    off: bool,
    #[command(flatten)]
    listing: Listing,
}

impl Vacation {
    fn changes(&self) -> bool {
        self.text.is_some()
            || self.text_file.is_some()
            || self.subject.is_some()
            || self.from.is_some()
            || self.until.is_some()
            || self.period.is_some()
    }

    /// What was set before, with what is said now.
    fn over(self, before: Option<Settings>, zone: &TimeZone) -> Result<Settings> {
        let text = match (self.text, &self.text_file) {
            (Some(text), _) => Some(text),
            (None, Some(file)) => Some(read(file)?),
            (None, None) => None,
        };
        let mut settings = match (before, text) {
            (before, Some(text)) => Settings {
                text,
                ..before.unwrap_or_else(|| Settings::new(String::new()))
            },
            (Some(before), None) => before,
            (None, None) => bail!(Stuck::new(
                "nothing is said to senders yet",
                "say what, with --text or --text-file"
            )),
        };
        if let Some(subject) = self.subject {
            settings.subject = Some(subject).filter(|subject| !subject.is_empty());
        }
        if let Some(from) = self.from {
            settings.from = from.second(false, zone)?;
        }
        if let Some(until) = self.until {
            settings.until = until.second(true, zone)?;
        }
        if let Some(period) = self.period {
            settings.period = period.as_secs();
        }
        Ok(settings)
    }
}

/// No longer than it may be; one octet more is enough to be refused.
fn read(file: &Path) -> Result<String> {
    let most = LONGEST_TEXT as u64 + 1;
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(most).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(most).read_to_string(&mut text))
    };
    read.with_context(|| format!("cannot read {}", file.display()))?;
    Ok(text)
}

/// Carries `account vacation` out, and shows what is set then.
pub fn vacation(config: &Config, typed: Vacation) -> Result<()> {
    let (address, json) = (typed.address.clone(), typed.listing.json);
    let zone = TimeZone::system();
    if typed.off || typed.changes() {
        let settings = if typed.off {
            None
        } else {
            Some(typed.over(set(config, &address)?, &zone)?)
        };
        let address = address.clone();
        ask(
            config,
            &HandlingRequest::Vacation { address, settings }.into(),
        )?;
    }
    let settings = set(config, &address)?;
    if json {
        return print_json(&settings);
    }
    print(&describe(
        &address,
        settings.as_ref(),
        &zone,
        Timestamp::now(),
    ))
}

fn is_over(settings: &Settings, now: Timestamp) -> bool {
    let now = u64::try_from(now.as_second()).unwrap_or_default();
    settings.until.is_some_and(|until| until <= now)
}

fn set(config: &Config, address: &Mailbox) -> Result<Option<Settings>> {
    let address = address.clone();
    let shown = ask(config, &HandlingRequest::VacationShow { address }.into())?;
    let Response::Vacation { settings, .. } = shown else {
        return Err(unexpected());
    };
    Ok(settings)
}

fn describe(
    address: &Mailbox,
    settings: Option<&Settings>,
    zone: &TimeZone,
    now: Timestamp,
) -> String {
    let shown = address.unicode();
    let Some(settings) = settings else {
        return format!("Nobody is told anything when writing to {shown}.");
    };
    let at = |second: u64| {
        let second = i64::try_from(second).unwrap_or(i64::MAX);
        let time = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        time.to_zoned(zone.clone())
            .strftime("%Y-%m-%d %H:%M %Z")
            .to_string()
    };
    let from = settings.from.map(|from| format!(" from {}", at(from)));
    let until = settings.until.map(|until| format!(" until {}", at(until)));
    let period = match settings.period {
        days if days % SHORTEST_PERIOD == 0 => counted(days / SHORTEST_PERIOD, "day"),
        other => humantime::format_duration(Duration::from_secs(other)).to_string(),
    };
    let subject = settings
        .subject
        .as_deref()
        .unwrap_or("Auto: (that of the message)");
    let over = match is_over(settings, now) {
        true => {
            "This vacation is over already: nobody is told anything (`--until open`, or a later day, begins it again). \
             It was:\n\n"
        }
        false => "",
    };
    format!(
        "{over}Whoever writes to {shown}{}{} is told, once in {period}:\n\nSubject: {subject}\n\n{}",
        from.unwrap_or_default(),
        until.unwrap_or_default(),
        settings.text.trim_end()
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        vacation: Vacation,
    }

    fn typed(words: &[&str]) -> Vacation {
        let words = ["vacation", "alice@example.test"].iter().chain(words);
        Line::try_parse_from(words).unwrap().vacation
    }

    #[test]
    fn the_last_day_is_one_of_the_vacation() {
        let zone = TimeZone::UTC;
        let vacation = typed(&[
            "--text",
            "away",
            "--from",
            "2027-08-01",
            "--until",
            "2027-08-14",
        ]);
        let settings = vacation.over(None, &zone).unwrap();
        let day = 24 * 60 * 60;
        assert_eq!(settings.until.unwrap() - settings.from.unwrap(), 14 * day);
        let address = Mailbox::parse_user("alice@example.test").unwrap();
        assert_eq!(
            describe(&address, Some(&settings), &zone, Timestamp::UNIX_EPOCH),
            "Whoever writes to alice@example.test from 2027-08-01 00:00 UTC until 2027-08-15 00:00 UTC is told, \
             once in 7 days:\n\nSubject: Auto: (that of the message)\n\naway"
        );
    }

    #[test]
    fn what_is_over_is_known_to_be() {
        let now = Timestamp::from_second(1_000).unwrap();
        for (until, over) in [(None, false), (Some(1_001), false), (Some(1_000), true)] {
            let settings = Settings {
                until,
                ..Settings::new(String::new())
            };
            assert_eq!(is_over(&settings, now), over, "{until:?}");
            let address = Mailbox::parse_user("alice@example.test").unwrap();
            let text = describe(&address, Some(&settings), &TimeZone::UTC, now);
            assert_eq!(
                text.starts_with("This vacation is over already") && text.contains("--until open"),
                over,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_named_stays() {
        let zone = TimeZone::UTC;
        let first = typed(&[
            "--text",
            "away",
            "--until",
            "2027-08-14",
            "--subject",
            "Gone",
        ]);
        let first = first.over(None, &zone).unwrap();
        let second = typed(&[
            "--until",
            "open",
            "--period",
            "2d",
            "--from",
            "2027-08-01T12:00:00Z",
        ]);
        let second = second.over(Some(first.clone()), &zone).unwrap();
        let expected = Settings {
            from: Some(1_817_121_600),
            until: None,
            period: 2 * 24 * 60 * 60,
            ..first
        };
        assert_eq!(second, expected);
        let third = typed(&["--text", "still away", "--subject", "", "--from", "now"]);
        let third = third.over(Some(second.clone()), &zone).unwrap();
        let expected = Settings {
            text: "still away".to_owned(),
            subject: None,
            from: None,
            ..second
        };
        assert_eq!(third, expected);
        assert!(typed(&["--period", "2d"]).over(None, &zone).is_err());
    }

    #[test]
    fn a_text_comes_from_a_file_and_no_more_of_it_than_is_needed_to_refuse_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("away.txt");
        std::fs::write(&file, "x".repeat(2 * LONGEST_TEXT)).unwrap();
        let vacation = typed(&["--text-file", file.to_str().unwrap()]);
        let settings = vacation.over(None, &TimeZone::UTC).unwrap();
        assert_eq!(settings.text.len(), LONGEST_TEXT + 1);
        assert!(delivery::vacation::Vacation::new(settings).is_err());
    }
}
