//! What tells mail of machines from mail of people, for whoever would write back (RFC 3834).

use address::Mailbox;

use crate::fields::Field;

/// What a message says about where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Machine {
    /// A program made it.
    Automatic,
    /// It came through a list, or is one of many alike.
    List,
}

/// Local parts behind which there is nobody (RFC 3834 section 2, RFC 5230 section 4.6, and what is common).
const ROBOTS: [&str; 12] = [
    "mailer-daemon",
    "listserv",
    "majordomo",
    "bounce",
    "bounces",
    "noreply",
    "no-reply",
    "no_reply",
    "donotreply",
    "do-not-reply",
    "do_not_reply",
    "owner",
];
/// How such local parts begin.
const ROBOTS_BEGIN: [&str; 5] = ["owner-", "bounce-", "bounces-", "bounce_", "bounces_"];
/// How such local parts end.
const ROBOTS_END: [&str; 4] = ["-request", "-bounce", "-bounces", "-owner"];

/// Whether an address is one that programs have.
pub(crate) fn is_robot(sender: &Mailbox) -> bool {
    let local = address::fold(sender.local.base());
    ROBOTS.contains(&local.as_str())
        || ROBOTS_BEGIN.iter().any(|start| local.starts_with(start))
        || ROBOTS_END.iter().any(|end| local.ends_with(end))
}

/// Whether a field says so.
pub(crate) fn machine(field: &Field<'_>) -> Option<Machine> {
    // RFC 3834 section 5.1: only `no` says that a person wrote it.
    if field.is("Auto-Submitted") && field.keyword() != "no" {
        return Some(Machine::Automatic);
    }
    // What Exchange writes when it asks for the same.
    if field.is("X-Auto-Response-Suppress") {
        let text = field.text().to_ascii_lowercase();
        let asks = |word: &str| matches!(word.trim(), "all" | "oof" | "autoreply");
        if text.split(',').any(asks) {
            return Some(Machine::Automatic);
        }
    }
    // Reports (RFC 6522), some of which come with a sender.
    if field.is("Content-Type") && field.keyword() == "multipart/report" {
        return Some(Machine::Automatic);
    }
    // RFC 2369, RFC 2919: whatever there is about a list.
    if field.begins("List-") || field.is("Mailing-List") {
        return Some(Machine::List);
    }
    if field.is("Precedence") && matches!(field.keyword().as_str(), "bulk" | "list" | "junk") {
        return Some(Machine::List);
    }
    None
}
