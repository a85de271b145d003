//! Delivery reports: whatever a server answered and whatever the original is, the report is mail, its boundaries are
//! where they belong, and what comes back of the original is what it was.

use address::dsn::{Orcpt, Ret};
use address::{Envelope, Host, Mailbox, Recipient};
use dsn::transfer::Transfer;
use dsn::{
    Action, Facts, Languages, Limits, MessageId, Moment, OfList, Original, Outcome, Remote, Report,
    Said, Survey, Why, compose, of_reply, suggested,
};

/// Longest line of mail, without its CRLF.
const LINE: usize = 998;
/// What the report may bring back.
const LIMIT: u64 = 4_096;

/// Two octets choose; up to the first NUL it is a reply, and an ORCPT if it is one; behind that, the original.
pub fn check(input: &[u8]) {
    let [first, second, rest @ ..] = input else {
        return;
    };
    let end = rest.iter().position(|octet| *octet == 0);
    let (reply, original) = rest.split_at(end.unwrap_or(rest.len()));
    let original = original.get(1..).unwrap_or_default();
    let survey = surveyed(original, usize::from(*second));
    let recipient = Recipient {
        path: "<bob@example.org>".parse().expect("a path"),
        notify: None,
        orcpt: Orcpt::parse(reply).ok(),
    };
    let sender = if first & 1 == 0 {
        "<alice@example.test>"
    } else {
        "<jörg@example.test>"
    };
    let envelope = Envelope {
        reverse_path: sender.parse().expect("a path"),
        ret: (first & 2 == 0).then_some(Ret::Full),
        smtputf8: first & 4 == 0,
        ..Envelope::default()
    };
    let code = [250, 354, 421, 452, 550, 554, 0, u16::MAX][usize::from(first >> 5)];
    let host: Host = "mx.example.org".parse().expect("a host");
    let outcome = Outcome {
        recipient: &recipient,
        action: Action::Failed,
        status: of_reply(code, reply),
        why: Why::Status,
        remote: Some(Remote {
            host: &host,
            address: None,
            said: Some(Said { code, text: reply }),
        }),
        tried: None,
        until: None,
        deliver_by: false,
    };
    let postmaster: Mailbox = "postmaster@example.test".parse().expect("a mailbox");
    let message_id = MessageId::find(original);
    let languages = match suggested(&envelope.reverse_path, original) {
        Languages::English if first & 8 != 0 => Languages::Japanese,
        suggested => suggested,
    };
    // Whoever joins a list chooses the address.
    let member = std::str::from_utf8(reply).ok();
    let member = member.and_then(|text| Mailbox::parse_user(text).ok());
    let report = compose(&Facts {
        reporting: &host,
        postmaster: &postmaster,
        envelope: &envelope,
        arrived: Moment::new(i64::from(*second) << 28, 0),
        now: Moment::new(i64::from(*second) << 30, i16::from(*second)),
        outcomes: &[outcome],
        languages,
        original: Some(&survey),
        message_id: message_id.as_ref(),
        untold: member.as_ref(),
        list: member.as_ref().map(|member| OfList {
            list: &postmaster,
            members: std::slice::from_ref(member),
        }),
        limits: Limits {
            octets: LIMIT,
            eight_bit: first & 16 == 0,
        },
        random: *b"0123456789abcdef",
    });
    is_mail(&report.expect("a failure is reported"), original);
}

/// The original, surveyed; cutting it makes no difference.
fn surveyed(original: &[u8], cut: usize) -> Original {
    let mut whole = Survey::new();
    whole.read(original);
    let whole = whole.finish();
    let mut pieces = Survey::new();
    original
        .chunks(cut.max(1))
        .for_each(|piece| pieces.read(piece));
    assert_eq!(pieces.finish(), whole, "cut every {cut}");
    whole
}

fn is_mail(report: &Report, original: &[u8]) {
    let mut message = report.front.clone();
    if let Some(between) = &report.between {
        let end = usize::try_from(between.octets.end).expect("a small original");
        assert!(between.octets.start == 0 && end <= original.len() && end as u64 <= LIMIT);
        let part = &original[..end];
        let mut encoded = Vec::new();
        let mut encoder = between.transfer.encoder();
        encoder.push(part, &mut encoded);
        encoder.finish(&mut encoded);
        let again = match between.transfer {
            Transfer::SevenBit | Transfer::EightBit => encoded.clone(),
            Transfer::QuotedPrintable => quoted(&encoded),
            Transfer::Base64 => base64(&encoded),
        };
        assert_eq!(again, part, "{:?}", between.transfer);
        message.extend_from_slice(&encoded);
    }
    message.extend_from_slice(&report.back);

    assert!(message.ends_with(b"\r\n") && !message.contains(&0));
    assert!(message.is_ascii() || report.envelope.body8bit);
    let mut starts = 0;
    for line in message.split(|octet| *octet == b'\n').rev().skip(1) {
        let line = line.strip_suffix(b"\r").expect("a bare LF");
        assert!(!line.contains(&b'\r'), "a bare CR");
        assert!(line.len() <= LINE, "a line of {} octets", line.len());
        if line.starts_with(b"--=_") && contains(line, b"30313233343536373839616263646566") {
            starts += 1;
        }
    }
    // The original cannot know the random bits; here it may, and then the count says nothing.
    if !contains(original, b"30313233343536373839616263646566") {
        assert_eq!(starts, 3 + usize::from(report.between.is_some()));
    }
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}

/// RFC 2045 section 6.7, slowly.
fn quoted(text: &[u8]) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if text[at] != b'=' {
            octets.push(text[at]);
            at += 1;
            continue;
        }
        let two = &text[at + 1..at + 3];
        if two != b"\r\n" {
            let digits = str::from_utf8(two).expect("digits");
            octets.push(u8::from_str_radix(digits, 16).expect("digits"));
        }
        at += 3;
    }
    octets
}

/// RFC 2045 section 6.8, slowly.
fn base64(text: &[u8]) -> Vec<u8> {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut octets) = (0_u32, 0, Vec::new());
    for octet in text.iter().filter(|octet| !b"\r\n=".contains(octet)) {
        let value = letters.iter().position(|letter| letter == octet);
        bits = bits << 6 | u32::try_from(value.expect("a letter")).expect("6 bits");
        count += 6;
        if count >= 8 {
            count -= 8;
            octets.push((bits >> count & 255) as u8);
        }
    }
    octets
}
