//! Dot transparency: the decoder and the encoder against references that look at one line at a time.

use wire::{DotDecoder, DotEncoder, Malformed};

use crate::pieces::{Pieces, cut};

/// What decoding a stream came to.
#[derive(Debug, PartialEq, Eq)]
struct Decoded {
    message: Vec<u8>,
    consumed: usize,
    done: bool,
    malformed: Option<Malformed>,
}

/// One octet chooses the cuts, the rest is the stream, and the message.
pub fn check(input: &[u8]) {
    let mut pieces = Pieces::new(input);
    let seed = pieces.octet();
    let stream = pieces.rest();

    let expected = reference(stream);
    assert_eq!(decode([stream]), expected, "whole");
    assert_eq!(decode(cut(stream, seed)), expected, "in pieces");

    let encoded = encode([stream]);
    assert_eq!(encode(cut(stream, seed)), encoded, "encoded in pieces");
    assert_eq!(encoded, stuffed(stream), "encoded");

    let mut sent = encoded.clone();
    sent.extend_from_slice(b"NOOP\r\n");
    let back = decode([&sent[..]]);
    let mut message = stream.to_vec();
    if !message.is_empty() && !message.ends_with(b"\r\n") {
        message.extend_from_slice(b"\r\n");
    }
    assert_eq!(back.message, message, "there and back");
    assert!(
        back.done && back.consumed == encoded.len(),
        "there and back"
    );
}

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Decoded {
    let mut decoder = DotDecoder::new();
    let (mut message, mut consumed, mut done) = (Vec::new(), 0, false);
    for piece in pieces {
        let step = decoder.decode(piece, &mut message);
        assert!(
            step.done || step.consumed == piece.len(),
            "octets left over"
        );
        consumed += step.consumed;
        done = step.done;
    }
    Decoded {
        message,
        consumed,
        done,
        malformed: decoder.malformed(),
    }
}

fn encode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut encoder = DotEncoder::new();
    let mut out = Vec::new();
    for piece in pieces {
        encoder.encode(piece, &mut out);
    }
    encoder.finish(&mut out);
    out
}

/// Line by line, a line being what CRLF ends.
fn reference(stream: &[u8]) -> Decoded {
    let (mut message, mut rest, mut done) = (Vec::new(), stream, false);
    while !rest.is_empty() {
        if rest.starts_with(b".\r\n") {
            rest = &rest[3..];
            done = true;
            break;
        }
        if rest == b".\r" {
            // Whether the CR belongs to the message is not known yet.
            rest = &[];
            break;
        }
        let line = line(rest);
        rest = &rest[line.len()..];
        message.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
    Decoded {
        malformed: flaw(&message),
        message,
        consumed: stream.len() - rest.len(),
        done,
    }
}

fn line(rest: &[u8]) -> &[u8] {
    let end = rest.windows(2).position(|two| two == b"\r\n");
    &rest[..end.map_or(rest.len(), |at| at + 2)]
}

fn flaw(message: &[u8]) -> Option<Malformed> {
    (0..message.len()).find_map(|at| {
        let after_cr = at > 0 && message[at - 1] == b'\r';
        match message[at] {
            b'\n' if after_cr => None,
            _ if after_cr => Some(Malformed::BareCr),
            b'\n' => Some(Malformed::BareLf),
            0 => Some(Malformed::Nul),
            _ => None,
        }
    })
}

fn stuffed(message: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), message);
    while !rest.is_empty() {
        let line = line(rest);
        rest = &rest[line.len()..];
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.is_empty() && !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}
