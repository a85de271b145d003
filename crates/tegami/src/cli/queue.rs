//! `tegami queue`: mail that waits to leave, what became of it so far, and what people decide about it.

mod pauses;
mod standing;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use address::{Domain, Mailbox, ReversePath};
use admin::{
    QueueFacts, QueueRequest, QueueResponse, QueuedFacts, QueuedRecipient, Request, Response, Which,
};
use anyhow::{Result, anyhow};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::access::ask;
use super::account::unexpected;
use super::table::{counted, size, table};
use super::{Listing, print_json};
use crate::config::Config;
use crate::terminal::print;

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List the messages that wait, with what was said last
    #[command(after_help = "Examples:\n  tegami queue list\n  \
        tegami queue list --domain example.com\n  tegami queue list --from mallory@example.org\n  \
        tegami queue list --json")]
    List {
        /// Only messages to this domain
        #[arg(long, value_parser = domain)]
        domain: Option<Domain>,
        /// Only messages of this sender, by its address or that of its account; "<>" for reports
        #[arg(long, value_name = "ADDRESS", value_parser = sender, conflicts_with = "domain")]
        from: Option<ReversePath>,
        #[command(flatten)]
        listing: Listing,
    },

    /// Show messages: every recipient, what happened so far and what comes next
    #[command(after_help = "Example: tegami queue show 1234")]
    Show {
        /// Their numbers, as `tegami queue list` shows them
        #[arg(value_name = "ID", required = true)]
        ids: Vec<u64>,
        #[command(flatten)]
        listing: Listing,
    },

    /// Try messages now, whatever was tried before
    #[command(after_help = "Examples:\n  tegami queue retry 1234 1235\n  \
        tegami queue retry --domain example.com\n  tegami queue retry --all")]
    Retry(Choice),

    /// Keep messages from being tried until they are released
    #[command(after_help = "Examples:\n  tegami queue hold 1234\n  \
        tegami queue hold --from mallory@example.org")]
    Hold(Choice),

    /// Let held messages be tried again; posts that wait for a moderator of their list only by their ID
    #[command(after_help = "Examples:\n  tegami queue release --all\n  tegami queue release 1234")]
    Release(Choice),

    /// Take messages out of the queue; nobody gets them any more, and their senders hear nothing
    #[command(after_help = "Examples:\n  tegami queue remove 1234\n  \
        tegami queue remove --domain example.com\n  \
        tegami queue remove --from mallory@example.org")]
    Remove(Choice),

    /// Let no mail leave until `tegami queue resume` or a restart; mail for elsewhere is still taken
    #[command(after_help = "Examples:\n  tegami queue pause\n  tegami queue pause example.com")]
    Pause {
        /// Only mail that goes to this domain, or by this server of the configuration
        #[arg(value_name = "DOMAIN-OR-SERVER")]
        hop: Option<String>,
    },

    /// Let mail leave again: all of it, whatever was paused, or what one pause holds
    #[command(after_help = "Examples:\n  tegami queue resume\n  tegami queue resume example.com")]
    Resume {
        /// End only the pause of this domain, or of this server of the configuration
        #[arg(value_name = "DOMAIN-OR-SERVER")]
        hop: Option<String>,
    },
}

fn domain(text: &str) -> Result<Domain, String> {
    Domain::parse(text).map_err(|error| error.to_string())
}

/// With or without the angle brackets that a list shows; without them, nothing is nobody.
fn sender(text: &str) -> Result<ReversePath, String> {
    if text == "<>" {
        return Ok(ReversePath::Null);
    }
    let bare = text.trim_start_matches('<').trim_end_matches('>');
    let mailbox = Mailbox::parse_user(bare).map_err(|error| error.to_string())?;
    Ok(ReversePath::Mailbox(mailbox))
}

/// Which messages.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Choice {
    /// The numbers of messages, as `tegami queue list` shows them
    #[arg(value_name = "ID")]
    ids: Vec<u64>,
    /// Messages to this domain
    #[arg(long, value_parser = domain)]
    domain: Option<Domain>,
    /// Messages of this sender, by its address or that of its account; "<>" for reports
    #[arg(long, value_name = "ADDRESS", value_parser = sender)]
    from: Option<ReversePath>,
    /// Every message
    #[arg(long)]
    all: bool,
}

impl From<Choice> for Which {
    fn from(choice: Choice) -> Self {
        match (choice.domain, choice.from) {
            (Some(domain), _) => Self::Domain(domain),
            (None, Some(sender)) => Self::Sender(sender),
            (None, None) if choice.all => Self::All,
            (None, None) => Self::Messages(choice.ids),
        }
    }
}

impl Verb {
    /// Carries it out.
    ///
    /// # Errors
    /// A refusal, or nobody could be asked.
    pub fn run(self, config: &Config) -> Result<()> {
        match self {
            Self::List {
                domain,
                from,
                listing,
            } => {
                let by_sender = from.map_or(Which::All, Which::Sender);
                list(config, domain.map_or(by_sender, Which::Domain), listing)
            }
            Self::Show { ids, listing } => show(config, &ids, listing),
            Self::Retry(choice) => {
                let which = choice.into();
                decide(config, QueueRequest::Retry { which }, "tried now")
            }
            Self::Hold(choice) => {
                let which = choice.into();
                decide(
                    config,
                    QueueRequest::Hold { which },
                    "held until `tegami queue release`",
                )
            }
            Self::Release(choice) => {
                let which = choice.into();
                decide(config, QueueRequest::Release { which }, "released")
            }
            Self::Remove(choice) => {
                let which = choice.into();
                decide(config, QueueRequest::Remove { which }, "removed")
            }
            Self::Pause { hop } => pauses::order(config, hop, true),
            Self::Resume { hop } => pauses::order(config, hop, false),
        }
    }
}

fn request(config: &Config, request: QueueRequest) -> Result<QueueResponse> {
    let Response::Queue(response) = ask(config, &Request::Queue(request))? else {
        return Err(unexpected());
    };
    Ok(response)
}

fn decide(config: &Config, order: QueueRequest, done: &str) -> Result<()> {
    let response = request(config, order)?;
    let QueueResponse::Done {
        messages,
        missing,
        perhaps_sent,
        left_out,
    } = response
    else {
        return Err(unexpected());
    };
    print(&decided(messages, done, &perhaps_sent, &left_out))?;
    if missing.is_empty() {
        return Ok(());
    }
    Err(anyhow!(
        "there is no message {} in the queue (any more); see `tegami queue list`",
        joined(&missing, " or ")
    ))
}

fn joined(ids: &[u64], between: &str) -> String {
    let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
    ids.join(between)
}

fn decided(messages: u64, done: &str, perhaps_sent: &[u64], left_out: &[u64]) -> String {
    let mut text = match messages {
        0 if !left_out.is_empty() => format!("No message is {done}."),
        0 => "No messages: none in the queue is meant by that.".to_owned(),
        1 => format!("1 message is {done}."),
        _ => format!("{} are {done}.", counted(messages, "message")),
    };
    match (messages, perhaps_sent) {
        (_, []) => {}
        (1, [_]) => text
            .push_str(" It was being sent at this moment: the other server may have it already."),
        (_, some) => text.push_str(&format!(
            " Being sent at this moment, so that other servers may have them already: {}.",
            joined(some, ", ")
        )),
    }
    let left = match left_out.len() {
        0 => return text,
        1 => "1 post waits for a moderator of its list and is left out".to_owned(),
        number => format!("{number} posts wait for a moderator of their list and are left out"),
    };
    text.push_str(&format!(
        "\n{left}: {}.\nAs a moderator would, `tegami queue release ID` publishes one.",
        joined(left_out, ", ")
    ));
    text
}

/// Everything in the queue, page after page.
#[derive(Serialize)]
struct Listed {
    messages: Vec<QueuedFacts>,
    paused: Vec<String>,
}

fn list(config: &Config, which: Which, listing: Listing) -> Result<()> {
    let (mut all, mut after) = (Vec::new(), Some(0));
    let mut now_paused = Vec::new();
    while let Some(begin) = after {
        let order = QueueRequest::List {
            which: which.clone(),
            after: begin,
        };
        let QueueResponse::Listed {
            mut messages,
            next,
            paused,
        } = request(config, order)?
        else {
            return Err(unexpected());
        };
        all.append(&mut messages);
        (after, now_paused) = (next, paused);
    }
    let listed = Listed {
        messages: all,
        paused: now_paused,
    };
    if listing.json {
        return print_json(&listed);
    }
    print(&describe_list(&listed, &which, now()))
}

fn describe_list(listed: &Listed, which: &Which, now: u64) -> String {
    let mut text = String::new();
    if !listed.paused.is_empty() {
        text.push_str(&format!("Paused: {}.\n", listed.paused.join(", ")));
    }
    if listed.messages.is_empty() {
        text.push_str(match which {
            Which::All => "No mail waits to leave.",
            Which::Messages(_) | Which::Domain(_) | Which::Sender(_) => {
                "No such mail waits to leave."
            }
        });
        return text;
    }
    let rows = listed.messages.iter().map(|message| {
        vec![
            message.id.to_string(),
            size(message.octets),
            span(now.saturating_sub(message.received)),
            message.sender.clone(),
            recipients(message),
            standing::of_message(message, now),
        ]
    });
    let heading = ["ID", "SIZE", "AGE", "FROM", "TO", "STATE"];
    text.push_str(&table(&heading, &["ID", "SIZE"], rows));
    text
}

fn recipients(message: &QueuedFacts) -> String {
    let names: Vec<&str> = message
        .recipients
        .iter()
        .map(|one| one.address.as_str())
        .collect();
    match message.more {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

fn show(config: &Config, ids: &[u64], listing: Listing) -> Result<()> {
    for (number, id) in ids.iter().enumerate() {
        let QueueResponse::Shown(message) = request(config, QueueRequest::Show { id: *id })? else {
            return Err(unexpected());
        };
        if listing.json {
            print_json(&message)?;
            continue;
        }
        if number > 0 {
            print("")?;
        }
        print(&describe(&message, now()))?;
    }
    Ok(())
}

fn describe(message: &QueuedFacts, now: u64) -> String {
    let mut lines = vec![format!(
        "Message {} of {}, {}, taken {} ({} ago)",
        message.id,
        message.sender,
        size(message.octets),
        date(message.received),
        span(now.saturating_sub(message.received)),
    )];
    if let Some(account) = &message.account {
        lines.push(format!("Handed in by {}", account.unicode()));
    }
    if let Some(release) = message.release.filter(|release| *release > now) {
        lines.push(format!(
            "Its sender wants it to wait until {}",
            date(release)
        ));
    }
    for recipient in &message.recipients {
        lines.push(String::new());
        lines.extend(describe_recipient(recipient, now));
    }
    if message.more > 0 {
        lines.push(String::new());
        lines.push(format!(
            "and {}",
            counted(message.more, "further recipient")
        ));
    }
    lines.join("\n")
}

fn describe_recipient(recipient: &QueuedRecipient, now: u64) -> Vec<String> {
    let copy = if recipient.forwarded {
        " (a copy that is sent on)"
    } else {
        ""
    };
    let way = match &recipient.hop {
        Some(hop) => format!(", by way of {hop}"),
        None => String::new(),
    };
    let mut lines = vec![format!("{}{copy}{way}", recipient.address)];
    let tries = match (recipient.attempts, recipient.tried) {
        // By hand: such tries are not counted.
        (0, Some(last)) if recipient.heard.is_some() => {
            format!("tried {} ago", span(now.saturating_sub(last)))
        }
        (0, _) => "not tried yet".to_owned(),
        (tries, Some(last)) => format!(
            "tried {}, last {} ago",
            counted(u64::from(tries), "time"),
            span(now.saturating_sub(last))
        ),
        (tries, None) => format!("tried {}", counted(u64::from(tries), "time")),
    };
    lines.push(format!("  {tries}"));
    if let Some(heard) = &recipient.heard {
        lines.push(format!(
            "  {} (at {})",
            standing::said(heard),
            date(heard.when)
        ));
    }
    if recipient.told {
        lines.push("  its sender has been told that it takes long".to_owned());
    }
    lines.push(format!("  {}", standing::of_recipient(recipient, now)));
    lines
}

/// One line for `tegami status`.
pub(super) fn summary(queue: &QueueFacts) -> String {
    if queue.messages == 0 && queue.paused.is_empty() {
        return "empty".to_owned();
    }
    let mut text = format!(
        "{}, {}",
        counted(queue.messages, "message"),
        size(queue.octets)
    );
    if queue.tried > 0 {
        text.push_str(&format!(", {} tried in vain", queue.tried));
    }
    if queue.held > 0 {
        text.push_str(&format!(", {} held", queue.held));
    }
    if let Some(oldest) = queue.oldest {
        let age = span(now().saturating_sub(oldest));
        text.push_str(&format!("; the oldest came {age} ago"));
    }
    if !queue.paused.is_empty() {
        text.push_str(&format!("; PAUSED: {}", queue.paused.join(", ")));
    }
    text
}

/// `in 2h 5m`, or `now`.
pub(super) fn coming(due: u64, now: u64) -> String {
    if due <= now {
        "now".to_owned()
    } else {
        format!("in {}", span(due - now))
    }
}

/// `2h 5m`: the two largest units.
pub(super) fn span(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    let (days, hours) = (seconds / 86_400, seconds % 86_400 / 3600);
    let (minutes, rest) = (seconds % 3600 / 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest}s"),
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}

pub(super) fn date(milliseconds: u64) -> String {
    let time = UNIX_EPOCH + Duration::from_millis(milliseconds);
    match jiff::Timestamp::try_from(time) {
        Ok(time) => time
            .to_zoned(jiff::tz::TimeZone::system())
            .strftime("%Y-%m-%d %H:%M:%S %z")
            .to_string(),
        Err(_) => "at an unknown time".to_owned(),
    }
}

/// Milliseconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use admin::{HeardFacts, Standing};

    use super::*;

    const MINUTE: u64 = 60_000;

    fn recipient() -> QueuedRecipient {
        QueuedRecipient {
            address: "you@b.test".to_owned(),
            hop: Some("b.test".to_owned()),
            forwarded: false,
            held: false,
            standing: Standing::Waits,
            due: 100 * MINUTE,
            attempts: 2,
            tried: Some(80 * MINUTE),
            told: false,
            heard: Some(HeardFacts {
                host: "mx.b.test".to_owned(),
                words: "450 4.2.0 greylisted".to_owned(),
                when: 80 * MINUTE,
            }),
        }
    }

    fn message(recipients: Vec<QueuedRecipient>) -> QueuedFacts {
        QueuedFacts {
            id: 17,
            octets: 4200,
            sender: "<me@a.test>".to_owned(),
            account: None,
            received: 10 * MINUTE,
            release: None,
            recipients,
            more: 0,
        }
    }

    #[test]
    fn a_list_says_for_each_message_why_it_waits() {
        let held = QueuedRecipient {
            held: true,
            standing: Standing::Held,
            heard: None,
            ..recipient()
        };
        let fresh = QueuedRecipient {
            attempts: 0,
            tried: None,
            heard: None,
            due: 0,
            ..recipient()
        };
        for (recipients, more, expected) in [
            (
                vec![recipient()],
                0,
                "17  4.2 kB  1h 20m  <me@a.test>  you@b.test  next try in 10m; mx.b.test: 450 4.2.0 greylisted",
            ),
            (
                vec![held.clone()],
                0,
                "17  4.2 kB  1h 20m  <me@a.test>  you@b.test  held by an administrator",
            ),
            (
                vec![fresh.clone()],
                7,
                "17  4.2 kB  1h 20m  <me@a.test>  you@b.test and 7 more  about to be sent",
            ),
            (
                vec![held, recipient()],
                0,
                "17  4.2 kB  1h 20m  <me@a.test>  you@b.test, you@b.test  next try in 10m; mx.b.test: 450 4.2.0 greylisted",
            ),
        ] {
            let listed = Listed {
                messages: vec![QueuedFacts {
                    more,
                    ..message(recipients)
                }],
                paused: Vec::new(),
            };
            let text = describe_list(&listed, &Which::All, 90 * MINUTE);
            let line: Vec<&str> = text
                .lines()
                .nth(1)
                .unwrap()
                .split("  ")
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .collect();
            assert_eq!(line.join("  "), expected);
        }
        let none = Listed {
            messages: Vec::new(),
            paused: vec!["everything".to_owned()],
        };
        assert_eq!(
            describe_list(&none, &Which::All, 0),
            "Paused: everything.\nNo mail waits to leave."
        );
    }

    #[test]
    fn what_was_done_is_counted_in_words() {
        for (messages, sent, text) in [
            (
                0,
                &[][..],
                "No messages: none in the queue is meant by that.",
            ),
            (1, &[], "1 message is removed."),
            (3, &[], "3 messages are removed."),
            (
                1,
                &[7],
                "1 message is removed. It was being sent at this moment: the other server may have it already.",
            ),
            (
                3,
                &[7, 9],
                "3 messages are removed. Being sent at this moment, so that other servers may have them already: 7, 9.",
            ),
        ] {
            assert_eq!(decided(messages, "removed", sent, &[]), text);
        }
        let publishes = "As a moderator would, `tegami queue release ID` publishes one.";
        assert_eq!(
            decided(2, "released", &[], &[7, 9]),
            format!(
                "2 messages are released.\n2 posts wait for a moderator of their list and are left out: 7, 9.\n{publishes}"
            )
        );
        assert_eq!(
            decided(0, "released", &[], &[7]),
            format!(
                "No message is released.\n1 post waits for a moderator of its list and is left out: 7.\n{publishes}"
            )
        );
    }

    #[test]
    fn a_sender_is_named_with_or_without_brackets() {
        for (text, path) in [
            ("mallory@a.test", "<mallory@a.test>"),
            ("<mallory@a.test>", "<mallory@a.test>"),
            ("<>", "<>"),
        ] {
            assert_eq!(sender(text).unwrap().to_string(), path);
        }
        assert!(sender("mallory").is_err());
    }

    #[test]
    fn a_message_is_told_as_a_story() {
        let copy = QueuedRecipient {
            address: "us@c.test".to_owned(),
            hop: None,
            forwarded: true,
            held: true,
            standing: Standing::Held,
            attempts: 0,
            heard: None,
            told: true,
            ..recipient()
        };
        let text = describe(&message(vec![recipient(), copy]), 90 * MINUTE);
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[0].starts_with("Message 17 of <me@a.test>, 4.2 kB, taken 1970-01-01"),
            "{}",
            lines[0]
        );
        assert!(lines[0].ends_with("(1h 20m ago)"), "{}", lines[0]);
        assert_eq!(lines[2], "you@b.test, by way of b.test");
        assert_eq!(lines[3], "  tried 2 times, last 10m ago");
        assert!(
            lines[4].starts_with("  mx.b.test: 450 4.2.0 greylisted (at 1970-01-01"),
            "{}",
            lines[4]
        );
        assert_eq!(lines[5], "  next try in 10m");
        assert_eq!(
            lines[7..],
            [
                "us@c.test (a copy that is sent on)",
                "  not tried yet",
                "  its sender has been told that it takes long",
                "  held by an administrator, until `tegami queue release`",
            ]
        );
    }

    #[test]
    fn times_are_shown_in_their_two_largest_units() {
        for (milliseconds, text) in [
            (999, "0s"),
            (59_000, "59s"),
            (60 * MINUTE - 1, "59m"),
            (61 * MINUTE, "1h 1m"),
            (24 * 60 * MINUTE, "1d 0h"),
            (50 * 60 * MINUTE, "2d 2h"),
        ] {
            assert_eq!(span(milliseconds), text);
        }
    }
}
