//! What posts look like to the octet, and what stays as it was.

use proptest::prelude::*;

use crate::fields::Fields;
use crate::list::{Joining, List, ReplyTo, Settings, tests::settings};

fn list(change: impl FnOnce(&mut Settings)) -> List {
    let mut settings = settings();
    change(&mut settings);
    List::new(settings).unwrap()
}

fn plain() -> List {
    list(|_| {})
}

fn tagged() -> List {
    list(|settings| settings.subject_tag = Some("staff".to_owned()))
}

const OURS: &str = "List-Id: Staff <staff.example.test>\r\n\
    List-Help: <mailto:staff-request@example.test?subject=help>\r\n\
    List-Unsubscribe: <mailto:staff-request@example.test?subject=unsubscribe>\r\n\
    List-Post: <mailto:staff@example.test>\r\n\
    List-Owner: <mailto:staff-owner@example.test>\r\n\
    Delivered-To: staff@example.test\r\n";

fn ours(list: &List, unsubscribe: Option<&str>) -> String {
    String::from_utf8(list.ours(unsubscribe)).unwrap()
}

#[test]
fn a_post_says_which_list_it_came_through() {
    assert_eq!(ours(&plain(), None), OURS);
    let list = list(|settings| {
        settings.name = "Büro, alle".to_owned();
        settings.joining = Joining::Open;
        settings.reply_to = ReplyTo::List;
    });
    let ours = ours(&list, Some("https://lists.example.test/leave/TOKEN"));
    assert_eq!(
        ours,
        "List-Id: =?utf-8?B?QsO8cm8sIGFsbGU=?= <staff.example.test>\r\n\
         List-Help: <mailto:staff-request@example.test?subject=help>\r\n\
         List-Unsubscribe: <https://lists.example.test/leave/TOKEN>,\r\n \
         <mailto:staff-request@example.test?subject=unsubscribe>\r\n\
         List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\
         List-Subscribe: <mailto:staff-request@example.test?subject=subscribe>\r\n\
         List-Post: <mailto:staff@example.test>\r\n\
         List-Owner: <mailto:staff-owner@example.test>\r\n\
         Delivered-To: staff@example.test\r\n\
         Reply-To: =?utf-8?B?QsO8cm8sIGFsbGU=?= <staff@example.test>\r\n"
    );
}

#[test]
fn what_a_stranger_sends_is_no_copy_of_a_list() {
    let theirs = plain().theirs(b"From: a@x.test\r\n\r\n");
    for click in [None, Some("https://lists.example.test/leave/TOKEN")] {
        assert!(List::is_copy(
            &[plain().ours(click), theirs.clone()].concat()
        ));
    }
    let received =
        "Received: from client.example by mx.example.test; Mon, 1 Jan 2024 00:00:00 +0000\r\n";
    assert!(!List::is_copy(format!("{received}{OURS}").as_bytes()));
    assert!(!List::is_copy(b""));
}

#[test]
fn an_address_to_click_that_breaks_the_line_is_left_out() {
    let longest = format!("https://a.test/{}", "a".repeat(998 - 18 - 3 - 15));
    assert!(ours(&plain(), Some(&longest)).contains("One-Click"));
    assert_eq!(ours(&plain(), Some(&format!("{longest}a"))), OURS);
    assert_eq!(ours(&plain(), Some("https://a.test/\r\nBcc: x")), OURS);
}

#[track_caller]
fn check(list: &List, header: &str, expected: &str) {
    let theirs = list.theirs(header.as_bytes());
    assert_eq!(String::from_utf8(theirs).unwrap(), expected, "{header:?}");
}

// TLS-14
#[test]
fn whoever_posts_gives_up_tls_for_nobody_else() {
    let list = plain();
    let rest = "From: a@x.test\r\nX-TLS-Required: No\r\n\r\nTLS-Required: No\r\n";
    check(&list, &format!("tls-required:\r\n No\r\n{rest}"), rest);
    let twice = format!("TLS-Required: No\r\nTLS-Required: No\r\n{rest}");
    check(&list, &twice, rest);
}

#[test]
fn other_fields_stay_and_those_of_other_lists_go() {
    let list = plain();
    check(&list, "", "");
    check(&list, "\r\nbody", "\r\nbody");
    let untouched = "DKIM-Signature: v=1;\r\n\tb=abc\r\nFrom: a@x.test\r\nSubject:  two  spaces \r\nReply-To: b@x.test\r\n\
                     To: staff@example.test\r\nX-List-Id: x\r\nDelivered-To: other@example.test\r\n\r\nList-Id: body\r\n";
    check(&list, untouched, untouched);
    check(
        &list,
        "List-Id: <a.b.test>\r\nFrom: a@x.test\r\nlist-POST: <mailto:a@b.test>,\r\n <x>\r\nList-Archive : <x>\r\n\
         Delivered-To: Staff@example.test\r\nTo: x\r\nList-Unsubscribe-Post: x\r\nList-Unsubscribe: y\r\n\r\n",
        "From: a@x.test\r\nTo: x\r\n\r\n",
    );
    // A message that is no message stays apart from our fields.
    check(&list, " body\r\n", "\r\n body\r\n");
    check(&list, "body\r\n", "\r\nbody\r\n");
    check(&list, "From: a\r\nbody\r\n", "From: a\r\nbody\r\n");
    check(
        &self::list(|s| s.reply_to = ReplyTo::List),
        "Reply-To: a@b.test\r\nTo: x\r\n\r\n",
        "To: x\r\n\r\n",
    );
}

#[test]
fn subjects_get_the_tag_once() {
    let list = tagged();
    check(
        &list,
        "Subject: Lunch\r\n\r\n",
        "Subject: [staff] Lunch\r\n\r\n",
    );
    check(
        &list,
        "subject:Lunch\r\n\r\n",
        "subject: [staff] Lunch\r\n\r\n",
    );
    check(&list, "Subject:\r\n\r\n", "Subject: [staff]\r\n\r\n");
    check(&list, "Subject: \r\n\r\n", "Subject: [staff] \r\n\r\n");
    check(
        &list,
        "Subject: a\r\nSubject: b\r\n\r\n",
        "Subject: [staff] a\r\nSubject: b\r\n\r\n",
    );
    check(
        &list,
        "From: x\r\n\r\nSubject: body\r\n",
        "From: x\r\n\r\nSubject: body\r\n",
    );
    let long = "a".repeat(70);
    check(
        &list,
        &format!("Subject: {long}\r\n b\r\n"),
        &format!("Subject: [staff]\r\n {long}\r\n b\r\n"),
    );
    check(
        &list,
        &format!("Subject:{long}\r\n"),
        &format!("Subject: [staff]\r\n {long}\r\n"),
    );
    check(
        &list,
        "Subject:\r\n folded\r\n",
        "Subject: [staff]\r\n folded\r\n",
    );
    for subject in [
        "[staff] Lunch",
        "Re: [STAFF] Lunch",
        "Re:\r\n [staff] Lunch",
        // `Re: [staff] für` in both encodings.
        "=?UTF-8?B?UmU6IFtzdGFmZl0gZsO8cg==?=",
        "=?utf-8?q?Re=3A_=5Bstaff=5D_f=C3=BCr?=",
    ] {
        let header = format!("Subject: {subject}\r\n\r\n");
        check(&list, &header, &header);
    }
    check(
        &list,
        "Subject: =?x?Q?=ZZ=5?= =?x?B?%?= =?x?y?z?=\r\n",
        "Subject: [staff] =?x?Q?=ZZ=5?= =?x?B?%?= =?x?y?z?=\r\n",
    );
}

/// Lines that fields are made of, ours and others, whole and broken.
const PIECES: [&str; 22] = [
    "From: a@x.test\r\n",
    "Subject: hello\r\n",
    "Subject:",
    "subject : [staff] x\r\n",
    "Reply-To: b@x.test\r\n",
    "List-Id: <a.b.test>\r\n",
    "list-post: <mailto:x>,\r\n",
    "List-Unsubscribe: <x>\r\n",
    "Delivered-To: staff@example.test\r\n",
    "Delivered-To: bob@example.test\r\n",
    "X-Anything: \u{e9}\r\n",
    " folded\r\n",
    "\tfolded: too\r\n",
    "\r\n",
    "no field\r\n",
    ": no name\r\n",
    "\n",
    "\r",
    "Received: from x by y;\r\n",
    "List-Archive: <x>",
    "\u{0}",
    "x",
];

fn pieces() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..14)
        .prop_map(|pieces| pieces.concat())
}

fn lists() -> impl Strategy<Value = List> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(tag, reply_to, joining)| {
        list(|settings| {
            settings.subject_tag = tag.then(|| "staff".to_owned());
            settings.reply_to = if reply_to {
                ReplyTo::List
            } else {
                ReplyTo::Sender
            };
            settings.joining = if joining {
                Joining::Open
            } else {
                Joining::Closed
            };
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn a_second_time_changes_nothing(header in pieces(), list in lists(), click in any::<bool>()) {
        let click = click.then_some("https://lists.example.test/leave/TOKEN");
        let once = [list.ours(click), list.theirs(header.as_bytes())].concat();
        let twice = [list.ours(click), list.theirs(&once)].concat();
        prop_assert_eq!(String::from_utf8_lossy(&twice), String::from_utf8_lossy(&once));
    }

    #[test]
    fn every_octet_that_is_not_ours_stays_where_it_was(header in pieces(), reply_to in any::<bool>()) {
        let list = list(|settings| settings.reply_to = if reply_to { ReplyTo::List } else { ReplyTo::Sender });
        let theirs = list.theirs(header.as_bytes());
        // A slow reference: line by line, without knowing fields as such.
        let (mut expected, mut dropping, mut inside, mut any) = (String::new(), false, true, false);
        let lines: Vec<&str> = header.split_inclusive('\n').collect();
        for (at, line) in lines.iter().enumerate() {
            let name = line.split(':').next().unwrap().trim_end_matches([' ', '\t']);
            let is_field = line.contains(':') && !name.is_empty() && name.bytes().all(|octet| (33..127).contains(&octet));
            if inside && line.starts_with([' ', '\t']) && any {
                if !dropping {
                    expected.push_str(line);
                }
                continue;
            }
            inside = inside && is_field;
            if !inside && !any && !line.starts_with("\r\n") && !line.starts_with('\n') {
                expected.push_str("\r\n");
            }
            any = true;
            let name = name.to_ascii_lowercase();
            // With more words behind it, it is no address of ours.
            let folds = lines.get(at + 1).is_some_and(|next| next.starts_with([' ', '\t']));
            dropping = inside
                && (matches!(name.as_str(), "list-id" | "list-post" | "list-unsubscribe" | "list-archive")
                    || (reply_to && name == "reply-to")
                    || (name == "delivered-to" && line.contains("staff@example.test") && !folds));
            if !dropping {
                expected.push_str(line);
            }
        }
        prop_assert_eq!(String::from_utf8_lossy(&theirs), expected);
    }

    #[test]
    fn the_result_reads_as_our_fields_and_then_theirs(header in pieces(), list in lists()) {
        let whole = [list.ours(None), list.theirs(header.as_bytes())].concat();
        let ids = Fields::new(&whole).filter(|field| field.is("List-Id")).count();
        prop_assert_eq!(ids, 1);
        let own = list.ours(None);
        let count = Fields::new(&own).count();
        let front: Vec<u8> = Fields::new(&whole).take(count).flat_map(|field| field.whole.to_vec()).collect();
        prop_assert_eq!(front, own, "nothing of theirs became part of ours");
    }
}
