//! One message, sent with DATA and with BDAT: both ways it is kept alike or refused alike, and what is kept is the
//! message without its Return-Path fields.

use crate::pieces::{Pieces, cut};
use crate::tests_sources::harness::player::{Event, Outcome, Pace, Player, Stage as _};
use crate::tests_sources::harness::script::escape;
use crate::tests_sources::harness::smtp::SmtpStage;

const ENVELOPE: &[u8] =
    b"EHLO c.example\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<bob@example.test>\r\n";

/// Two octets choose limits and cuts, the rest is the message.
pub fn check(input: &[u8]) {
    let mut pieces = Pieces::new(input);
    let (choice, seed) = (pieces.octet(), pieces.octet());
    let mut message = pieces.rest().to_vec();
    // DATA cannot say that the last line has no end.
    if !message.is_empty() && !message.ends_with(b"\r\n") {
        message.extend_from_slice(b"\r\n");
    }
    let facts: &[&str] = match choice % 4 {
        0 => &[],
        1 => &["max size 300"],
        2 => &["max header 60"],
        _ => &["bare newlines normalized"],
    };
    let whole = [&b"DATA\r\n"[..], &stuffed(&message)].concat();
    let dotted = play(facts, &[&whole]);
    let split = play(facts, &cut(&whole, seed));
    assert_eq!(split, dotted, "DATA in pieces");

    let chunk = chunk(&message, " LAST");
    let counted = play(facts, &[&chunk]);
    assert_eq!(counted.kept, dotted.kept, "BDAT and DATA");
    assert_eq!(counted.verdict, dotted.verdict, "BDAT and DATA");
    assert_eq!(play(facts, &cut(&chunk, seed)), counted, "BDAT in pieces");

    let mut chunks: Vec<u8> = Vec::new();
    for piece in cut(&message, seed) {
        chunks.extend(self::chunk(piece, ""));
    }
    chunks.extend(self::chunk(b"", " LAST"));
    assert_eq!(play(facts, &[&chunks]).kept, dotted.kept, "many chunks");

    if let Some(kept) = &dotted.kept
        && choice % 4 != 3
    {
        assert_eq!(
            *kept,
            escape(&without_return_path(&message)),
            "what is kept"
        );
    }
}

/// What became of a message.
#[derive(Debug, PartialEq, Eq)]
struct Fate {
    /// As the host shows it.
    kept: Option<String>,
    /// The last reply.
    verdict: Option<String>,
}

fn play(facts: &[&str], pieces: &[&[u8]]) -> Fate {
    let mut stage = SmtpStage::default();
    for fact in [facts, &["errors 1000000"]].concat() {
        stage.given(fact).expect("a fact that the stage knows");
    }
    let mut player = Player::new(stage, Pace::Whole);
    player.feed(ENVELOPE);
    for piece in pieces {
        player.feed(piece);
    }
    let Outcome { events, told, .. } = player.finish();
    let kept = told.iter().find_map(|told| {
        let (_, body) = told.strip_prefix("stored ")?.split_once('"')?;
        body.strip_suffix('"').map(str::to_owned)
    });
    let verdict = events.into_iter().rev().find_map(|event| match event {
        Event::Line(line) => Some(line),
        Event::StartTls | Event::HandOver | Event::Close => None,
    });
    Fate { kept, verdict }
}

fn chunk(octets: &[u8], last: &str) -> Vec<u8> {
    let command = format!("BDAT {}{last}\r\n", octets.len());
    [command.as_bytes(), octets].concat()
}

fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = wire::DotEncoder::new();
    encoder.encode(message, &mut out);
    encoder.finish(&mut out);
    out
}

/// Line by line: RFC 5321 section 4.4, RFC 5322 sections 2.2 and 4.5.
fn without_return_path(message: &[u8]) -> Vec<u8> {
    let (mut out, mut rest, mut dropping) = (Vec::new(), message, false);
    while !rest.is_empty() {
        let end = rest.iter().position(|octet| *octet == b'\n');
        let (line, behind) = rest.split_at(end.map_or(rest.len(), |at| at + 1));
        if !matches!(line.first(), Some(b' ' | b'\t')) {
            let Some(name) = field_name(line) else {
                // The body.
                break;
            };
            dropping = name.eq_ignore_ascii_case(b"Return-Path");
        }
        if !dropping {
            out.extend_from_slice(line);
        }
        rest = behind;
    }
    out.extend_from_slice(rest);
    out
}

fn field_name(line: &[u8]) -> Option<&[u8]> {
    let colon = line.iter().take(999).position(|octet| *octet == b':')?;
    let name = line[..colon].trim_ascii_end();
    let blanks = &line[name.len()..colon];
    let fits = !name.is_empty()
        && name.iter().all(u8::is_ascii_graphic)
        && blanks.iter().all(|octet| matches!(octet, b' ' | b'\t'));
    fits.then_some(name)
}
