//! Soup: commands good and bad, halves of them, messages and octets at random, cut up at random.
//!
//! No property here knows what the right reply is; the dialogue files do. What must hold for any input at all (REP-01):
//! no panic, the same replies however the input is cut and however slow the host is, one reply per command, and
//! nothing after the end.

use std::fmt;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::player::{Outcome, Pace, Player, Stage};
use super::pop3::Pop3Stage;
use super::script::escape;
use super::smtp::SmtpStage;

/// Lines that SMTP servers see; none of them ends a session in good order.
const SMTP: &[&str] = &[
    "EHLO client.example",
    "HELO client.example",
    "EHLO",
    "MAIL FROM:<a@client.example>",
    "MAIL FROM:<alice@example.test> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=x",
    "MAIL FROM:<> SIZE=99999999999",
    "MAIL FROM:<a b@client.example>",
    "RCPT TO:<bob@example.test>",
    "RCPT TO:<alice@example.test> NOTIFY=NEVER",
    "RCPT TO:<nosuch@example.test>",
    "RCPT TO:<u@x.example>",
    "RCPT TO:<bob@example.test> FOO=1",
    "DATA",
    "DATA",
    "DATA now",
    ".",
    "..",
    "Subject: soup",
    "Received: from a by b",
    "Return-Path: <x@y>",
    "",
    "RSET",
    "NOOP",
    "NOOP x",
    "HELP",
    "HELP MAIL",
    "VRFY bob",
    "EXPN staff",
    "TURN",
    "ETRN customer.example",
    "ETRN @other.example",
    "ETRN",
    "ATRN",
    "ATRN customer.example,other.example",
    "ATRN other.example",
    "MAIL FROM:<alice@example.test> HOLDFOR=60",
    "BDAT 0",
    "BDAT 0 LAST",
    "MAIL FROM:<手紙@client.example> SMTPUTF8",
    "RCPT TO:<jörg@example.test>",
    "FOO",
    "AUTH PLAIN",
    "AUTH LOGIN",
    "AUTH PLAIN AGFsaWNlQGV4YW1wbGUudGVzdAB3b25kZXJsYW5k",
    "AUTH PLAIN !!!",
    "AUTH FOO",
    "*",
    "AGFsaWNlQGV4YW1wbGUudGVzdAB3cm9uZw==",
    "YWxpY2VAZXhhbXBsZS50ZXN0",
    "XCLIENT HELO=client.example PROTO=SMTP",
    "XCLIENT ADDR=198.51.100.7 LOGIN=alice",
    "XCLIENT ADDR=nowhere",
    "XFORWARD NAME=first.example IDENT=4+2B2",
];

/// Lines that POP3 servers see; none of them ends a session in good order.
const POP3: &[&str] = &[
    "USER alice@example.test",
    "PASS wonderland",
    "PASS wrong",
    "CAPA",
    "STAT",
    "LIST",
    "LIST 1",
    "LIST 9",
    "UIDL",
    "UIDL 2",
    "RETR 1",
    "RETR 2",
    "RETR 0",
    "RETR 99999999999",
    "TOP 1 0",
    "TOP 2 5",
    "TOP 1",
    "DELE 1",
    "DELE 2",
    "RSET",
    "NOOP",
    "NOOP x",
    "FOO",
    "",
    "UTF8",
    "UTF8 USER",
    "LANG",
    "LANG ja",
    "LANG *",
    "LANG xx",
    "APOP alice 0123",
    "AUTH",
    "AUTH PLAIN",
    "AUTH LOGIN",
    "AUTH PLAIN AGFsaWNlQGV4YW1wbGUudGVzdAB3b25kZXJsYW5k",
    "AUTH FOO",
    "*",
    "AGFsaWNlQGV4YW1wbGUudGVzdAB3cm9uZw==",
];

/// What may stand between, inside and instead of lines.
const SCRAPS: &[&[u8]] = &[
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n.\r\n",
    b"\n.\n",
    b"\r.\r",
    b"\r\n.\n",
    b"\n.\r\n",
    b"\r\r\n",
    b"\0",
    b"\x1b",
    b"\xff\xfe",
    b".",
    b" ",
    b"  \r\n",
    b"QUIT\r\n",
    b"BDAT 10\r\n",
    b"BDAT 4\r\na\r\nb",
    b"BDAT 6 LAST\r\nQUIT\r\n",
    b"BDAT 6 LAST\r\nQU\nT\r\n",
    b"BDAT 99999999999999999999\r\n",
    b"STARTTLS\r\n",
    b"STLS\r\n",
    b"GET / HTTP/1.1\r\n",
    b"\x16\x03\x01\x02\x00",
];

/// Octets that show themselves as the dialogue files write them.
#[derive(Clone)]
struct Soup(Vec<u8>);

impl fmt::Debug for Soup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape(&self.0))
    }
}

fn lines(pool: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    vec(select(pool), 0..40)
}

fn soup(pool: &'static [&'static str]) -> impl Strategy<Value = Soup> {
    let piece = prop_oneof![
        12 => select(pool).prop_map(|line| format!("{line}\r\n").into_bytes()),
        2 => select(SCRAPS).prop_map(<[u8]>::to_vec),
        1 => select(pool).prop_map(|line| line.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..20),
        1 => (select(pool), 0_usize..2000).prop_map(|(line, times)| line.repeat(times / line.len().max(1)).into_bytes()),
    ];
    vec(piece, 0..25).prop_map(|pieces: Vec<Vec<u8>>| Soup(pieces.concat()))
}

fn open<H: Stage + Default>(facts: &[&str], pace: Pace) -> Player<H> {
    let mut host = H::default();
    for fact in facts {
        host.given(fact).unwrap();
    }
    Player::new(host, pace)
}

/// Everything a session does with these octets: in clear, and after a handshake if it asked for one.
fn serve<H: Stage + Default>(
    facts: &[&str],
    pace: Pace,
    soups: [&[u8]; 2],
    cuts: &[Index],
) -> Outcome {
    let mut player = open::<H>(facts, pace);
    for soup in soups {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(soup.len() + 1)).collect();
        cuts.push(soup.len());
        cuts.sort_unstable();
        let mut start = 0;
        for cut in cuts {
            player.feed(&soup[start..cut]);
            start = cut;
        }
        // Replies that are held back for a while must come, and everything behind them.
        for _ in 0..200 {
            player.pass(Duration::from_secs(2)).unwrap();
        }
        player.secure("TLS1.3");
    }
    player.finish()
}

fn cut_and_slow_alike<H: Stage + Default>(
    facts: &[&str],
    soups: [&[u8]; 2],
    cuts: &[Index],
) -> Result<(), TestCaseError> {
    let whole = serve::<H>(facts, Pace::Whole, soups, &[]);
    for (pace, cuts) in [
        (Pace::Whole, cuts),
        (Pace::Octets, &[][..]),
        (Pace::SlowHost, &[][..]),
    ] {
        let other = serve::<H>(facts, pace, soups, cuts);
        prop_assert_eq!(&other.events, &whole.events, "replies at pace {:?}", pace);
        prop_assert_eq!(&other.told, &whole.told, "questions at pace {:?}", pace);
    }
    Ok(())
}

fn one_reply_each<H: Stage + Default>(facts: &[&str], lines: &[&str]) -> Result<(), TestCaseError> {
    let mut player = open::<H>(facts, Pace::Whole);
    player.start();
    for line in lines {
        let before = player.rows().len();
        // Lines of a message have no replies of their own; the lone dot has one again.
        let inside = player.rows().last().is_some_and(|row| row.id == "S-354") && *line != ".";
        player.feed(format!("{line}\r\n").as_bytes());
        player.pass(Duration::from_secs(2)).unwrap();
        let replies = player.rows().len() - before;
        prop_assert_eq!(
            replies,
            usize::from(!inside),
            "{} after {:?}",
            line,
            player.rows().iter().map(|row| row.name).collect::<Vec<_>>()
        );
    }
    Ok(())
}

proptest! {
    // A failure is shown shrunk; what it shows belongs into a dialogue file, not into a file of seeds.
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn smtp_soup_is_served_alike_however_it_comes(
        first in soup(SMTP), second in soup(SMTP), cuts in vec(any::<Index>(), 0..6),
    ) {
        for facts in [&[][..], &["role submission", "tls"], &["role submission"], &["errors 1000000", "login on exchange", "cleartext login"],
            &["errors 1000000", "login on exchange", "proxy here"], &["admission refused"],
            &["role device", "cleartext login", "sender alice@example.test", "rewrite sender"],
            &["etrn", "role submission", "tls", "future-release 3600"], &["role on demand", "cleartext login"], &["role on demand"]] {
            cut_and_slow_alike::<SmtpStage>(facts, [&first.0, &second.0], &cuts)?;
        }
    }

    #[test]
    fn pop3_soup_is_served_alike_however_it_comes(
        first in soup(POP3), second in soup(POP3), cuts in vec(any::<Index>(), 0..6),
    ) {
        for facts in [&[][..], &["tls"], &["cleartext login", "errors 1000000"], &["tls", "errors 1000000", "chunks 7", "damaged 2 after 7"]] {
            cut_and_slow_alike::<Pop3Stage>(facts, [&first.0, &second.0], &cuts)?;
        }
    }

    #[test]
    fn smtp_answers_each_command_once(lines in lines(SMTP)) {
        one_reply_each::<SmtpStage>(&["errors 1000000"], &lines)?;
        one_reply_each::<SmtpStage>(&["errors 1000000", "role submission", "tls"], &lines)?;
        one_reply_each::<SmtpStage>(&["errors 1000000", "login on exchange", "cleartext login"], &lines)?;
        one_reply_each::<SmtpStage>(&["errors 1000000", "role device", "device logs in", "cleartext login"], &lines)?;
        one_reply_each::<SmtpStage>(&["errors 1000000", "login on exchange", "proxy here"], &lines)?;
        one_reply_each::<SmtpStage>(&["errors 1000000", "etrn", "role submission", "tls"], &lines)?;
        one_reply_each::<SmtpStage>(&["errors 1000000", "role on demand", "tls", "map down"], &lines)?;
        one_reply_each::<SmtpStage>(&["errors 1000000", "admission refused"], &lines)?;
    }

    #[test]
    fn pop3_answers_each_command_once(lines in lines(POP3)) {
        one_reply_each::<Pop3Stage>(&["errors 1000000"], &lines)?;
        one_reply_each::<Pop3Stage>(&["errors 1000000", "tls"], &lines)?;
    }
}
