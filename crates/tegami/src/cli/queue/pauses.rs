//! `tegami queue pause` and `resume`: what they did, in words.

use admin::{QueueRequest, QueueResponse};
use anyhow::Result;

use super::{request, unexpected};
use crate::config::Config;
use crate::terminal::print;

/// Pauses everything or one name, or ends every pause or one.
pub(super) fn order(config: &Config, hop: Option<String>, paused: bool) -> Result<()> {
    let order = QueueRequest::Pause {
        hop: hop.clone(),
        paused,
    };
    let QueueResponse::Paused { now, ended, idle } = request(config, order)? else {
        return Err(unexpected());
    };
    print(&match paused {
        true => began(hop.as_deref(), &now, idle),
        false => over(hop.as_deref(), &now, &ended),
    })
}

fn began(hop: Option<&str>, now: &[String], idle: bool) -> String {
    let mut text = format!(
        "Paused: {}. Mail for it is taken and waits; `tegami queue resume` lets it leave.",
        now.join(", ")
    );
    if let Some(hop) = hop.filter(|_| idle) {
        text.push_str(&format!(
            "\nNothing that waits goes to {hop} now, and no server of [relay] is called so: is it spelled right?"
        ));
    }
    text
}

fn over(hop: Option<&str>, now: &[String], ended: &[String]) -> String {
    let mut text = match (ended, hop) {
        ([], Some(hop)) => format!("{hop} was not paused."),
        ([], None) => "Nothing was paused.".to_owned(),
        ([first, others @ ..], _) if first == "everything" && !others.is_empty() => {
            format!(
                "Resumed: everything, with {} of {}.",
                if others.len() == 1 {
                    "the pause"
                } else {
                    "the pauses"
                },
                others.join(", ")
            )
        }
        (ended, _) => format!("Resumed: {}.", ended.join(", ")),
    };
    if now.is_empty() {
        text.push_str(" All mail leaves.");
    } else {
        text.push_str(&format!(
            " Still paused: {}; `tegami queue resume` without a name ends every pause.",
            now.join(", ")
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_resume_says_what_it_ended_and_what_still_waits() {
        let check = |hop: Option<&str>, now: &[&str], ended: &[&str], expected: &str| {
            assert_eq!(over(hop, &names(now), &names(ended)), expected);
        };
        check(None, &[], &[], "Nothing was paused. All mail leaves.");
        check(
            None,
            &[],
            &["everything"],
            "Resumed: everything. All mail leaves.",
        );
        check(
            None,
            &[],
            &["everything", "a.test", "b.test"],
            "Resumed: everything, with the pauses of a.test, b.test. All mail leaves.",
        );
        check(
            Some("a.test"),
            &["everything"],
            &["a.test"],
            "Resumed: a.test. Still paused: everything; `tegami queue resume` without a name ends every pause.",
        );
        check(
            Some("c.test"),
            &["a.test"],
            &[],
            "c.test was not paused. Still paused: a.test; `tegami queue resume` without a name ends every pause.",
        );
    }

    #[test]
    fn a_pause_of_what_nobody_knows_is_said() {
        let text = began(Some("wrld.test"), &names(&["wrld.test"]), true);
        assert!(
            text.contains("Nothing that waits goes to wrld.test now"),
            "{text}"
        );
        let text = began(Some("world.test"), &names(&["world.test"]), false);
        assert!(!text.contains("Nothing"), "{text}");
    }
}
