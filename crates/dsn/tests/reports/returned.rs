//! What of the original comes back, and how it gets through.

use address::dsn::Ret;
use dsn::transfer::Transfer;
use dsn::{Action, Between};
use reply::Enhanced;

use crate::case::{Case, Fate};

const PLAIN: &[u8] = b"Subject: a\r\n\r\nbody\r\n";
const LATIN: &[u8] = b"Subject: a\r\n\r\nb\xf6dy\r\n";
const UTF8: &[u8] = "Subject: ä\r\n\r\nbödy\r\n".as_bytes();

fn failed(original: &[u8], ret: Option<Ret>) -> Case {
    let bob = Fate::new("<bob@example.org>", Action::Failed, Enhanced(5, 1, 1));
    let mut case = Case::new(vec![bob]).original(original);
    case.envelope.ret = ret;
    case
}

/// `media` is empty where nothing comes back.
#[track_caller]
fn check(case: &Case, media: &str, octets: u64, transfer: Transfer) {
    let report = case.compose().unwrap();
    let expected = (!media.is_empty()).then_some(Between {
        octets: 0..octets,
        transfer,
    });
    assert_eq!(report.between, expected);
    let front = String::from_utf8(report.front.clone()).unwrap();
    let last = front.rsplit("Content-Type: ").next().unwrap();
    let eight_bit = transfer == Transfer::EightBit;
    if media.is_empty() {
        assert!(last.starts_with("message/delivery-status\r\n"), "{last}");
        assert!(report.back.is_empty());
    } else {
        assert!(last.starts_with(&format!("{media}\r\n")), "{last}");
        let name = format!("Content-Transfer-Encoding: {}\r\n\r\n", transfer.name());
        assert!(last.ends_with(&name), "{last}");
        assert_eq!(report.envelope.body8bit, eight_bit);
        assert_eq!(case.sent(&report).is_ascii(), !eight_bit);
    }
}

// DSN-11
#[test]
fn ret_and_the_action_decide_how_much_comes_back() {
    use Transfer::SevenBit;
    let whole = PLAIN.len() as u64;
    check(
        &failed(PLAIN, Some(Ret::Full)),
        "message/rfc822",
        whole,
        SevenBit,
    );
    check(
        &failed(PLAIN, Some(Ret::Headers)),
        "text/rfc822-headers",
        12,
        SevenBit,
    );
    check(&failed(PLAIN, None), "text/rfc822-headers", 12, SevenBit);
    let mut delayed = failed(PLAIN, Some(Ret::Full));
    delayed.fates[0].action = Action::Delayed;
    check(&delayed, "text/rfc822-headers", 12, SevenBit);
    // One failure is enough.
    delayed.fates.extend(failed(PLAIN, None).fates);
    check(&delayed, "message/rfc822", whole, SevenBit);
    let mut nothing = failed(PLAIN, Some(Ret::Full));
    nothing.original = None;
    check(&nothing, "", 0, SevenBit);
}

#[test]
fn size_has_a_bound() {
    use Transfer::SevenBit;
    let whole = PLAIN.len() as u64;
    let limited = |octets| {
        let mut case = failed(PLAIN, Some(Ret::Full));
        case.limits.octets = octets;
        case
    };
    check(&limited(whole), "message/rfc822", whole, SevenBit);
    check(&limited(whole - 1), "text/rfc822-headers", 12, SevenBit);
    check(&limited(12), "text/rfc822-headers", 12, SevenBit);
    check(&limited(11), "", 0, SevenBit);
}

// REL-08
#[test]
fn eight_bits_come_back_where_the_way_takes_them() {
    let whole = LATIN.len() as u64;
    let mut case = failed(LATIN, Some(Ret::Full));
    check(&case, "message/rfc822", whole, Transfer::EightBit);
    case.limits.eight_bit = false;
    check(&case, "text/rfc822-headers", 12, Transfer::SevenBit);
    let header = failed(b"Subject: \xf6\r\n\r\n", Some(Ret::Headers));
    check(
        &header,
        "text/rfc822-headers",
        12,
        Transfer::QuotedPrintable,
    );
}

// DSN-17
#[test]
fn utf8_comes_back_in_types_of_its_own() {
    let whole = UTF8.len() as u64;
    let mut case = failed(UTF8, Some(Ret::Full));
    case.envelope.smtputf8 = true;
    check(&case, "message/global", whole, Transfer::Base64);
    case.envelope.ret = None;
    check(
        &case,
        "message/global-headers",
        13,
        Transfer::QuotedPrintable,
    );
    // Its envelope asked for SMTPUTF8, and it holds nothing that needs it.
    let mut plain = failed(PLAIN, Some(Ret::Full));
    plain.envelope.smtputf8 = true;
    let octets = PLAIN.len() as u64;
    check(&plain, "message/rfc822", octets, Transfer::SevenBit);
    let to_jörg = case.from("<jörg@example.test>");
    assert!(to_jörg.compose().unwrap().envelope.smtputf8);
}

#[test]
fn what_no_mail_may_hold_comes_back_without_harm() {
    let mut long = b"Subject: a\r\n\r\n".to_vec();
    long.resize(long.len() + 2_000, b'x');
    for awkward in [
        &long,
        b"Subject: a\r\n\r\nb\0\r\n".as_slice(),
        b"Subject: a\r\n\r\nb\nc",
    ] {
        let case = failed(awkward, Some(Ret::Full));
        check(&case, "text/rfc822-headers", 12, Transfer::SevenBit);
    }
    let header = failed(b"Subject: a\0b\rc\r\n\r\n", Some(Ret::Headers));
    check(
        &header,
        "text/rfc822-headers",
        16,
        Transfer::QuotedPrintable,
    );
    assert!(!header.message().contains(&0));
}

#[test]
fn the_text_says_what_is_attached_and_whose_it_is() {
    let says = |sender: &str, ret| {
        let text = crate::parsed::read(&failed(PLAIN, ret).from(sender).message()).text;
        text.lines().last().unwrap().to_owned()
    };
    let alice = "<alice@example.test>";
    assert_eq!(says(alice, Some(Ret::Full)), "Your message is attached.");
    assert_eq!(says(alice, None), "not its text.");
    assert_eq!(says("<>", Some(Ret::Full)), "The message is attached.");
    assert_eq!(says("<>", None), "The header of the message is attached.");
}

// TLS-13: RFC 8689 section 5
#[test]
fn what_went_under_tls_comes_back_under_tls() {
    let mut case = failed(PLAIN, None);
    assert!(!case.compose().unwrap().envelope.requiretls);
    case.envelope.requiretls = true;
    assert!(case.compose().unwrap().envelope.requiretls);
    // By its header, whatever was wished.
    case.envelope.ret = Some(Ret::Full);
    check(&case, "text/rfc822-headers", 12, Transfer::SevenBit);
}

// REL-02, DSN-10
#[test]
fn the_envelope_can_start_no_circle() {
    let report = failed(PLAIN, None).compose().unwrap();
    assert_eq!(report.envelope.reverse_path.to_string(), "<>");
    assert_eq!(report.envelope.ret, None);
    assert_eq!(
        report.envelope.recipients[0].path.to_string(),
        "<alice@example.test>"
    );
    assert_eq!(report.envelope.recipients[0].notify, None);
    // It fails in its turn: the postmaster.
    let bounce = |envelope: &address::Envelope| {
        let mut again = failed(PLAIN, None);
        again.fates[0].recipient = envelope.recipients[0].clone();
        again.envelope = envelope.clone();
        again.compose()
    };
    let double = bounce(&report.envelope).unwrap().envelope;
    assert_eq!(double.reverse_path.to_string(), "<>");
    assert_eq!(
        double.recipients[0].path.to_string(),
        "<postmaster@example.test>"
    );
    // And that one, too: nobody.
    assert_eq!(bounce(&double), None);
}
