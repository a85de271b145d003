//! Whatever the facts, the report is well-formed and says them.

use address::dsn::{Envid, Notify, Orcpt, Ret};
use address::{Host, Mailbox};
use dsn::{Action, Languages, Limits, Why};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use reply::{Enhanced, pop3, smtp};

use crate::case::{Case, Fate};
use crate::hostile::well_formed;
use crate::parsed::{parse, read};

fn mailboxes() -> impl Strategy<Value = Mailbox> {
    let local = prop_oneof![
        "[a-z]{1,8}",
        "[a-z]{1,60}",
        "\"[ -~]{0,20}\"",
        "[a-zé花\u{308}]{1,12}",
    ];
    let host = prop_oneof![
        Just("example.org".to_owned()),
        Just("日本語.jp".to_owned()),
        Just("[192.0.2.1]".to_owned()),
        "([a-z]{60}\\.){3}[a-z]{2,60}",
    ];
    (local, host).prop_filter_map("no mailbox", |(local, host)| {
        format!("{local}@{host}").parse().ok()
    })
}

fn hosts() -> impl Strategy<Value = Host> {
    mailboxes().prop_map(|mailbox| mailbox.host)
}

/// Replies as strangers write them.
fn replies() -> impl Strategy<Value = (u16, Vec<u8>)> {
    let text = prop_oneof![
        vec(any::<u8>(), 0..200),
        "[ -~]{0,600}".prop_map(String::into_bytes),
        "\\PC{0,100}".prop_map(String::into_bytes),
        "(5\\.[0-9]{1,4}\\.[0-9]{1,4} [a-z ]{0,90}(\r\n|\n|\r)){0,20}".prop_map(String::into_bytes),
    ];
    (any::<u16>(), text)
}

fn fates() -> impl Strategy<Value = Fate> {
    let notify = option::of(select(vec![
        "NEVER",
        "SUCCESS",
        "FAILURE",
        "DELAY",
        "SUCCESS,FAILURE,DELAY",
    ]));
    let orcpt = option::of(
        prop_oneof!["rfc822;[!-*,-<>-~]{1,200}", "utf-8;[a-zé花]{1,20}@例\\.jp"]
            .prop_filter_map("no ORCPT", |text| Orcpt::parse(text.as_bytes()).ok()),
    );
    let why = prop_oneof![
        Just(Why::Status),
        (any::<u8>(), 0..9_u16, 0..40_u16)
            .prop_map(|(class, subject, detail)| Why::Behind(Enhanced(class, subject, detail))),
        Just(Why::Row(&smtp::MAILBOX_FULL)),
        Just(Why::Allowance),
        Just(Why::Row(pop3::ROWS[0][0])),
    ];
    let status = (any::<u8>(), 0..9_u16, prop_oneof![0..40_u16, any::<u16>()]);
    let remote = option::of((hosts(), option::of(replies())));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let what = (mailboxes(), select(Action::ALL.to_vec()), status, why);
    (what, notify, orcpt, remote, flags).prop_map(
        |((mailbox, action, status, why), notify, orcpt, remote, (tried, until, by))| {
            let status = Enhanced(status.0, status.1, status.2);
            let mut fate = Fate::new(&format!("<{mailbox}>"), action, status).why(why);
            fate.recipient.notify = notify.map(|text| Notify::parse(text.as_bytes()).unwrap());
            fate.recipient.orcpt = orcpt;
            fate.deliver_by = by;
            if let Some((host, said)) = remote {
                fate.host = Some(host);
                fate.said = said;
            }
            if tried {
                fate = fate.tried();
            }
            if until {
                fate = fate.until();
            }
            fate
        },
    )
}

fn originals() -> impl Strategy<Value = Option<Vec<u8>>> {
    let header = "(Subject: [ -~é]{0,80}\r\n){0,3}(Message-ID: <[!-~]{0,40}@[!-~]{0,40}>\r\n)?";
    let message = prop_oneof![
        vec(any::<u8>(), 0..300),
        (header, vec(any::<u8>(), 0..300))
            .prop_map(|(header, body)| { [header.as_bytes(), b"\r\n", &body].concat() }),
        (header, "([ -~é]{0,100}\r\n){0,5}")
            .prop_map(|(header, body)| { [header.as_bytes(), b"\r\n", body.as_bytes()].concat() }),
    ];
    option::of(message)
}

fn cases() -> impl Strategy<Value = Case> {
    let envelope = (
        option::weighted(0.9, mailboxes()),
        option::of(
            "[!-*,-<>-~]{1,100}"
                .prop_filter_map("no ENVID", |text| Envid::parse(text.as_bytes()).ok()),
        ),
        option::of(select(vec![Ret::Full, Ret::Headers])),
        any::<bool>(),
    );
    let languages = select(vec![
        Languages::English,
        Languages::Japanese,
        Languages::Both,
    ]);
    let limits = (0..600_u64, any::<bool>());
    let ours = (hosts(), mailboxes());
    (
        vec(fates(), 0..6),
        envelope,
        originals(),
        languages,
        limits,
        ours,
        any::<u128>(),
    )
        .prop_map(
            |(fates, (sender, envid, ret, smtputf8), original, languages, limits, ours, random)| {
                let mut case = Case::new(fates).languages(languages);
                case.envelope.reverse_path = match sender {
                    Some(sender) => address::ReversePath::Mailbox(sender),
                    None => address::ReversePath::Null,
                };
                case.envelope.envid = envid;
                case.envelope.ret = ret;
                case.envelope.smtputf8 = smtputf8;
                (case.reporting, case.postmaster) = ours;
                case.limits = Limits {
                    octets: limits.0,
                    eight_bit: limits.1,
                };
                case.random = random.to_be_bytes();
                match original {
                    Some(original) => case.original(&original),
                    None => case,
                }
            },
        )
}

/// Recipients that are to be reported, by the table of RFC 3461 written down once more.
fn expected(case: &Case) -> Vec<&Fate> {
    let null = case.envelope.reverse_path.mailbox().is_none();
    let wanted = |fate: &&Fate| {
        let asked = match fate.recipient.notify {
            None => fate.deliver_by || matches!(fate.action.name(), "failed" | "delayed"),
            Some(Notify::Never) => false,
            Some(notify) => {
                let word = match fate.action.name() {
                    "failed" => "FAILURE",
                    "delayed" => "DELAY",
                    _ => "SUCCESS",
                };
                fate.deliver_by || notify.to_string().split(',').any(|one| one == word)
            }
        };
        asked && (!null || fate.action == Action::Failed)
    };
    case.fates.iter().filter(wanted).collect()
}

fn check(case: &Case) {
    let expected = expected(case);
    let Some(report) = case.compose() else {
        assert!(expected.is_empty());
        return;
    };
    assert!(!expected.is_empty());
    let message = case.sent(&report);
    let envelope = &report.envelope;
    well_formed(&report.front);
    // Other people's messages may hold controls, but no line end that is none.
    assert!(!message.contains(&0));
    let longest = message
        .split(|octet| *octet == b'\n')
        .map(<[u8]>::len)
        .max();
    assert!(longest <= Some(998 + 1));
    assert!(message.is_ascii() || envelope.body8bit);
    let end = message
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    assert!(message[..end].is_ascii() || envelope.smtputf8);
    assert_eq!(envelope.reverse_path, address::ReversePath::Null);

    let boundary = format!("--=_{:032x}", u128::from_be_bytes(case.random));
    let lines = message.split(|octet| *octet == b'\n');
    let boundaries = lines
        .filter(|line| line.starts_with(boundary.as_bytes()))
        .count();
    assert_eq!(boundaries, 3 + usize::from(report.between.is_some()));

    let to = envelope.recipients[0].path.mailbox().unwrap();
    let sender = case.envelope.reverse_path.mailbox();
    assert_eq!(to, sender.unwrap_or(&case.postmaster));
    let parsed = parse(&message);
    assert!(parsed.date().is_some() && parsed.message_id().is_some());
    assert!(parsed.subject().is_some() && parsed.from().is_some() && parsed.to().is_some());

    let read = read(&message);
    assert_eq!(read.recipients.len(), expected.len());
    for (group, fate) in read.recipients.iter().zip(&expected) {
        let mailbox = fate.recipient.path.mailbox().unwrap().to_string();
        let (kind, address) = group["final-recipient"].split_once("; ").unwrap();
        assert_eq!(
            (kind == "rfc822", address),
            (mailbox.is_ascii(), mailbox.as_str())
        );
        assert_eq!(group["action"], fate.action.name());
        let class = group["status"].chars().next().unwrap();
        assert!(match fate.action.name() {
            "failed" => matches!(class, '4' | '5'),
            "delayed" => class == '4',
            _ => class == '2',
        });
        let orcpt = fate.recipient.orcpt.is_some();
        assert_eq!(group.contains_key("original-recipient"), orcpt);
        assert_eq!(group.contains_key("remote-mta"), fate.host.is_some());
        let said = fate.host.is_some() && fate.said.is_some();
        assert_eq!(group.contains_key("diagnostic-code"), said);
    }
    let envid = case.envelope.envid.as_ref().map(Envid::decoded);
    assert_eq!(read.message.get("original-envelope-id"), envid.as_ref());
    assert_eq!(read.original.is_some(), report.between.is_some());
}

proptest! {
    #[test]
    fn reports_are_well_formed_whatever_the_facts(case in cases()) {
        check(&case);
    }
}
