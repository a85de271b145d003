//! What is rewritten how, what comes back, and what does not.

use address::{Host, LocalPart, Mailbox, ReversePath};
use proptest::prelude::*;

use super::{Forwarded, Srs, Unreturnable, Why};
use crate::keys::{Key, Keys};

const DAY: u64 = 20_779;

fn keys(octets: &[u8]) -> Keys {
    let mut keys = octets.iter().map(|octet| Key::new(&[*octet; 32]).unwrap());
    let current = keys.next().unwrap();
    Keys::new(current, keys.collect())
}

fn at(domain: &str) -> Srs {
    Srs::new(keys(&[7]), domain.parse().unwrap(), 21)
}

fn srs() -> Srs {
    at("ours.test")
}

fn mailbox(text: &str) -> Mailbox {
    text.parse()
        .unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

fn forwarded(srs: &Srs, sender: &str) -> Forwarded {
    let path = ReversePath::Mailbox(mailbox(sender));
    srs.forwarded(&path, DAY, |_| false)
}

#[track_caller]
fn rewritten(srs: &Srs, sender: &str) -> Mailbox {
    match forwarded(srs, sender) {
        Forwarded::Rewritten(mailbox) => mailbox,
        Forwarded::Kept(why) => panic!("{sender} was kept: {why:?}"),
    }
}

/// What `sender` becomes, the mark left out, and whom that leads back to.
#[track_caller]
fn check_second(sender: &str, expected: &str, back: &str) {
    let made = rewritten(&srs(), sender);
    let shown = made.to_string();
    let mark = shown.find("SRS").unwrap() + 5;
    let without_mark = format!("{}HHHH{}", &shown[..mark], &shown[mark + 6..]);
    assert_eq!(without_mark, expected);
    assert_eq!(srs().reverse(&made.local, DAY), Ok(mailbox(back)));
}

/// The same for what nobody rewrote before: it leads back to where it came from.
#[track_caller]
fn check(sender: &str, expected: &str) {
    check_second(sender, expected, sender);
}

#[test]
fn addresses_of_others_are_rewritten_and_come_back() {
    check(
        "alice@example.test",
        "SRS0=HHHH=JL=example.test=alice@ours.test",
    );
    check(
        "Alice+Detail@Example.Test",
        "SRS0=HHHH=JL=example.test=Alice+Detail@ours.test",
    );
    check(
        "a=b=c@example.test",
        "SRS0=HHHH=JL=example.test=a=b=c@ours.test",
    );
    check(
        "\"a b\"@example.test",
        "\"SRS0=HHHH=JL=example.test=a b\"@ours.test",
    );
    check(
        "\"a\\\"b\\\\c@d\"@example.test",
        "\"SRS0=HHHH=JL=example.test=a\\\"b\\\\c@d\"@ours.test",
    );
    check("\"\"@example.test", "SRS0=HHHH=JL=example.test=@ours.test");
    check(
        "\".a.\"@example.test",
        "\"SRS0=HHHH=JL=example.test=.a.\"@ours.test",
    );
    check(
        "jörg@bücher.example",
        "SRS0=HHHH=JL=xn--bcher-kva.example=jörg@ours.test",
    );
    check(
        "手紙@example.test",
        "SRS0=HHHH=JL=example.test=手紙@ours.test",
    );
    check("a@[192.0.2.1]", "\"SRS0=HHHH=JL=[192.0.2.1]=a\"@ours.test");
    check(
        "a@[IPv6:2001:db8::1]",
        "\"SRS0=HHHH=JL=[IPv6:2001:db8::1]=a\"@ours.test",
    );
    // Begins like one of ours, and is none.
    check(
        "SRS0@example.test",
        "SRS0=HHHH=JL=example.test=SRS0@ours.test",
    );
    check(
        "SRS1=x@example.test",
        "SRS0=HHHH=JL=example.test=SRS1=x@ours.test",
    );
    check(
        "\"SRS1=x=a b=y\"@example.test",
        "\"SRS0=HHHH=JL=example.test=SRS1=x=a b=y\"@ours.test",
    );
}

#[test]
fn what_others_rewrote_leads_back_to_whoever_was_first() {
    check(
        "SRS0=abcd=JK=example.test=alice@first.test",
        "SRS1=HHHH=first.test==abcd=JK=example.test=alice@ours.test",
    );
    check(
        "SRS0+abcd=JK=example.test=alice@first.test",
        "SRS1=HHHH=first.test=+abcd=JK=example.test=alice@ours.test",
    );
    check_second(
        "SRS1=wxyz=first.test==abcd=JK=e.test=a@second.test",
        "SRS1=HHHH=first.test==abcd=JK=e.test=a@ours.test",
        "SRS0=abcd=JK=e.test=a@first.test",
    );
    check_second(
        "srs1+wxyz=FIRST.test=-abcd=JK=e.test=a@second.test",
        "SRS1=HHHH=first.test=-abcd=JK=e.test=a@ours.test",
        "SRS0-abcd=JK=e.test=a@first.test",
    );
}

/// At 75 guesses a second, which is what the limits per address let through, 20 bits lasted less than four hours.
#[test]
fn a_mark_takes_months_to_guess() {
    for sender in [
        "alice@example.test",
        "SRS0=abcd=JK=example.test=alice@first.test",
    ] {
        let made = rewritten(&srs(), sender);
        let mark = made.local.as_str().split('=').nth(1).unwrap();
        let guesses = 32_u64.pow(u32::try_from(mark.len()).unwrap());
        assert!(guesses / 75 > 60 * 24 * 60 * 60, "{made}");
        // And no letter of it goes without saying.
        for at in 0..mark.len() {
            let (before, rest) = mark.split_at(at);
            let other = if rest.starts_with('A') { 'B' } else { 'A' };
            let changed =
                made.local
                    .as_str()
                    .replacen(mark, &format!("{before}{other}{}", &rest[1..]), 1);
            let changed: LocalPart = changed.parse().unwrap();
            assert_eq!(srs().reverse(&changed, DAY), Err(Unreturnable::Forged));
        }
        let short = made.local.as_str().replacen(mark, &mark[..4], 1);
        let short: LocalPart = short.parse().unwrap();
        assert_eq!(srs().reverse(&short, DAY), Err(Unreturnable::Forged));
    }
}

/// Three of them in a row, each of which can undo only what it did itself.
#[test]
fn a_chain_is_walked_back_to_the_sender() {
    let (first, second, third) = (
        at("first.test"),
        Srs::new(keys(&[8]), "b.test".parse().unwrap(), 21),
        srs(),
    );
    let one = rewritten(&first, "alice@a.test");
    let two = rewritten(&second, &one.to_string());
    let three = rewritten(&third, &two.to_string());
    assert_eq!(
        third.reverse(&three.local, DAY),
        Ok(one.clone()),
        "the second is left out"
    );
    assert_eq!(second.reverse(&two.local, DAY), Ok(one.clone()));
    assert_eq!(first.reverse(&one.local, DAY), Ok(mailbox("alice@a.test")));
    assert_eq!(second.reverse(&three.local, DAY), Err(Unreturnable::Forged));
}

#[test]
fn null_and_our_own_stay_as_they_are() {
    let srs = srs();
    let kept = srs.forwarded(&ReversePath::Null, DAY, |_| false);
    assert_eq!(kept, Forwarded::Kept(Why::Null));
    assert_eq!(forwarded(&srs, "bob@ours.test"), Forwarded::Kept(Why::Ours));
    let made = rewritten(&srs, "alice@example.test").to_string();
    assert_eq!(forwarded(&srs, &made), Forwarded::Kept(Why::Ours));
    let other: Host = "other.test".parse().unwrap();
    let path = ReversePath::Mailbox(mailbox("bob@other.test"));
    assert_eq!(
        srs.forwarded(&path, DAY, |host| *host == other),
        Forwarded::Kept(Why::Ours)
    );
}

#[test]
fn what_would_not_fit_into_64_octets_keeps_its_sender() {
    let local = |octets: usize| format!("{}@example.test", "a".repeat(octets));
    // 16 octets of ours, 12 of the domain.
    let made = rewritten(&srs(), &local(36));
    assert_eq!(made.local.as_str().len(), 64);
    assert_eq!(forwarded(&srs(), &local(37)), Forwarded::Kept(Why::TooLong));
    // The path as a whole ends at 256 octets.
    let ours = [
        "d".repeat(60),
        "d".repeat(60),
        "d".repeat(60),
        "d".repeat(20),
    ]
    .join(".");
    assert_eq!(
        forwarded(&at(&ours), &local(36)),
        Forwarded::Kept(Why::TooLong)
    );
    assert!(matches!(
        forwarded(&at(&ours), &local(1)),
        Forwarded::Rewritten(_)
    ));
}

#[test]
fn a_rewritten_address_is_good_for_its_days() {
    let made = rewritten(&srs(), "alice@example.test").local;
    for (later, fits) in [
        (0, true),
        (1, true),
        (21, true),
        (22, false),
        (100, false),
        (1022, false),
    ] {
        let expected = if fits {
            Ok(mailbox("alice@example.test"))
        } else {
            Err(Unreturnable::TooOld)
        };
        assert_eq!(
            srs().reverse(&made, DAY + later),
            expected,
            "{later} days later"
        );
    }
    // A clock that is a day behind the one that made it; not more.
    assert!(srs().reverse(&made, DAY - 1).is_ok());
    assert_eq!(srs().reverse(&made, DAY - 2), Err(Unreturnable::TooOld));
    // Days go round; the validity never reaches the day that is forgiven.
    let endless = Srs::new(keys(&[7]), "ours.test".parse().unwrap(), u16::MAX);
    assert!(endless.reverse(&made, DAY + 1000).is_ok());
    assert_eq!(
        endless.reverse(&made, DAY + 1001),
        Err(Unreturnable::TooOld)
    );
}

#[test]
fn keys_can_be_changed() {
    let domain = || "ours.test".parse().unwrap();
    let made = rewritten(&srs(), "alice@example.test").local;
    let rotated = Srs::new(keys(&[9, 7]), domain(), 21);
    assert!(rotated.reverse(&made, DAY).is_ok());
    assert_ne!(rewritten(&rotated, "alice@example.test").local, made);
    let forgotten = Srs::new(keys(&[9]), domain(), 21);
    assert_eq!(forgotten.reverse(&made, DAY), Err(Unreturnable::Forged));
}

#[test]
fn what_was_not_made_here_is_refused_with_its_reason() {
    let made = rewritten(&srs(), "alice@example.test")
        .local
        .as_str()
        .to_owned();
    let second = rewritten(&srs(), "SRS0=abcd=JK=example.test=alice@first.test");
    let second = second.local.as_str();
    for (local, expected) in [
        ("alice".to_owned(), Unreturnable::NotRewritten),
        ("SRS".to_owned(), Unreturnable::NotRewritten),
        ("SRS0".to_owned(), Unreturnable::NotRewritten),
        ("SRS2=a=b=c=d".to_owned(), Unreturnable::NotRewritten),
        ("SRS0=".to_owned(), Unreturnable::Malformed),
        (
            "SRS0=AAAA=JL=example.test".to_owned(),
            Unreturnable::Malformed,
        ),
        (
            "SRS0=AAAA=J=example.test=alice".to_owned(),
            Unreturnable::Malformed,
        ),
        (
            "SRS0=AAAA=J1=example.test=alice".to_owned(),
            Unreturnable::Malformed,
        ),
        (
            "SRS0=AAAA=JL=exa_mple=alice".to_owned(),
            Unreturnable::Malformed,
        ),
        ("SRS0=AAAA=JL==alice".to_owned(), Unreturnable::Malformed),
        ("SRS1=AAAA=first.test".to_owned(), Unreturnable::Malformed),
        (
            "SRS1=AAAA=first.test=abcd".to_owned(),
            Unreturnable::Malformed,
        ),
        ("SRS1=AAAA=fi_rst==abcd".to_owned(), Unreturnable::Malformed),
        (
            "SRS0=AAAA=JL=example.test=alice".to_owned(),
            Unreturnable::Forged,
        ),
        (
            "SRS0==JL=example.test=alice".to_owned(),
            Unreturnable::Forged,
        ),
        // Old and forged: only forged is told.
        (
            "SRS0=AAAA=AA=example.test=alice".to_owned(),
            Unreturnable::Forged,
        ),
        (made.replace("=alice", "=bob"), Unreturnable::Forged),
        (made.replace("=JL=", "=JM="), Unreturnable::Forged),
        (made.replace("example", "evil"), Unreturnable::Forged),
        (made.replacen("SRS0", "SRS1", 1), Unreturnable::Malformed),
        (
            second.replace("first.test", "evil.test"),
            Unreturnable::Forged,
        ),
        (second.replace("alice", "bob"), Unreturnable::Forged),
    ] {
        let local_part: LocalPart = local.parse().unwrap();
        assert_eq!(srs().reverse(&local_part, DAY), Err(expected), "{local}");
    }
}

#[test]
fn secrets_are_not_shown() {
    let shown = format!("{:?}", srs());
    assert!(
        shown.contains("ours.test") && !shown.contains('7'),
        "{shown}"
    );
}

/// Any local part, well-formed or in need of quotes, and any kind of host.
fn any_mailbox() -> impl Strategy<Value = Mailbox> {
    let letters =
        "[a-zA-Z0-9=+.@\" \\\\_-]{0,24}|(SRS[01][=+-])?[A-Z=]{0,20}|[äöÜßΣİ\u{308}手紙Ia]{0,8}";
    let host = "[a-zA-Z0-9]{1,10}(\\.[a-z]{1,6}){0,2}";
    let hosts = prop_oneof![
        8 => host,
        1 => Just("[192.0.2.1]".to_owned()),
        1 => Just("[IPv6:2001:db8::1]".to_owned()),
        1 => Just("bücher.example".to_owned()),
    ];
    (letters, hosts).prop_filter_map("no mailbox", |(letters, host)| {
        let quoted = letters.replace('\\', "\\\\").replace('"', "\\\"");
        let local: LocalPart = format!("\"{quoted}\"").parse().ok()?;
        Some(Mailbox::new(local, Host::parse(&host).ok()?))
    })
}

/// The other case, where ASCII has one.
fn swapped(local: &LocalPart) -> LocalPart {
    let swap = |letter: char| match letter {
        'a'..='z' => letter.to_ascii_uppercase(),
        other => other.to_ascii_lowercase(),
    };
    let quoted: String = local.to_string().chars().map(swap).collect();
    quoted.parse().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn any_address_goes_there_and_back(sender in any_mailbox(), day in 0_u64..100_000, later in 0_u64..=21) {
        let path = ReversePath::Mailbox(sender.clone());
        match srs().forwarded(&path, day, |_| false) {
            Forwarded::Kept(why) => {
                prop_assert_eq!(why, Why::TooLong);
                prop_assert!(sender.to_string().len() > 40);
            }
            Forwarded::Rewritten(made) => {
                prop_assert!(made.local.as_str().len() <= 64);
                // As other servers read it: from its printed form.
                let read: Mailbox = made.to_string().parse().unwrap();
                prop_assert_eq!(&read, &made);
                let back = srs().reverse(&read.local, day + later).unwrap();
                match &sender.local.as_str().get(..4) {
                    // Its tag is written in capitals, as everybody writes it.
                    Some(tag) if tag.eq_ignore_ascii_case("SRS0") => {
                        prop_assert_eq!(back.key(), sender.key());
                    }
                    Some(tag) if tag.eq_ignore_ascii_case("SRS1") => {}
                    Some(_) | None => prop_assert_eq!(&back, &sender),
                }
                // However its case was changed on the way, it finds the same mailbox but for that.
                let changed = srs().reverse(&swapped(&made.local), day + later).unwrap();
                prop_assert_eq!(changed.key(), back.key());
                // Nothing is rewritten a second time here.
                let again = srs().forwarded(&ReversePath::Mailbox(made), day, |_| false);
                prop_assert_eq!(again, Forwarded::Kept(Why::Ours));
            }
        }
    }

    #[test]
    fn any_local_part_is_read_without_harm(sender in any_mailbox(), day in any::<u64>()) {
        let local = sender.local.as_str();
        let outcome = srs().reverse(&sender.local, day);
        prop_assert!(outcome.is_err(), "{local:?} was believed");
    }
}
