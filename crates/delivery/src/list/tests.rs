//! What a list is, who may post to it, and how loops end.

use address::{Mailbox, ReversePath};

use super::{
    AfterData, AtRcpt, Expansion, List, ListError, Looped, Poster, Posting, Role, Settings,
};

pub(super) fn settings() -> Settings {
    Settings {
        address: mailbox("staff@example.test"),
        name: "Staff".to_owned(),
        description: "Everybody in the office".to_owned(),
        owners: vec![mailbox("olga@example.test")],
        members: vec![
            mailbox("bob@example.net"),
            mailbox("alice@example.test"),
            mailbox("BOB@example.net"),
        ],
        moderators: vec![mailbox("mo@example.test")],
        posting: Posting::default(),
        expansion: Expansion::default(),
        joining: super::Joining::default(),
        reply_to: super::ReplyTo::default(),
        subject_tag: None,
    }
}

pub(super) fn list() -> List {
    List::new(settings()).unwrap()
}

fn mailbox(text: &str) -> Mailbox {
    text.parse().unwrap()
}

#[track_caller]
fn refused(change: impl FnOnce(&mut Settings), expected: Option<&ListError>) {
    let mut settings = settings();
    change(&mut settings);
    assert_eq!(List::new(settings).as_ref().err(), expected);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let long = format!("{}@example.test", "a".repeat(57));
    let domain = [
        "d".repeat(60),
        "d".repeat(60),
        "d".repeat(60),
        "d".repeat(60),
    ]
    .join(".");
    refused(|s| s.address = mailbox(&format!("ab@{domain}")), None);
    let overlong = format!("abc@{domain}");
    for address in [
        "a+b@example.test",
        "\"a b\"@example.test",
        "jörg@example.test",
        "a@[192.0.2.1]",
        &long,
        &overlong,
    ] {
        let address = mailbox(address);
        let error = ListError::Address(address.clone());
        refused(|s| s.address = address, Some(&error));
    }
    for address in [
        "staff-request@example.test",
        "x-Owner@example.test",
        "x-bounces@example.test",
    ] {
        let address = mailbox(address);
        let error = ListError::Reserved(address.clone());
        refused(|s| s.address = address, Some(&error));
    }
    refused(
        |s| s.address = mailbox(&format!("{}@example.test", "a".repeat(56))),
        None,
    );
    refused(|s| s.owners.clear(), Some(&ListError::NoOwner));
    for itself in [
        "staff@example.test",
        "STAFF-owner@example.test",
        "staff-bounces@example.test",
    ] {
        let itself = mailbox(itself);
        let error = ListError::Itself(itself.clone());
        refused(|s| s.members.push(itself.clone()), Some(&error));
        refused(|s| s.owners.push(itself.clone()), Some(&error));
        refused(|s| s.moderators.push(itself), Some(&error));
    }
    refused(|s| s.name = "a".repeat(101), Some(&ListError::NameTooLong));
    refused(
        |s| s.description = "a".repeat(1001),
        Some(&ListError::DescriptionTooLong),
    );
    for tag in ["", "a b", "[a]", "ä", "a\r\nBcc:"] {
        refused(
            |s| s.subject_tag = Some(tag.to_owned()),
            Some(&ListError::Tag),
        );
    }
    refused(|s| s.subject_tag = Some("staff".to_owned()), None);
}

#[test]
fn a_list_is_written_down_and_read_again() {
    let written = serde_json::to_string(&list()).unwrap();
    assert_eq!(serde_json::from_str::<List>(&written).unwrap(), list());
    let short =
        r#"{"address":"staff@example.test","owners":["olga@example.test"],"posting":"moderated"}"#;
    let read: List = serde_json::from_str(short).unwrap();
    assert_eq!(read.settings().posting, Posting::Moderated);
    assert_eq!(
        read.moderators(),
        [mailbox("olga@example.test")],
        "without moderators, the owners"
    );
    assert!(
        serde_json::from_str::<List>(r#"{"address":"staff@example.test","owners":[]}"#).is_err()
    );
}

#[test]
fn members_are_counted_once_whatever_their_case() {
    let members: Vec<String> = list().members().map(Mailbox::key).collect();
    assert_eq!(members, ["alice@example.test", "bob@example.net"]);
    assert!(list().is_member(&mailbox("Alice@EXAMPLE.test")));
    assert!(!list().is_member(&mailbox("olga@example.test")));
}

#[test]
fn each_address_of_a_list_has_its_role() {
    for (address, role) in [
        ("staff@example.test", Some(Role::Post)),
        ("STAFF@example.test", Some(Role::Post)),
        ("staff-request@example.test", Some(Role::Request)),
        ("Staff-Bounces@example.test", Some(Role::Bounces)),
        ("staff-owner@example.test", Some(Role::Owner)),
        ("staff-other@example.test", None),
        ("staffx@example.test", None),
        ("staff@other.test", None),
        ("staff@[192.0.2.1]", None),
    ] {
        assert_eq!(list().role(&mailbox(address)), role, "{address}");
    }
    for role in [Role::Post, Role::Request, Role::Bounces, Role::Owner] {
        assert_eq!(list().role(&list().mailbox(role)), Some(role));
    }
    assert_eq!(list().id(), "staff.example.test");
}

fn posting(posting: Posting) -> List {
    List::new(Settings {
        posting,
        ..settings()
    })
    .unwrap()
}

#[track_caller]
fn check(rule: Posting, sender: &str, login: &[&str], expected: AtRcpt) {
    let reverse_path: ReversePath = sender.parse().unwrap();
    let login: Vec<Mailbox> = login.iter().map(|address| mailbox(address)).collect();
    let is_local = sender.ends_with("@example.test>");
    let poster = Poster {
        reverse_path: &reverse_path,
        login: &login,
        is_local,
    };
    assert_eq!(
        posting(rule).at_rcpt(&poster),
        expected,
        "{rule:?} {sender} {login:?}"
    );
}

#[test]
fn the_posting_rule_decides_at_rcpt() {
    use AtRcpt::{Accept, Loop, NeedsLogin, NotAllowed};
    use Posting::{Anyone, Authenticated, Members, Moderated};
    for rule in [Anyone, Moderated] {
        check(rule, "<eve@example.net>", &[], Accept);
        check(rule, "<alice@example.test>", &[], Accept);
    }
    check(Authenticated, "<eve@example.net>", &[], NeedsLogin);
    check(Authenticated, "<bob@example.net>", &[], NeedsLogin);
    check(
        Authenticated,
        "<carol@example.test>",
        &["carol@example.test"],
        Accept,
    );
    // A member elsewhere is believed; nobody can log in for him here.
    check(Members, "<bob@example.net>", &[], Accept);
    check(Members, "<Bob@Example.NET>", &[], Accept);
    check(Members, "<prvs=0123abcdef=bob@example.net>", &[], Accept);
    check(Members, "<eve@example.net>", &[], NotAllowed);
    // A member here has to log in, and so has whoever may be one under another address.
    check(Members, "<alice@example.test>", &[], NeedsLogin);
    check(Members, "<carol@example.test>", &[], NeedsLogin);
    check(
        Members,
        "<alice@example.test>",
        &["alice@example.test"],
        Accept,
    );
    check(
        Members,
        "<sales@example.test>",
        &["sales@example.test", "alice@example.test"],
        Accept,
    );
    check(
        Members,
        "<carol@example.test>",
        &["carol@example.test"],
        NotAllowed,
    );
    // The login counts, not what was put into MAIL.
    check(
        Members,
        "<bob@example.net>",
        &["carol@example.test"],
        NotAllowed,
    );
    for caretaker in ["olga@example.test", "mo@example.test"] {
        check(Members, &format!("<{caretaker}>"), &[caretaker], Accept);
    }
    check(
        Members,
        "<staff-owner@example.test>",
        &["olga@example.test"],
        Accept,
    );
    check(Members, "<staff-owner@example.test>", &[], NeedsLogin);
    for rule in [Anyone, Moderated, Authenticated, Members] {
        check(rule, "<>", &[], NotAllowed);
        check(rule, "<staff-bounces@example.test>", &[], Loop);
        check(rule, "<staff-request@example.test>", &[], Loop);
        check(
            rule,
            "<SRS0=AB=CD=example.test=staff-bounces@forwarder.test>",
            &[],
            Loop,
        );
        check(rule, "<STAFF@example.test>", &["alice@example.test"], Loop);
    }
}

#[track_caller]
fn after(rule: Posting, login: &[&str], header: &str, expected: AfterData) {
    let reverse_path: ReversePath = "<mo@example.test>".parse().unwrap();
    let login: Vec<Mailbox> = login.iter().map(|address| mailbox(address)).collect();
    let poster = Poster {
        reverse_path: &reverse_path,
        login: &login,
        is_local: true,
    };
    let decision = posting(rule).after_data(&poster, header.as_bytes(), "mail.example.test");
    assert_eq!(decision, expected, "{header:?}");
}

#[test]
fn posts_to_a_moderated_list_wait_for_a_moderator_who_is_not_there() {
    for rule in [Posting::Anyone, Posting::Members, Posting::Authenticated] {
        after(rule, &[], "Subject: x\r\n\r\n", AfterData::Post);
    }
    // His address alone opens nothing.
    after(
        Posting::Moderated,
        &[],
        "From: mo@example.test\r\n\r\n",
        AfterData::Hold,
    );
    after(
        Posting::Moderated,
        &["alice@example.test"],
        "\r\n",
        AfterData::Hold,
    );
    after(
        Posting::Moderated,
        &["MO@example.test"],
        "\r\n",
        AfterData::Post,
    );
}

#[test]
fn a_post_that_was_here_before_ends_here() {
    let received = |host: &str, path: &str| {
        format!(
            "Received: from x.test ([192.0.2.1]) by {host} with ESMTP\r\n\tid 1 for {path}; Sun, 22 Nov 2026\r\n"
        )
    };
    let ours = received("mail.example.test", "<staff@example.test>");
    for (header, expected) in [
        (
            "List-Id: Staff <staff.example.test>\r\n".to_owned(),
            AfterData::Loop(Looped::ListId),
        ),
        (
            "LIST-ID: < STAFF. Example.Test>\r\n".to_owned(),
            AfterData::Loop(Looped::ListId),
        ),
        (
            "List-Id: \"<x.y>\"\r\n <staff.example.test>\r\n".to_owned(),
            AfterData::Loop(Looped::ListId),
        ),
        (
            "Delivered-To: staff@example.test\r\n".to_owned(),
            AfterData::Loop(Looped::DeliveredTo),
        ),
        (
            "delivered-to: <Staff@Example.test>\r\n".to_owned(),
            AfterData::Loop(Looped::DeliveredTo),
        ),
        (format!("{ours}{ours}"), AfterData::Loop(Looped::Received)),
        (
            "Auto-Submitted: auto-replied (vacation)\r\n".to_owned(),
            AfterData::NotAllowed,
        ),
        // None of these is a loop.
        (
            "List-Id: <other.example.test>\r\n".to_owned(),
            AfterData::Post,
        ),
        (
            "List-Id: staff.example.test <x.y.test>\r\n".to_owned(),
            AfterData::Post,
        ),
        (
            "Delivered-To: bob@example.test\r\n".to_owned(),
            AfterData::Post,
        ),
        (
            "Delivered-To: staff-owner@example.test\r\n".to_owned(),
            AfterData::Post,
        ),
        (ours.clone(), AfterData::Post),
        (
            format!("{ours}{}", received("other.test", "<staff@example.test>")),
            AfterData::Post,
        ),
        (
            format!(
                "{ours}{}",
                received("mail.example.test", "<bob@example.test>")
            ),
            AfterData::Post,
        ),
        (
            "Auto-Submitted: auto-generated\r\n".to_owned(),
            AfterData::Post,
        ),
        (
            "Subject: x\r\n\r\nList-Id: <staff.example.test>\r\n".to_owned(),
            AfterData::Post,
        ),
    ] {
        after(Posting::Anyone, &[], &header, expected);
    }
}

/// Two lists that are members of each other, each of which takes the List-Id of the other away.
#[test]
fn two_lists_that_feed_each_other_stop_after_one_round() {
    let other = List::new(Settings {
        address: mailbox("other@example.test"),
        posting: Posting::Anyone,
        ..settings()
    });
    let (first, second) = (posting(Posting::Anyone), other.unwrap());
    let poster = |path| Poster {
        reverse_path: path,
        login: &[],
        is_local: true,
    };
    let pass = |list: &List, header: &[u8]| [list.ours(None), list.theirs(header)].concat();
    let once = pass(&first, b"From: bob@example.net\r\n\r\n");
    let from_first = ReversePath::Mailbox(first.mailbox(Role::Bounces));
    assert_eq!(second.at_rcpt(&poster(&from_first)), AtRcpt::Accept);
    assert_eq!(
        second.after_data(&poster(&from_first), &once, "mail.example.test"),
        AfterData::Post
    );
    let twice = pass(&second, &once);
    let from_second = ReversePath::Mailbox(second.mailbox(Role::Bounces));
    let back = first.after_data(&poster(&from_second), &twice, "mail.example.test");
    assert_eq!(back, AfterData::Loop(Looped::DeliveredTo));
}

#[test]
fn members_are_told_to_whom_the_list_allows() {
    let check = |expansion: Expansion, login: &[&str], expected: bool| {
        let list = List::new(Settings {
            expansion,
            ..settings()
        })
        .unwrap();
        let login: Vec<Mailbox> = login.iter().map(|address| mailbox(address)).collect();
        assert_eq!(
            list.expands_for(&login),
            expected,
            "{expansion:?} {login:?}"
        );
    };
    check(Expansion::Nobody, &["olga@example.test"], false);
    check(Expansion::Members, &["olga@example.test"], true);
    check(
        Expansion::Members,
        &["x@example.test", "alice@example.test"],
        true,
    );
    check(Expansion::Members, &["carol@example.test"], false);
    check(Expansion::Members, &[], false);
    check(Expansion::Authenticated, &["carol@example.test"], true);
    check(Expansion::Authenticated, &[], false);
    check(Expansion::Anyone, &[], true);
}
