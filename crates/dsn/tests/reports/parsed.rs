//! What a parser that is not ours reads in a report is what went in.

use std::collections::BTreeMap;

use address::dsn::Ret;
use dsn::{Action, Languages, Moment, Why};
use mail_parser::{Message, MessageParser, MimeHeaders, PartType};
use reply::Enhanced;

use crate::case::{ARRIVED, Case, Fate};

/// The fields of a group, their names in small letters, unfolded.
pub type Group = BTreeMap<String, String>;

/// A report, read back.
pub struct Read {
    /// The text for people.
    pub text: String,
    /// The fields about the message.
    pub message: Group,
    /// The fields about each recipient.
    pub recipients: Vec<Group>,
    /// Type of the part for programs.
    pub status_type: String,
    /// The type of the third part, if there is one, and its octets.
    pub original: Option<(String, Vec<u8>)>,
}

pub fn parse(message: &[u8]) -> Message<'_> {
    MessageParser::default().parse(message).unwrap()
}

fn media(part: &mail_parser::MessagePart<'_>) -> String {
    let media = part.content_type().unwrap();
    format!("{}/{}", media.ctype(), media.subtype().unwrap())
}

/// Takes a report apart, and insists that it has the parts of RFC 6522 section 3 and no others.
pub fn read(octets: &[u8]) -> Read {
    let message = parse(octets);
    let root = message.root_part();
    assert_eq!(media(root), "multipart/report");
    assert_eq!(
        root.content_type().unwrap().attribute("report-type"),
        Some("delivery-status")
    );
    let PartType::Multipart(children) = &root.body else {
        panic!("not a multipart");
    };
    let parts: Vec<_> = children
        .iter()
        .map(|id| &message.parts[usize::try_from(*id).unwrap()])
        .collect();
    assert!((2..=3).contains(&parts.len()), "{} parts", parts.len());
    assert_eq!(media(parts[0]), "text/plain");
    assert!(!parts[0].is_encoding_problem && !parts[1].is_encoding_problem);
    let fields = parts[1].text_contents().map_or_else(
        || String::from_utf8(parts[1].contents().to_vec()).unwrap(),
        str::to_owned,
    );
    let mut groups = fields
        .trim_end()
        .split("\r\n\r\n")
        .map(group)
        .collect::<Vec<_>>()
        .into_iter();
    Read {
        text: parts[0].text_contents().unwrap().to_owned(),
        message: groups.next().unwrap(),
        recipients: groups.collect(),
        status_type: media(parts[1]),
        original: parts.get(2).map(|part| {
            let octets = match &part.body {
                PartType::Message(message) => message.raw_message().to_vec(),
                PartType::Text(_)
                | PartType::Html(_)
                | PartType::Binary(_)
                | PartType::InlineBinary(_)
                | PartType::Multipart(_) => part.contents().to_vec(),
            };
            (media(part), octets)
        }),
    }
}

fn group(fields: &str) -> Group {
    let unfolded = fields.replace("\r\n ", " ");
    let mut group = Group::new();
    for line in unfolded.split("\r\n") {
        let (name, value) = line.split_once(": ").unwrap();
        let again = group.insert(name.to_ascii_lowercase(), value.to_owned());
        assert_eq!(again, None, "{name} stands there twice");
    }
    group
}

fn group_of(fields: &[(&str, &str)]) -> Group {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    fields.iter().map(owned).collect()
}

#[test]
fn a_failure_is_read_back() {
    let original = b"Subject: Lunch\r\nMessage-ID: <lunch@example.test>\r\n\r\nAt noon?\r\n";
    let bob = Fate::new("<bob@example.org>", Action::Failed, Enhanced(5, 1, 1))
        .orcpt("rfc822;Robert@alias.example")
        .at("mx.example.org", "192.0.2.7")
        .said(550, b"5.1.1 No such user\n5.1.1 really")
        .tried();
    let mut case = Case::new(vec![bob]).envid("QQ+20314").original(original);
    case.envelope.ret = Some(Ret::Full);
    let octets = case.message();
    let message = parse(&octets);
    let from = message.from().unwrap().first().unwrap();
    assert_eq!(from.address(), Some("postmaster@example.test"));
    assert_eq!(from.name(), Some("Mail system of mail.example.test"));
    let to = message.to().unwrap().first().unwrap();
    assert_eq!(to.address(), Some("alice@example.test"));
    assert_eq!(
        message.subject(),
        Some("Your message could not be delivered")
    );
    assert_eq!(message.date().unwrap().to_timestamp(), ARRIVED + 7_200);
    assert_eq!(message.in_reply_to().as_text(), Some("lunch@example.test"));
    assert_eq!(message.references().as_text(), Some("lunch@example.test"));
    let submitted = message.header("Auto-Submitted").unwrap();
    assert_eq!(submitted.as_text(), Some("auto-replied"));
    let id = message.message_id().unwrap();
    assert!(id.ends_with(".report@mail.example.test"), "{id}");

    let read = read(&octets);
    let arrived = Moment::new(ARRIVED, 540).to_string();
    let tried = Moment::new(ARRIVED + 3_600, 540).to_string();
    assert_eq!(
        read.message,
        group_of(&[
            ("original-envelope-id", "QQ 314"),
            ("reporting-mta", "dns; mail.example.test"),
            ("arrival-date", &arrived),
        ])
    );
    assert_eq!(
        read.recipients,
        [group_of(&[
            ("original-recipient", "rfc822; Robert@alias.example"),
            ("final-recipient", "rfc822; bob@example.org"),
            ("action", "failed"),
            ("status", "5.1.1"),
            ("remote-mta", "dns; mx.example.org"),
            (
                "diagnostic-code",
                "smtp; 550-5.1.1 No such user 550 5.1.1 really"
            ),
            ("last-attempt-date", &tried),
        ])]
    );
    let (media, returned) = read.original.unwrap();
    assert_eq!(media, "message/rfc822");
    assert_eq!(returned, original);
}

// DSN-16
#[test]
fn only_what_is_delayed_says_until_when() {
    let fate = |action, status| Fate::new("<bob@example.org>", action, status).until();
    let case = Case::new(vec![
        fate(Action::Delayed, Enhanced(4, 4, 1)),
        fate(Action::Failed, Enhanced(5, 4, 1)),
    ]);
    let read = read(&case.message());
    let until = Moment::new(ARRIVED + 5 * 86_400, 540).to_string();
    assert_eq!(read.recipients[0].get("will-retry-until"), Some(&until));
    assert_eq!(read.recipients[1].get("will-retry-until"), None);
}

#[test]
fn a_sender_who_hears_of_no_failure_is_promised_no_report() {
    let delayed = |notify| {
        let mut late = Fate::new("<bob@example.org>", Action::Delayed, Enhanced(4, 4, 1));
        late.deliver_by = true;
        read(&Case::new(vec![late.notify(notify)]).message()).text
    };
    assert!(delayed("DELAY,FAILURE").contains("you get another"));
    assert!(!delayed("DELAY").contains("you get another"));
}

#[test]
fn subjects_in_japanese_are_read_back() {
    let bob = Fate::new("<bob@example.org>", Action::Failed, Enhanced(5, 1, 1));
    let case = Case::new(vec![bob]).languages(Languages::Both);
    let octets = case.message();
    let message = parse(&octets);
    assert_eq!(
        message.subject(),
        Some("Your message could not be delivered / メールを配送できませんでした")
    );
    let text = read(&octets).text;
    let (english, japanese) = text.split_once("------").unwrap();
    assert!(english.contains("No such mailbox"));
    assert!(japanese.contains("宛先のメールボックスが存在しません"));
}

#[test]
fn a_message_id_beyond_ascii_is_repeated_where_the_header_may_hold_it() {
    let original = "Message-ID: <jörg@example.test>\r\n\r\n".as_bytes();
    let bob = || Fate::new("<bob@example.org>", Action::Failed, Enhanced(5, 1, 1));
    let repeated = |sender: &str| {
        let octets = Case::new(vec![bob()])
            .from(sender)
            .original(original)
            .message();
        parse(&octets).in_reply_to().as_text().map(str::to_owned)
    };
    assert_eq!(repeated("<alice@example.test>"), None);
    let jörg = "jörg@example.test".to_owned();
    assert_eq!(repeated("<jörg@example.test>"), Some(jörg));
}

#[test]
fn rows_of_ours_tell_the_sender_only_what_senders_can_do() {
    for row in reply::smtp::ROWS
        .iter()
        .copied()
        .flatten()
        .filter(|row| row.is_refusal())
    {
        let bob = Fate::new("<bob@example.test>", Action::Failed, Enhanced(5, 0, 0));
        let case = Case::new(vec![bob.why(Why::Row(row))]).languages(Languages::Both);
        let text = read(&case.message()).text;
        assert!(!text.contains("Administrator:"), "{}: {text}", row.id);
        assert!(!text.contains("管理者："), "{}: {text}", row.id);
        assert_eq!(
            text.matches("What you can do: ").count(),
            1,
            "{}: {text}",
            row.id
        );
        assert_eq!(text.matches("対処方法：").count(), 1, "{}: {text}", row.id);
    }
}

// DSN-17
#[test]
fn addresses_beyond_ascii_are_read_back() {
    let hanako = Fate::new(
        "<花子@xn--wgv71a119e.jp>",
        Action::Failed,
        Enhanced(5, 1, 1),
    )
    .orcpt("utf-8;\\x{82B1}\\x{5B50}@\\x{4F8B}.jp");
    let original = "Subject: 手紙\r\n\r\n昼に？\r\n";
    let mut case = Case::new(vec![hanako]).original(original.as_bytes());
    case.envelope.smtputf8 = true;
    case.envelope.ret = Some(Ret::Full);
    let octets = case.message();
    assert!(octets.is_ascii());
    let read = read(&octets);
    assert_eq!(read.status_type, "message/global-delivery-status");
    assert_eq!(
        read.recipients[0]["final-recipient"],
        "utf-8; 花子@xn--wgv71a119e.jp"
    );
    assert_eq!(
        read.recipients[0]["original-recipient"],
        "utf-8; 花子@例.jp"
    );
    assert!(read.text.contains("花子@日本語.jp"));
    let (media, returned) = read.original.unwrap();
    assert_eq!(media, "message/global");
    assert_eq!(returned, original.as_bytes());
}

#[test]
fn a_hundred_recipients_are_told_of_once_each() {
    let fates: Vec<Fate> = (0..100)
        .map(|number| {
            let path = format!("<user{number}@example.org>");
            // Three servers' answers, each for a third of them.
            Fate::new(&path, Action::Failed, Enhanced(5, 1, 1))
                .at("mx.example.org", "192.0.2.7")
                .said(
                    550,
                    format!("5.1.1 no such user ({})", number % 3).as_bytes(),
                )
        })
        .collect();
    let read = read(&Case::new(fates).message());
    assert_eq!(read.recipients.len(), 100);
    for (number, group) in read.recipients.iter().enumerate() {
        let address = format!("user{number}@example.org");
        assert_eq!(group["final-recipient"], format!("rfc822; {address}"));
        assert_eq!(read.text.matches(&format!("  {address}\r\n")).count(), 1);
    }
    // What is the same for many is said once.
    assert_eq!(read.text.matches("What happened:").count(), 3);
}

#[test]
fn greylisting_is_called_so_and_not_a_refusal() {
    let fate = |action, status, text: &[u8]| {
        Fate::new("<a@example.org>", action, status)
            .at("mx.example.org", "192.0.2.7")
            .said(450, text)
    };
    let put_off = "puts off mail of senders it does not know yet";
    for (status, text, expected) in [
        (
            Enhanced(4, 2, 0),
            "4.2.0 Greylisted, try again later",
            put_off,
        ),
        (Enhanced(4, 7, 1), "4.7.1 Greylisting in action", put_off),
        (Enhanced(4, 7, 1), "4.7.1 not now", "a rule of the server"),
    ] {
        let delayed = fate(Action::Delayed, status, text.as_bytes()).until();
        let expired = fate(Action::Failed, Enhanced(4, 4, 7), text.as_bytes());
        for fate in [delayed, expired.why(Why::Behind(status))] {
            let read = read(&Case::new(vec![fate]).message());
            let words = read.text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(words.contains(expected), "{expected} in {words}");
            assert!(!words.contains("does not want this message"), "{words}");
        }
    }
    // What is refused for good is no greylisting, whatever its words.
    let refused = fate(Action::Failed, Enhanced(5, 7, 1), b"5.7.1 greylisted").tried();
    let read = read(&Case::new(vec![refused]).message());
    assert!(!read.text.contains("puts off"), "{}", read.text);
}

#[test]
fn who_reads_it_is_told_what_is_true_of_him() {
    let text = |from: &str, fate: Fate| {
        let read = read(&Case::new(vec![fate]).from(from).message());
        read.text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let moved = || {
        Fate::new("<bob@example.org>", Action::Failed, Enhanced(5, 1, 1))
            .orcpt("rfc822;info@example.test")
    };
    let own = text("<alice@example.test>", moved());
    assert!(own.contains("(you wrote to info@example.test)"), "{own}");
    let postmasters = text("<>", moved());
    assert!(
        postmasters.contains("(written to info@example.test)"),
        "{postmasters}"
    );
    // BY in the mode N (RFC 2852): late, and tried on.
    let late = Fate::new("<bob@example.org>", Action::Delayed, Enhanced(4, 4, 7)).until();
    let late = text("<alice@example.test>", late);
    assert!(late.contains("We keep trying until"), "{late}");
    assert!(!late.contains("given up"), "{late}");
}
