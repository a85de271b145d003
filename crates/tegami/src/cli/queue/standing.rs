//! Why mail waits and what comes next, in words.

use admin::{HeardFacts, QueuedFacts, QueuedRecipient, Standing};

use super::span;

/// What happens to a message next, and why it is still there.
pub(super) fn of_message(message: &QueuedFacts, now: u64) -> String {
    let recipients = message.recipients.iter();
    let mut sending = recipients.clone();
    if sending.any(|one| one.standing == Standing::Sending) {
        return "being sent now".to_owned();
    }
    let wanted = recipients.clone().filter(|one| !one.held);
    let Some(next) = wanted.min_by_key(|one| one.due) else {
        let held = recipients.map(|one| one.standing.clone()).next();
        return waiting(&held.unwrap_or(Standing::Held));
    };
    let text = of_recipient(next, now);
    let heard = recipients.filter_map(|one| one.heard.as_ref());
    let heard = heard.max_by_key(|heard| heard.when);
    let is_timed = match &next.standing {
        Standing::Waits | Standing::NotRunning | Standing::Kept { .. } => true,
        Standing::Shut { .. } => !is_shut(next, now),
        Standing::Sending
        | Standing::Held
        | Standing::Moderated { .. }
        | Standing::Paused { .. }
        | Standing::Stopped
        | Standing::NoWay { .. } => false,
    };
    match heard.filter(|_| is_timed) {
        Some(heard) => format!("{text}; {}", said(heard)),
        None => text,
    }
}

/// It has to wait longer for the server than for its own time.
fn is_shut(recipient: &QueuedRecipient, now: u64) -> bool {
    match recipient.standing {
        Standing::Shut { until, .. } => until > now.max(recipient.due),
        Standing::NotRunning
        | Standing::Sending
        | Standing::Waits
        | Standing::Held
        | Standing::Moderated { .. }
        | Standing::Paused { .. }
        | Standing::Stopped
        | Standing::Kept { .. }
        | Standing::NoWay { .. } => false,
    }
}

/// The same of one recipient.
pub(super) fn of_recipient(recipient: &QueuedRecipient, now: u64) -> String {
    let is_new = recipient.attempts == 0 && recipient.tried.is_none();
    let time = if is_new { "first" } else { "next" };
    let due = recipient.due.saturating_sub(now);
    match &recipient.standing {
        Standing::Held => format!(
            "{}, until `tegami queue release`",
            waiting(&recipient.standing)
        ),
        Standing::NotRunning if due == 0 => format!("{time} try when the server runs"),
        Standing::Waits if due == 0 && is_new => "about to be sent".to_owned(),
        Standing::Waits if due == 0 => "about to be tried again".to_owned(),
        Standing::Shut { hop, until, heard } if is_shut(recipient, now) => {
            let words = match heard {
                Some(heard) => format!(": {}", said(heard)),
                None => String::new(),
            };
            let pause = span(until - now);
            format!("waits for {hop}, which is tried again in {pause}{words}")
        }
        Standing::Shut { .. } if due == 0 => "about to be tried again".to_owned(),
        Standing::NotRunning | Standing::Waits | Standing::Shut { .. } => {
            format!("{time} try in {}", span(due))
        }
        standing @ (Standing::Sending
        | Standing::Moderated { .. }
        | Standing::Paused { .. }
        | Standing::Stopped
        | Standing::Kept { .. }
        | Standing::NoWay { .. }) => waiting(standing),
    }
}

/// What does not depend on the time.
fn waiting(standing: &Standing) -> String {
    match standing {
        Standing::Sending => "being sent now".to_owned(),
        Standing::Held => "held by an administrator".to_owned(),
        Standing::Moderated { list } => {
            format!("held for the moderators of {}", list.unicode())
        }
        Standing::Paused { hop: None } => "the queue is paused".to_owned(),
        Standing::Paused { hop: Some(hop) } => format!("mail for {hop} is paused"),
        Standing::Stopped => {
            "its account has written to as many as it may today (relay.recipients_per_day)"
                .to_owned()
        }
        Standing::Kept { account: Some(who) } => {
            format!("waits until {} fetches it", who.unicode())
        }
        Standing::Kept { account: None } => "waits until it is fetched".to_owned(),
        Standing::NoWay { words } => words.clone(),
        Standing::NotRunning | Standing::Waits | Standing::Shut { .. } => "waits".to_owned(),
    }
}

/// What was heard, with who said it unless the words say so.
pub(super) fn said(heard: &HeardFacts) -> String {
    if heard.host.is_empty() || heard.words.contains(&heard.host) {
        heard.words.clone()
    } else {
        format!("{}: {}", heard.host, heard.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    fn facts(standing: Standing, due: u64, attempts: u32) -> QueuedRecipient {
        QueuedRecipient {
            address: "you@b.test".to_owned(),
            hop: Some("b.test".to_owned()),
            forwarded: false,
            held: matches!(standing, Standing::Held | Standing::Moderated { .. }),
            standing,
            due,
            attempts,
            tried: None,
            told: false,
            heard: None,
        }
    }

    /// At ten minutes.
    #[track_caller]
    fn check(standing: Standing, due: u64, attempts: u32, expected: &str) {
        let recipient = facts(standing, due, attempts);
        assert_eq!(of_recipient(&recipient, 10 * MINUTE), expected);
    }

    #[test]
    fn whoever_waits_is_told_for_what() {
        check(Standing::Waits, 0, 0, "about to be sent");
        check(Standing::Waits, 0, 3, "about to be tried again");
        check(Standing::Waits, 15 * MINUTE, 3, "next try in 5m");
        check(Standing::Waits, 15 * MINUTE, 0, "first try in 5m");
        check(Standing::NotRunning, 0, 0, "first try when the server runs");
        check(Standing::NotRunning, 15 * MINUTE, 1, "next try in 5m");
        check(Standing::Sending, 0, 0, "being sent now");
        let by_hand = "held by an administrator, until `tegami queue release`";
        check(Standing::Held, 0, 0, by_hand);
        let list = "list@a.test".parse().unwrap();
        let held = "held for the moderators of list@a.test";
        check(Standing::Moderated { list }, 0, 0, held);
        check(Standing::Paused { hop: None }, 0, 0, "the queue is paused");
        let account = Some("spoke@a.test".parse().unwrap());
        let kept = "waits until spoke@a.test fetches it";
        check(Standing::Kept { account }, 0, 0, kept);
        let hop = Some("b.test".to_owned());
        check(Standing::Paused { hop }, 0, 0, "mail for b.test is paused");
        let words = "the account that sent it is disabled".to_owned();
        let told = words.clone();
        check(Standing::NoWay { words }, 0, 0, &told);
    }

    #[test]
    fn mail_behind_a_server_that_cannot_be_reached_names_it_and_its_last_words() {
        let shut = |until, heard: bool| Standing::Shut {
            hop: "b.test".to_owned(),
            until,
            heard: heard.then(|| HeardFacts {
                host: "mx.b.test".to_owned(),
                words: "it does not answer (4.4.1)".to_owned(),
                when: 0,
            }),
        };
        let words =
            "waits for b.test, which is tried again in 4m: mx.b.test: it does not answer (4.4.1)";
        check(shut(14 * MINUTE, true), 0, 0, words);
        let words = "waits for b.test, which is tried again in 4m";
        check(shut(14 * MINUTE, false), 0, 2, words);
        check(shut(14 * MINUTE, true), 20 * MINUTE, 2, "next try in 10m");
        check(shut(9 * MINUTE, true), 0, 2, "about to be tried again");
    }

    #[test]
    fn a_message_is_where_its_next_recipient_is() {
        let check = |recipients: Vec<QueuedRecipient>, expected: &str| {
            let message = QueuedFacts {
                id: 1,
                octets: 1,
                sender: "<me@a.test>".to_owned(),
                account: None,
                received: 0,
                release: None,
                recipients,
                more: 0,
            };
            assert_eq!(of_message(&message, 10 * MINUTE), expected);
        };
        let held = facts(Standing::Held, 0, 0);
        let sending = facts(Standing::Sending, 90 * MINUTE, 0);
        let paused = facts(Standing::Paused { hop: None }, 5 * MINUTE, 0);
        check(vec![held.clone()], "held by an administrator");
        check(vec![held.clone(), paused.clone()], "the queue is paused");
        check(vec![held, paused, sending], "being sent now");
    }
}
