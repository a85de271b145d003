//! Who hears of what became of a recipient: the rules of RFC 3461. Nothing is written here.

use address::ReversePath;
use address::dsn::Notify;

use crate::facts::{Action, Outcome};

/// Who is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// The sender.
    Sender,
    /// Our postmaster: there is no sender, and somebody has to know.
    Postmaster,
    /// Nobody.
    Nobody,
}

/// Who is told of this outcome of a message with this reverse-path.
///
/// | | sender known | `<>` |
/// |---|---|---|
/// | NOTIFY=NEVER | nobody | nobody |
/// | asked for, or a failure or delay without NOTIFY | the sender | of a failure the postmaster, else nobody |
/// | not asked for | nobody | nobody |
///
/// A report for a sender goes out without NOTIFY, so the postmaster hears when it fails (the double bounce). One for the
/// postmaster goes out with NOTIFY=NEVER, which aliases hand on, so it can start no circle.
#[must_use]
pub fn whom(reverse_path: &ReversePath, outcome: &Outcome<'_>) -> Whom {
    if !asked(outcome.recipient.notify, outcome.action, outcome.deliver_by) {
        return Whom::Nobody;
    }
    match (reverse_path, outcome.action) {
        (ReversePath::Mailbox(_), _) => Whom::Sender,
        // RFC 3461 section 6: never to `<>`; the postmaster should be told of failures.
        (ReversePath::Null, Action::Failed) => Whom::Postmaster,
        (
            ReversePath::Null,
            Action::Delayed | Action::Delivered | Action::Relayed | Action::Expanded,
        ) => Whom::Nobody,
    }
}

/// What handing a message to another server is, for the report: [`Action::Relayed`] to one that does not take the
/// sender's wishes (RFC 3461 section 5.2.2), nothing to one that does and will report itself (section 5.2.1).
#[must_use]
pub const fn passed_on(takes_dsn: bool) -> Option<Action> {
    if takes_dsn {
        None
    } else {
        Some(Action::Relayed)
    }
}

/// RFC 3461 section 4.1: what NOTIFY asks for; without it failures, and delays at our choice, which is yes.
const fn asked(notify: Option<Notify>, action: Action, deliver_by: bool) -> bool {
    let Some(notify) = notify else {
        return deliver_by || matches!(action, Action::Failed | Action::Delayed);
    };
    match (notify, action) {
        (Notify::Never, _) => false,
        // RFC 2852 sections 4.1.3 and 4.1.4.2.
        (Notify::On { .. }, _) if deliver_by => true,
        (Notify::On { failure, .. }, Action::Failed) => failure,
        (Notify::On { delay, .. }, Action::Delayed) => delay,
        (Notify::On { success, .. }, Action::Delivered | Action::Relayed | Action::Expanded) => {
            success
        }
    }
}

#[cfg(test)]
mod tests {
    use address::Recipient;
    use address::dsn::Notify;
    use reply::Enhanced;

    use super::{Whom, passed_on, whom};
    use crate::facts::{Action, Outcome, Why};

    #[track_caller]
    fn check(notify: Option<&str>, deliver_by: bool, to_sender: &[Action], from_null: &[Action]) {
        let recipient = Recipient {
            path: "<bob@example.org>".parse().unwrap(),
            notify: notify.map(|value| Notify::parse(value.as_bytes()).unwrap()),
            orcpt: None,
        };
        for action in Action::ALL {
            let outcome = Outcome {
                recipient: &recipient,
                action,
                status: Enhanced(5, 0, 0),
                why: Why::Status,
                remote: None,
                tried: None,
                until: None,
                deliver_by,
            };
            let of = |path: &str| whom(&path.parse().unwrap(), &outcome);
            let told = |yes: bool, who| if yes { who } else { Whom::Nobody };
            assert_eq!(
                of("<alice@example.test>"),
                told(to_sender.contains(&action), Whom::Sender),
                "{notify:?} {action:?}"
            );
            assert_eq!(
                of("<>"),
                told(from_null.contains(&action), Whom::Postmaster),
                "{notify:?} {action:?} <>"
            );
        }
    }

    // DSN-07, DSN-08, DSN-09, DSN-10, REL-03
    #[test]
    fn notify_and_the_reverse_path_decide_who_hears() {
        use Action::{Delayed, Delivered, Expanded, Failed, Relayed};
        check(None, false, &[Failed, Delayed], &[Failed]);
        check(Some("NEVER"), false, &[], &[]);
        check(Some("FAILURE"), false, &[Failed], &[Failed]);
        check(Some("DELAY"), false, &[Delayed], &[]);
        check(Some("SUCCESS"), false, &[Delivered, Relayed, Expanded], &[]);
        check(
            Some("SUCCESS,FAILURE,DELAY"),
            false,
            &Action::ALL,
            &[Failed],
        );
        // EXT-24: BY wants it told, whatever NOTIFY names; but NEVER is never.
        check(None, true, &Action::ALL, &[Failed]);
        check(Some("FAILURE"), true, &Action::ALL, &[Failed]);
        check(Some("NEVER"), true, &[], &[]);
    }

    // DSN-06
    #[test]
    fn only_a_server_that_will_not_report_makes_a_relayed_report() {
        assert_eq!(passed_on(true), None);
        assert_eq!(passed_on(false), Some(Action::Relayed));
    }
}
