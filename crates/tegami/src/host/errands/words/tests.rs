//! Rows: what a list says, in one language and in both.

use address::{Mailbox, ReversePath};
use delivery::list::{Action, Ignored, List, Requested, Settings};
use dsn::Languages;
use reply::lines::width;

use super::{Words, answer, moderators};

fn list() -> List {
    let settings = r#"{"address":"staff@example.test","owners":["alice@example.test"],"joining":"open","description":"Lunch."}"#;
    let settings: Settings = serde_json::from_str(settings).unwrap();
    List::new(settings).unwrap()
}

fn has_japanese(text: &str) -> bool {
    let kana = '\u{3041}'..='\u{30ff}';
    text.chars().any(|letter| kana.contains(&letter))
}

/// English first, then the same in Japanese; the words that have to come back stand in each.
#[track_caller]
fn check(make: impl Fn(Languages) -> Words, parts: &[&str]) {
    let english = make(Languages::English);
    let japanese = make(Languages::Japanese);
    let both = make(Languages::Both);
    assert!(!has_japanese(&english.subject) && !has_japanese(&english.text));
    assert!(has_japanese(&japanese.text), "{japanese:?}");
    assert!(both.text.starts_with(&english.text) && both.text.ends_with(&japanese.text));
    for part in parts {
        assert!(english.text.contains(part), "{part} in {english:?}");
        assert!(japanese.text.contains(part), "{part} in {japanese:?}");
    }
    for line in both.text.lines() {
        let width = width(line);
        assert!(width <= 92, "{width}: {line}");
    }
    if english.subject.starts_with("confirm ") {
        assert_eq!(both.subject, english.subject);
    } else {
        assert!(has_japanese(&japanese.subject), "{japanese:?}");
        assert_eq!(
            both.subject,
            format!("{} / {}", english.subject, japanese.subject)
        );
    }
}

#[test]
fn every_answer_is_said_in_both_languages() {
    let (list, to) = (list(), || "you@other.test".parse::<Mailbox>().unwrap());
    let (you, owner, request) = (
        "you@other.test",
        "staff-owner@example.test",
        "staff-request@example.test",
    );
    let name = "staff@example.test";
    let rows: [(Requested, &[&str]); 9] = [
        (
            Requested::Joined(to()),
            &[you, name, request, "unsubscribe"],
        ),
        (Requested::Left(to()), &[you, name]),
        (
            Requested::Confirm(Action::Join, to(), "w0rd".to_owned()),
            &[you, name],
        ),
        (
            Requested::Confirm(Action::Leave, to(), "w0rd".to_owned()),
            &[you, name],
        ),
        (
            Requested::AlreadyMember(to()),
            &[you, name, request, "unsubscribe"],
        ),
        (Requested::NotMember(to()), &[you, name, owner]),
        (Requested::Closed(to()), &[name, owner]),
        (
            Requested::WrongConfirmation(to()),
            &["confirm", request, "subscribe", owner],
        ),
        (
            Requested::Help(to()),
            &[
                name,
                request,
                "    subscribe ",
                "    unsubscribe ",
                "    help ",
                "Lunch.",
                owner,
            ],
        ),
    ];
    for (requested, parts) in rows {
        let make = |languages| {
            let (whom, words) = answer(&list, &requested, languages).unwrap();
            assert_eq!(whom, to());
            words
        };
        check(make, parts);
    }
    let ignored = Requested::Ignored(Ignored::Machine);
    assert!(answer(&list, &ignored, Languages::Both).is_none());
}

#[test]
fn moderators_read_both_languages() {
    let (list, sender) = (
        list(),
        ReversePath::Mailbox("you@other.test".parse().unwrap()),
    );
    let keys = ("approve one", "reject two");
    check(
        |languages| moderators::waiting(&list, &sender, keys, 7, languages),
        &[
            "<you@other.test>",
            "staff-request@example.test",
            "\n    approve one\n",
            "\n    reject two\n",
            "`tegami queue release 7`",
            "`tegami queue remove 7`",
        ],
    );
    let name = &list.settings().address;
    for make in [moderators::gone, moderators::approved, moderators::rejected] {
        check(|languages| make(name, languages), &[]);
        assert!(
            make(name, Languages::English)
                .subject
                .contains("staff@example.test")
        );
        assert!(
            make(name, Languages::Japanese)
                .subject
                .contains("staff@example.test")
        );
    }
}
