//! What becomes of requests, from people and from others.

use address::{Mailbox, ReversePath};

use super::{Action, Asked, Asking, CONFIRM_DAYS, DAY, Ignored, Request, Requested};
use crate::keys::{Key, Keys};
use crate::list::{Joining, List, tests::settings};

const NOW: u64 = 1_795_310_523;

fn keys(octet: u8) -> Keys {
    Keys::new(Key::new(&[octet; 32]).unwrap(), Vec::new())
}

fn list(joining: Joining) -> List {
    List::new(crate::list::Settings {
        joining,
        ..settings()
    })
    .unwrap()
}

fn mailbox(text: &str) -> Mailbox {
    text.parse().unwrap()
}

fn ask_all(
    list: &List,
    sender: &str,
    login: &[Mailbox],
    header: &str,
    asked: &mut Asked,
    now: u64,
) -> Requested {
    let reverse_path: ReversePath = sender.parse().unwrap();
    let request = Request {
        reverse_path: &reverse_path,
        login,
        header: header.as_bytes(),
    };
    list.requested(
        &request,
        &Asking {
            keys: &keys(1),
            now,
        },
        asked,
    )
}

fn ask(list: &List, sender: &str, subject: &str, now: u64) -> Requested {
    ask_all(
        list,
        sender,
        &[],
        &format!("Subject: {subject}\r\n\r\n"),
        &mut Asked::default(),
        now,
    )
}

const EVE: &str = "<eve@example.net>";
const BOB: &str = "<bob@example.net>";

#[track_caller]
fn word(requested: Requested, expected: Action) -> String {
    let Requested::Confirm(action, _, word) = requested else {
        panic!("{requested:?}");
    };
    assert_eq!(action, expected);
    word
}

#[test]
fn whoever_confirms_joins() {
    let list = list(Joining::Open);
    let word = word(ask(&list, EVE, "subscribe", NOW), Action::Join);
    let joined = Requested::Joined(mailbox("eve@example.net"));
    for subject in [
        format!("confirm {word}"),
        format!("Re: Confirm {}", word.to_lowercase()),
        format!("AW: Re: \"confirm {word}\""),
        format!("confirm\r\n {word}."),
    ] {
        assert_eq!(ask(&list, EVE, &subject, NOW), joined, "{subject}");
    }
    let tagged = "<prvs=0123abcdef=eve@example.net>";
    assert_eq!(
        ask(&list, tagged, &format!("confirm {word}"), NOW),
        joined,
        "her server marks her address"
    );
    // Its owner, under another case of letters.
    assert_eq!(
        ask(&list, "<Eve@EXAMPLE.net>", &format!("confirm {word}"), NOW),
        Requested::Joined(mailbox("Eve@example.net"))
    );
}

#[test]
fn members_leave_when_they_confirm() {
    let list = list(Joining::Closed);
    let word = word(ask(&list, BOB, "unsubscribe", NOW), Action::Leave);
    let left = ask(&list, BOB, &format!("confirm {word}"), NOW);
    assert_eq!(left, Requested::Left(mailbox("bob@example.net")));
}

#[test]
fn a_confirmation_is_for_one_address_one_action_one_list_and_some_days() {
    let list = list(Joining::Open);
    let word = word(ask(&list, EVE, "join", NOW), Action::Join);
    let wrong = |list: &List, sender: &str, word: &str, now| {
        let outcome = ask(list, sender, &format!("confirm {word}"), now);
        assert!(
            matches!(outcome, Requested::WrongConfirmation(_)),
            "{sender} {word} {now}: {outcome:?}"
        );
    };
    wrong(&list, "<mallory@example.net>", &word, NOW);
    wrong(&list, EVE, &word[1..], NOW);
    wrong(&list, EVE, &format!("{word}A"), NOW);
    wrong(&list, EVE, "", NOW);
    wrong(&list, EVE, "é", NOW);
    wrong(&list, EVE, &word.replace(&word[4..5], "7"), NOW);
    let last = NOW + u64::from(CONFIRM_DAYS) * DAY;
    assert!(matches!(
        ask(&list, EVE, &format!("confirm {word}"), last),
        Requested::Joined(_)
    ));
    wrong(&list, EVE, &word, last + DAY);
    wrong(&list, EVE, &word, NOW - DAY);
    let mut other = settings();
    (other.address, other.joining) = (mailbox("other@example.test"), Joining::Open);
    wrong(&List::new(other).unwrap(), EVE, &word, NOW);
    let asking = Asking {
        keys: &keys(2),
        now: NOW,
    };
    assert!(!list.is_confirmation(Action::Join, &mailbox("eve@example.net"), &word, &asking));
    assert!(!list.is_confirmation(
        Action::Leave,
        &mailbox("eve@example.net"),
        &word,
        &Asking {
            keys: &keys(1),
            now: NOW
        }
    ));
}

#[test]
fn whoever_is_logged_in_need_not_confirm() {
    let login = [mailbox("eve@example.net")];
    let header = "Subject: subscribe\r\n\r\n";
    let list = list(Joining::Open);
    let joined = ask_all(&list, EVE, &login, header, &mut Asked::default(), NOW);
    assert_eq!(joined, Requested::Joined(mailbox("eve@example.net")));
    let other = ask_all(
        &list,
        "<mallory@example.net>",
        &login,
        header,
        &mut Asked::default(),
        NOW,
    );
    assert!(matches!(other, Requested::Confirm(..)));
}

#[test]
fn requests_that_lead_nowhere_are_answered() {
    let (eve, bob) = (mailbox("eve@example.net"), mailbox("bob@example.net"));
    assert_eq!(
        ask(&list(Joining::Closed), EVE, "subscribe", NOW),
        Requested::Closed(eve.clone())
    );
    assert_eq!(
        ask(&list(Joining::Closed), BOB, "subscribe", NOW),
        Requested::AlreadyMember(bob)
    );
    assert_eq!(
        ask(&list(Joining::Open), EVE, "leave", NOW),
        Requested::NotMember(eve.clone())
    );
    for subject in ["help", "", "what is this?", "Re:", "please unsubscribe me"] {
        assert_eq!(
            ask(&list(Joining::Open), EVE, subject, NOW),
            Requested::Help(eve.clone()),
            "{subject}"
        );
    }
    // Confirmed after it was closed, or twice.
    let word = word(
        ask(&list(Joining::Open), EVE, "subscribe", NOW),
        Action::Join,
    );
    let confirm = format!("confirm {word}");
    assert_eq!(
        ask(&list(Joining::Closed), EVE, &confirm, NOW),
        Requested::Closed(eve.clone())
    );
    let mut joined = settings();
    joined.members.push(eve.clone());
    assert_eq!(
        ask(&List::new(joined).unwrap(), EVE, &confirm, NOW),
        Requested::AlreadyMember(eve)
    );
}

#[test]
fn machines_are_not_answered() {
    let list = list(Joining::Open);
    let machine = Requested::Ignored(Ignored::Machine);
    for sender in [
        "<>",
        "<mailer-daemon@x.test>",
        "<SRS0=AB=CD=example.test=staff@forwarder.test>",
        "<staff@example.test>",
        "<staff-bounces@example.test>",
    ] {
        assert_eq!(ask(&list, sender, "subscribe", NOW), machine, "{sender}");
    }
    for field in [
        "Auto-Submitted: auto-replied",
        "List-Id: <x.y.test>",
        "Precedence: bulk",
    ] {
        let header = format!("Subject: subscribe\r\n{field}\r\n\r\n");
        assert_eq!(
            ask_all(&list, EVE, &[], &header, &mut Asked::default(), NOW),
            machine,
            "{field}"
        );
    }
    let cut = ask_all(
        &list,
        EVE,
        &[],
        "Subject: subscribe\r\n",
        &mut Asked::default(),
        NOW,
    );
    assert_eq!(cut, Requested::Ignored(Ignored::HeaderCut));
}

/// Whoever writes under the address of another makes us write to him once an hour, not more.
#[test]
fn nobody_is_answered_the_same_again_within_the_hour() {
    let list = list(Joining::Open);
    let mut asked = Asked::default();
    let mut ask = |subject: &str, now| {
        ask_all(
            &list,
            EVE,
            &[],
            &format!("Subject: {subject}\r\n\r\n"),
            &mut asked,
            now,
        )
    };
    let again = Requested::Ignored(Ignored::AnsweredAlready);
    assert!(matches!(ask("help", NOW), Requested::Help(_)));
    let word = word(ask("subscribe", NOW), Action::Join);
    assert_eq!(ask("help", NOW + 3599), again);
    assert_eq!(ask("subscribe", NOW + 3599), again);
    assert!(matches!(ask("leave", NOW), Requested::NotMember(_)));
    assert_eq!(ask("confirm WRONG", NOW), again);
    assert!(matches!(
        ask(&format!("confirm {word}"), NOW),
        Requested::Joined(_)
    ));
    assert!(matches!(
        ask("subscribe", NOW + 3600),
        Requested::Confirm(..)
    ));
}
