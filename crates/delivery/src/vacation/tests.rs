//! Who is told and who is not, and what the reply looks like to the octet.

use std::collections::BTreeMap;

use address::dsn::Notify;
use address::{ForwardPath, Mailbox, ReversePath};
use proptest::prelude::*;

use super::{
    Answer, Decision, LONGEST_SUBJECT, LONGEST_TEXT, Message, Owner, PERIOD, Reply,
    SHORTEST_PERIOD, Settings, Silence, Stamp, Vacation, VacationError,
};
use crate::answered::Answered;

const NOW: u64 = 1_795_310_523;
const STAMP: Stamp<'_> = Stamp {
    date: "Sun, 22 Nov 2026 01:02:03 +0000",
    message_id: "0a1b2c@mail.example.test",
};

fn settings() -> Settings {
    Settings {
        name: None,
        address: None,
        subject: None,
        text: "I am away.".to_owned(),
        from: None,
        until: None,
        period: PERIOD,
    }
}

fn mailbox(text: &str) -> Mailbox {
    text.parse().unwrap()
}

fn decide(
    settings: Settings,
    sender: &str,
    header: &str,
    answered: &mut Answered,
    now: u64,
) -> Decision {
    let (ours, others) = (
        mailbox("alice@example.test"),
        [mailbox("a.example@other.test")],
    );
    let owner = Owner {
        mailbox: &ours,
        name: "Alice",
        others: &others,
    };
    let reverse_path = sender.parse().unwrap();
    let message = Message {
        reverse_path: &reverse_path,
        header: header.as_bytes(),
        requiretls: false,
    };
    Vacation::new(settings)
        .unwrap()
        .decide(&owner, &message, answered, now)
}

/// What becomes of a message with this header, from a stranger.
#[track_caller]
fn silent(sender: &str, header: &str, expected: Option<Silence>) {
    let decision = decide(settings(), sender, header, &mut Answered::new(), NOW);
    let seen = match decision {
        Decision::Answer(answer) => {
            assert_eq!(format!("<{}>", answer.recipient()), sender);
            None
        }
        Decision::Silence(silence) => Some(silence),
    };
    assert_eq!(seen, expected, "{sender} {header:?}");
}

const BOB: &str = "<bob@example.net>";

#[test]
fn people_who_write_to_the_account_are_told() {
    for header in [
        "To: alice@example.test\r\n\r\n",
        "To: Alice <ALICE@Example.TEST>\r\n\r\nbody",
        "Cc: x@y.test,\r\n \"Alice\" <alice@example.test>\r\n\r\n",
        "To: a.example@other.test\r\n\r\n",
        "To: alice+shop@example.test\r\n\r\n",
        "Resent-To: alice@example.test\r\nTo: x@y.test\r\n\r\n",
        "Auto-Submitted: no\r\nTo: alice@example.test\r\n\r\n",
        "Auto-Submitted: (a person) NO\r\nTo: alice@example.test\r\n\r\n",
        "Precedence: first-class\r\nTo: alice@example.test\r\n\r\n",
        "Content-Type: multipart/mixed; boundary=report\r\nTo: alice@example.test\r\n\r\n",
        "X-Auto-Response-Suppress: DR, RN\r\nTo: alice@example.test\r\n\r\n",
        "Subject: List-Id: x\r\nTo: alice@example.test\r\n\r\nList-Id: in the body\r\n",
    ] {
        silent(BOB, header, None);
    }
    let direct = "To: alice@example.test\r\n\r\n";
    for sender in [
        "<owners@x.test>",
        "<bouncer@x.test>",
        "<request@x.test>",
        "<jörg@x.test>",
        "<\"a b\"@x.test>",
    ] {
        silent(sender, direct, None);
    }
}

#[test]
fn machines_and_lists_are_not_told() {
    for (fields, silence) in [
        ("Auto-Submitted: auto-replied", Silence::Automatic),
        ("AUTO-SUBMITTED: auto-generated; x=no", Silence::Automatic),
        (
            "Auto-Submitted: no\r\nAuto-Submitted: auto-notified",
            Silence::Automatic,
        ),
        ("Auto-Submitted:", Silence::Automatic),
        ("Auto-Submitted: nothing-we-know", Silence::Automatic),
        (
            "Content-Type: Multipart/Report; report-type=delivery-status",
            Silence::Automatic,
        ),
        ("X-Auto-Response-Suppress: DR, OOF", Silence::Automatic),
        ("X-Auto-Response-Suppress: All", Silence::Automatic),
        ("List-Id: <x.y.test>", Silence::List),
        ("list-unsubscribe: <mailto:x@y.test>", Silence::List),
        ("List-Anything: x", Silence::List),
        ("Mailing-List: list x@y.test", Silence::List),
        ("Precedence: bulk", Silence::List),
        ("Precedence: LIST", Silence::List),
        ("Precedence : junk", Silence::List),
    ] {
        silent(
            BOB,
            &format!("{fields}\r\nTo: alice@example.test\r\n\r\n"),
            Some(silence),
        );
        silent(
            BOB,
            &format!("To: alice@example.test\r\n{fields}\r\n\r\n"),
            Some(silence),
        );
    }
    let direct = "To: alice@example.test\r\n\r\n";
    silent("<>", direct, Some(Silence::NullReversePath));
    for sender in [
        "MAILER-DAEMON",
        "owner-list",
        "list-request",
        "list-bounces",
        "Bounces+123",
        "noreply",
        "no-reply",
        "DoNotReply",
        "listserv",
        "majordomo",
        "staff-owner",
        "bounce-42-x",
        "\"mailer-daemon\"",
        "prvs=0123abcdef=noreply",
        "SRS0=AB=CD=lists.test=staff-bounces",
    ] {
        silent(&format!("<{sender}@x.test>"), direct, Some(Silence::Robot));
    }
    for sender in [
        "<SRS0=AB=CD=example.test=alice@forwarder.test>",
        "<alice@example.test>",
        "<Alice+x@EXAMPLE.test>",
        "<a.example@other.test>",
    ] {
        silent(sender, direct, Some(Silence::Oneself));
    }
}

#[test]
fn who_is_not_named_does_not_answer() {
    for header in [
        "\r\n",
        "Subject: x\r\n\r\n",
        "To: x@y.test\r\n\r\n",
        "To: undisclosed-recipients:;\r\n\r\n",
        "To: \"alice@example.test\" <x@y.test>\r\n\r\n",
        "To: x@y.test (alice@example.test)\r\n\r\n",
        "From: alice@example.test\r\nSubject: alice@example.test\r\n\r\n",
        "To: x@y.test\r\n\r\nTo: alice@example.test\r\n\r\n",
        "To: alice@example.test.evil.test\r\n\r\n",
    ] {
        silent(BOB, header, Some(Silence::NotNamed));
    }
}

#[test]
fn a_header_whose_end_was_not_read_is_not_answered() {
    for header in [
        "",
        "To: alice@example.test",
        "To: alice@example.test\r\n",
        "To: alice@example.test\r\nPrece",
        "To: alice@example.test\r\nno field\r\n\r\n",
    ] {
        silent(BOB, header, Some(Silence::HeaderCut));
    }
}

#[test]
fn it_begins_and_ends_when_it_should() {
    let header = "To: alice@example.test\r\n\r\n";
    for (from, until, told) in [
        (None, None, true),
        (Some(NOW), None, true),
        (Some(NOW + 1), None, false),
        (None, Some(NOW), false),
        (None, Some(NOW + 1), true),
        (Some(NOW - 5), Some(NOW + 5), true),
    ] {
        let settings = Settings {
            from,
            until,
            ..settings()
        };
        let mut answered = Answered::new();
        let decision = decide(settings, BOB, header, &mut answered, NOW);
        let expected = (!told).then_some(Decision::Silence(Silence::NotNow));
        assert_eq!(
            matches!(decision, Decision::Answer(_)),
            told,
            "{from:?} {until:?}"
        );
        if let Some(expected) = expected {
            assert_eq!(decision, expected);
            assert!(answered.is_empty(), "nobody is noted who was not told");
        }
    }
}

#[test]
fn nobody_is_told_twice_within_the_period() {
    let header = "To: alice@example.test\r\n\r\n";
    let mut answered = Answered::new();
    let mut told = |now| {
        matches!(
            decide(settings(), BOB, header, &mut answered, now),
            Decision::Answer(_)
        )
    };
    assert!(told(NOW));
    assert!(!told(NOW));
    assert!(!told(NOW + PERIOD - 1));
    assert!(told(NOW + PERIOD));
    let again = decide(settings(), BOB, header, &mut answered, NOW + PERIOD);
    assert_eq!(again, Decision::Silence(Silence::AnsweredAlready));
}

#[test]
fn settings_that_make_no_sense_are_refused_with_their_reason() {
    let settings = |change: fn(&mut Settings)| {
        let mut settings = settings();
        change(&mut settings);
        Vacation::new(settings).map(|_| ())
    };
    for (result, expected) in [
        (
            settings(|s| s.text = " \r\n".to_owned()),
            Err(VacationError::NoText),
        ),
        (settings(|s| s.text = "a".repeat(LONGEST_TEXT)), Ok(())),
        (
            settings(|s| s.text = "a".repeat(LONGEST_TEXT + 1)),
            Err(VacationError::TextTooLong),
        ),
        (
            settings(|s| s.subject = Some("a".repeat(LONGEST_SUBJECT))),
            Ok(()),
        ),
        (
            settings(|s| s.subject = Some("a".repeat(LONGEST_SUBJECT + 1))),
            Err(VacationError::SubjectTooLong),
        ),
        (
            settings(|s| s.name = Some("a".repeat(LONGEST_SUBJECT + 1))),
            Err(VacationError::NameTooLong),
        ),
        (
            settings(|s| (s.from, s.until) = (Some(2), Some(2))),
            Err(VacationError::EndsBeforeItBegins),
        ),
        (
            settings(|s| s.period = SHORTEST_PERIOD - 1),
            Err(VacationError::PeriodTooShort),
        ),
    ] {
        assert_eq!(result, expected);
    }
    let written = r#"{"text":"I am away."}"#;
    let read: Vacation = serde_json::from_str(written).unwrap();
    assert_eq!(read.settings(), &self::settings());
    assert!(serde_json::from_str::<Vacation>(r#"{"text":""}"#).is_err());
}

fn answer(header: &str) -> Answer {
    match decide(settings(), BOB, header, &mut Answered::new(), NOW) {
        Decision::Answer(answer) => answer,
        Decision::Silence(silence) => panic!("{silence:?}: {header:?}"),
    }
}

fn reply(settings: Settings, name: &str, header: &str) -> Reply {
    let ours = mailbox("alice@example.test");
    let owner = Owner {
        mailbox: &ours,
        name,
        others: &[],
    };
    answer(header).write(&Vacation::new(settings).unwrap(), &owner, &STAMP)
}

fn message(reply: &Reply) -> &str {
    str::from_utf8(&reply.message).unwrap()
}

#[test]
fn the_reply_says_what_it_is_and_what_it_belongs_to() {
    let header = "To: alice@example.test\r\nSubject: Lunch\r\n on Monday?\r\nMessage-ID: <3@example.net>\r\n\
                  References: <1@example.net>\r\n <2@example.net>\r\n\r\n";
    let reply = reply(settings(), "Alice", header);
    assert_eq!(
        message(&reply),
        "From: Alice <alice@example.test>\r\n\
         To: bob@example.net\r\n\
         Subject: Auto: Lunch on Monday?\r\n\
         Date: Sun, 22 Nov 2026 01:02:03 +0000\r\n\
         Message-ID: <0a1b2c@mail.example.test>\r\n\
         In-Reply-To: <3@example.net>\r\n\
         References: <1@example.net> <2@example.net> <3@example.net>\r\n\
         Auto-Submitted: auto-replied\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 7bit\r\n\
         \r\n\
         I am away.\r\n"
    );
    assert_eq!(reply.envelope.reverse_path, ReversePath::Null);
    let [recipient] = reply.envelope.recipients.as_slice() else {
        panic!("one recipient");
    };
    assert_eq!(
        recipient.path,
        ForwardPath::Mailbox(mailbox("bob@example.net"))
    );
    assert_eq!(recipient.notify, Some(Notify::Never));
    assert!(!reply.envelope.smtputf8 && !reply.envelope.requiretls);
}

#[test]
fn the_account_chooses_name_and_address_among_its_own() {
    let ours = mailbox("alice@example.test");
    let others = [mailbox("sales@other.test")];
    let owner = Owner {
        mailbox: &ours,
        name: "Alice",
        others: &others,
    };
    let from = |name: Option<&str>, address: &str| {
        let settings = Settings {
            name: name.map(str::to_owned),
            address: Some(mailbox(address)),
            ..settings()
        };
        let reply = answer("To: alice@example.test\r\n\r\n").write(
            &Vacation::new(settings).unwrap(),
            &owner,
            &STAMP,
        );
        message(&reply).lines().next().unwrap().to_owned()
    };
    assert_eq!(
        from(Some("Sales"), "sales@other.test"),
        "From: Sales <sales@other.test>"
    );
    assert_eq!(
        from(None, "alice+away@example.test"),
        "From: Alice <alice+away@example.test>"
    );
    assert_eq!(
        from(Some(""), "ceo@example.test"),
        "From: alice@example.test",
        "not his"
    );
}

#[test]
fn a_reply_in_japanese_is_readable_everywhere() {
    let settings = Settings {
        subject: Some("不在のお知らせ".to_owned()),
        text: "今週は留守です。\n".to_owned(),
        ..settings()
    };
    let reply = reply(settings, "山田", "To: alice@example.test\r\n\r\n");
    let message = message(&reply);
    assert!(message.is_ascii());
    assert!(
        message.starts_with("From: =?utf-8?B?5bGx55Sw?= <alice@example.test>\r\n"),
        "{message}"
    );
    assert!(
        message.contains("\r\nSubject: =?utf-8?B?5LiN5Zyo44Gu44GK55+l44KJ44Gb?=\r\n"),
        "{message}"
    );
    assert!(message.ends_with(
        "Content-Transfer-Encoding: base64\r\n\r\n5LuK6YCx44Gv55WZ5a6I44Gn44GZ44CCDQo=\r\n"
    ));
    assert!(!message.contains("In-Reply-To") && !message.contains("References"));
}

#[test]
fn a_conversation_keeps_its_beginning_and_its_end() {
    let ids =
        |range: std::ops::Range<u32>| range.map(|id| format!("<{id}@x.test>")).collect::<Vec<_>>();
    let check = |fields: &str, expected: &[String]| {
        let header =
            format!("{fields}\r\nMessage-ID: <last@x.test>\r\nTo: alice@example.test\r\n\r\n");
        let reply = reply(settings(), "", &header);
        let text = message(&reply).replace("\r\n ", " ");
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("References: "))
            .unwrap();
        let seen: Vec<&str> = line.split(' ').collect();
        assert_eq!(
            seen,
            [expected, &["<last@x.test>".to_owned()]].concat(),
            "{fields}"
        );
    };
    check("X: none", &[]);
    check(
        &format!("References: {}", ids(0..11).join("\r\n ")),
        &ids(0..11),
    );
    check(
        &format!("References: {}", ids(0..50).join("\r\n ")),
        &[ids(0..1), ids(40..50)].concat(),
    );
    check("In-Reply-To: <1@x.test>", &ids(1..2));
    check("In-Reply-To: <1@x.test> <2@x.test>", &[]);
    check(
        "References: <1@x.test>\r\nIn-Reply-To: <2@x.test>",
        &ids(1..2),
    );
    check("References: <1@x.test> <last@x.test>", &ids(1..2));
}

#[test]
fn addresses_and_subjects_beyond_ascii_are_carried() {
    let ours = mailbox("alice@example.test");
    let owner = Owner {
        mailbox: &ours,
        name: "",
        others: &[],
    };
    let reverse_path = "<jörg@bücher.example>".parse().unwrap();
    let header = "To: alice@example.test\r\nSubject: =?ISO-8859-1?Q?f=FCr?= dich: Grüße\r\n\r\n";
    let message = Message {
        reverse_path: &reverse_path,
        header: header.as_bytes(),
        requiretls: true,
    };
    let vacation = Vacation::new(settings()).unwrap();
    let Decision::Answer(answer) = vacation.decide(&owner, &message, &mut Answered::new(), NOW)
    else {
        panic!("not told");
    };
    let reply = answer.write(&vacation, &owner, &STAMP);
    assert!(reply.envelope.smtputf8 && reply.envelope.requiretls);
    let text = self::message(&reply);
    assert!(
        text.contains("\r\nTo: jörg@xn--bcher-kva.example\r\n"),
        "{text}"
    );
    assert!(
        text.contains(
            "\r\nSubject: Auto: =?ISO-8859-1?Q?f=FCr?= dich: =?utf-8?B?R3LDvMOfZQ==?=\r\n"
        ),
        "{text}"
    );
}

/// What a stranger puts into his message stands in the reply as words, or not at all.
#[test]
fn hostile_headers_inject_nothing() {
    let long = "x".repeat(50_000);
    for hostile in [
        "Subject: x\rBcc: victim@v.test".to_owned(),
        "Subject: x\nBcc: victim@v.test".to_owned(),
        "Subject: x\0\u{1b}[2J\u{85}Bcc: victim@v.test".to_owned(),
        format!("Subject: {long}"),
        format!("Subject: {}", "wörd ".repeat(10_000)),
        format!("Message-ID: <{long}>"),
        "Message-ID: <a@b>\r\n\t\r\n Bcc: victim@v.test".to_owned(),
        "Message-ID: <a\rBcc: v@v.test>".to_owned(),
        format!("References: {}", "<a@b> ".repeat(10_000)),
    ] {
        let reply = reply(
            settings(),
            "A\r\nBcc: victim@v.test",
            &format!("{hostile}\r\nTo: alice@example.test\r\n\r\n"),
        );
        let (header, body) = message(&reply).split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "I am away.\r\n");
        assert!(header.len() < 2000, "{}", header.len());
        for line in header.split("\r\n") {
            assert!(!line.contains(char::is_control), "{line:?}");
            assert!(line.len() <= 76 || line.contains("<a"), "{line:?}");
            let name = line.split(':').next().unwrap();
            let ours = [
                "From",
                "To",
                "Subject",
                "Date",
                "Message-ID",
                "In-Reply-To",
                "References",
            ];
            let mime = [
                "Auto-Submitted",
                "MIME-Version",
                "Content-Type",
                "Content-Transfer-Encoding",
            ];
            assert!(
                line.starts_with(' ') || ours.contains(&name) || mime.contains(&name),
                "{line:?}"
            );
        }
    }
}

/// Headers of all kinds, most of which are answered.
const HEADERS: [&str; 4] = [
    "To: alice@example.test\r\n\r\n",
    "Cc: Alice <alice@example.test>\r\nSubject: x\r\n\r\n",
    "To: alice@example.test\r\nPrecedence: bulk\r\n\r\n",
    "To: x@y.test\r\n\r\n",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn nobody_is_told_twice_whatever_the_order_of_messages(
        messages in prop::collection::vec((0_u8..5, 0_usize..4, -100_000_i64..300_000, any::<bool>()), 1..80),
    ) {
        let mut answered = Answered::new();
        let mut told: BTreeMap<u8, u64> = BTreeMap::new();
        let (mut clock, mut latest) = (NOW, 0);
        for (sender, header, step, capitals) in messages {
            clock = clock.saturating_add_signed(step);
            if header < 2 {
                latest = latest.max(clock);
            }
            let address = format!("<s{sender}@example.net>");
            let address = if capitals { address.to_uppercase() } else { address };
            let settings = Settings { period: SHORTEST_PERIOD, ..settings() };
            let decision = decide(settings, &address, HEADERS[header], &mut answered, clock);
            let is_due = told.get(&sender).is_none_or(|at| latest - at >= SHORTEST_PERIOD);
            // Told when it is due and nothing speaks against it, and at no other time.
            prop_assert_eq!(matches!(decision, Decision::Answer(_)), is_due && header < 2);
            if header < 2 && is_due {
                told.insert(sender, latest);
            }
        }
    }

    #[test]
    fn any_message_is_read_without_harm(
        octets in prop::collection::vec(prop::sample::select(
            b"To: alice@example.test\r\nSubject: \xc3\xa4=?utf-8?Q?x?=\r\n\r\n<>\0\x1b\"(,".to_vec()), 0..200),
    ) {
        let header = [b"To: alice@example.test\r\nSubject: ", octets.as_slice(), b"\r\n\r\n"].concat();
        let ours = mailbox("alice@example.test");
        let owner = Owner { mailbox: &ours, name: "Alice", others: &[] };
        let reverse_path = BOB.parse().unwrap();
        let message = Message { reverse_path: &reverse_path, header: &header, requiretls: false };
        let vacation = Vacation::new(settings()).unwrap();
        if let Decision::Answer(answer) = vacation.decide(&owner, &message, &mut Answered::new(), NOW) {
            let reply = answer.write(&vacation, &owner, &STAMP);
            let (header, body) = str::from_utf8(&reply.message).unwrap().split_once("\r\n\r\n").unwrap();
            prop_assert_eq!(body, "I am away.\r\n");
            prop_assert!(header.is_ascii());
            prop_assert!(header.split("\r\n").all(|line| line.len() <= 998 && !line.contains(['\r', '\n', '\0'])));
        }
    }
}
