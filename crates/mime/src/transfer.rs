//! How octets get through: as they are, in quoted-printable or in base64 (RFC 2045 section 6), in pieces.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use crate::{LINE, LONGEST_LINE};

const HEX: &[u8; 16] = b"0123456789ABCDEF";
/// Octets that fill a line in base64.
const OCTETS: usize = LINE / 4 * 3;
/// Read leniently: padding is often lost with the last line.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A Content-Transfer-Encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// As it is: ASCII in lines that are short enough.
    SevenBit,
    /// As it is: lines that are short enough.
    EightBit,
    /// Octets as `=XX` where they need it; lines stay lines.
    QuotedPrintable,
    /// Four letters for three octets.
    Base64,
}

impl Transfer {
    /// All of them.
    const ALL: [Self; 4] = [
        Self::SevenBit,
        Self::EightBit,
        Self::QuotedPrintable,
        Self::Base64,
    ];

    /// Its name in the header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SevenBit => "7bit",
            Self::EightBit => "8bit",
            Self::QuotedPrintable => "quoted-printable",
            Self::Base64 => "base64",
        }
    }

    /// The one of that name, in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|transfer| transfer.name().eq_ignore_ascii_case(name))
    }

    /// Text so that every server can carry it: as it is, or in the encoding that is shorter, which is quoted-printable
    /// for what is mostly ASCII, base64 for Japanese.
    #[must_use]
    pub fn suiting(text: &str) -> (Self, Vec<u8>) {
        let can_stay =
            |line: &str| line.len() <= LONGEST_LINE && !line.contains(['\r', '\n', '\0']);
        if text.is_ascii() && text.split("\r\n").all(can_stay) {
            return (Self::SevenBit, text.as_bytes().to_vec());
        }
        let encoded = |transfer: Self| (transfer, transfer.encode(text.as_bytes()));
        let (quoted, base64) = (encoded(Self::QuotedPrintable), encoded(Self::Base64));
        if quoted.1.len() <= base64.1.len() {
            quoted
        } else {
            base64
        }
    }

    /// Something that encodes so, at its beginning.
    #[must_use]
    pub const fn encoder(self) -> Encoder {
        match self {
            Self::SevenBit | Self::EightBit => Encoder(State::Identity),
            Self::QuotedPrintable => Encoder(State::QuotedPrintable {
                column: 0,
                held: None,
            }),
            Self::Base64 => Encoder(State::Base64 { line: Vec::new() }),
        }
    }

    /// Encodes what is at hand as a whole.
    #[must_use]
    pub fn encode(self, octets: &[u8]) -> Vec<u8> {
        let mut encoder = self.encoder();
        let mut out = Vec::with_capacity(octets.len());
        encoder.push(octets, &mut out);
        encoder.finish(&mut out);
        out
    }

    /// What was encoded so, read leniently (RFC 2045 sections 6.7 and 6.8): what cannot be part of it is passed over in
    /// base64 and stays in quoted-printable. `None` for base64 that ends in the middle of an octet.
    #[must_use]
    pub fn decode(self, encoded: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::SevenBit | Self::EightBit => Some(encoded.to_vec()),
            Self::QuotedPrintable => Some(unquoted(encoded)),
            Self::Base64 => {
                let is_letter =
                    |octet: &u8| octet.is_ascii_alphanumeric() || b"+/=".contains(octet);
                let letters: Vec<u8> = encoded.iter().copied().filter(is_letter).collect();
                let mut out = Vec::with_capacity(letters.len() / 4 * 3);
                // Behind padding something new begins.
                for part in letters.split(|octet| *octet == b'=') {
                    BASE64.decode_vec(part, &mut out).ok()?;
                }
                Some(out)
            }
        }
    }
}

/// Encodes octets that come in pieces, wherever they are cut.
#[derive(Clone, Debug)]
pub struct Encoder(State);

#[derive(Clone, Debug)]
enum State {
    Identity,
    QuotedPrintable {
        column: usize,
        /// A space, tab or CR whose next octet decides how it is written.
        held: Option<u8>,
    },
    Base64 {
        /// Octets of the line so far, [`OCTETS`] at most.
        line: Vec<u8>,
    },
}

impl Encoder {
    /// Encodes a piece.
    pub fn push(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        match &mut self.0 {
            State::Identity => out.extend_from_slice(octets),
            State::QuotedPrintable { column, held } => {
                for octet in octets {
                    quoted(*octet, column, held, out);
                }
            }
            State::Base64 { line } => {
                let mut rest = octets;
                while !rest.is_empty() {
                    if line.len() == OCTETS {
                        out.extend_from_slice(BASE64.encode(&line).as_bytes());
                        out.extend_from_slice(b"\r\n");
                        line.clear();
                    }
                    let (fits, behind) = rest.split_at(rest.len().min(OCTETS - line.len()));
                    line.extend_from_slice(fits);
                    rest = behind;
                }
            }
        }
    }

    /// Ends it: writes what was still held back.
    pub fn finish(self, out: &mut Vec<u8>) {
        match self.0 {
            State::Identity => {}
            State::QuotedPrintable { mut column, held } => {
                if let Some(octet) = held {
                    escaped(octet, &mut column, out);
                }
            }
            State::Base64 { line } => out.extend_from_slice(BASE64.encode(line).as_bytes()),
        }
    }
}

fn quoted(octet: u8, column: &mut usize, held: &mut Option<u8>, out: &mut Vec<u8>) {
    match (held.take(), octet) {
        (Some(b'\r'), b'\n') => {
            out.extend_from_slice(b"\r\n");
            *column = 0;
            return;
        }
        // RFC 2045 section 6.7 (3) and (4): neither a bare CR nor space at the end of a line stays as it is.
        (Some(before @ b'\r'), _) | (Some(before), b'\r') => escaped(before, column, out),
        (Some(before), _) => token(&[before], column, out),
        (None, _) => {}
    }
    match octet {
        b' ' | b'\t' | b'\r' => *held = Some(octet),
        b'=' => escaped(octet, column, out),
        33..=126 => token(&[octet], column, out),
        _ => escaped(octet, column, out),
    }
}

fn escaped(octet: u8, column: &mut usize, out: &mut Vec<u8>) {
    let digits = [
        b'=',
        HEX[usize::from(octet >> 4)],
        HEX[usize::from(octet & 15)],
    ];
    token(&digits, column, out);
}

/// One octet of room is left for the `=` of a soft line break.
fn token(token: &[u8], column: &mut usize, out: &mut Vec<u8>) {
    if *column + token.len() > LINE - 1 {
        out.extend_from_slice(b"=\r\n");
        *column = 0;
    }
    out.extend_from_slice(token);
    *column += token.len();
}

/// Quoted-printable, line by line.
fn unquoted(encoded: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(encoded.len());
    for line in encoded.split_inclusive(|octet| *octet == b'\n') {
        let blank = |octet: &u8| matches!(octet, b' ' | b'\t' | b'\r' | b'\n');
        // RFC 2045 section 6.7 (3): blanks at the end were added on the way.
        let length = line.iter().rposition(|octet| !blank(octet));
        let text = &line[..length.map_or(0, |last| last + 1)];
        if let Some(text) = text.strip_suffix(b"=") {
            push_unescaped(text, &mut out);
        } else {
            push_unescaped(text, &mut out);
            let ends: [&[u8]; 2] = [b"\r\n", b"\n"];
            out.extend(
                ends.into_iter()
                    .find(|end| line.ends_with(end))
                    .unwrap_or(b""),
            );
        }
    }
    out
}

/// Adds text with every `=XX` as the octet it stands for; what only looks like one stays.
pub(crate) fn push_unescaped(text: &[u8], out: &mut Vec<u8>) {
    let digit = |octet: u8| u8::try_from(char::from(octet).to_digit(16)?).ok();
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        rest = behind;
        let mut octet = *first;
        if let (b'=', [high, low, behind @ ..]) = (first, behind)
            && let Some((high, low)) = digit(*high).zip(digit(*low))
        {
            (octet, rest) = (high << 4 | low, behind);
        }
        out.push(octet);
    }
}

#[cfg(test)]
mod tests {
    use super::Transfer;

    #[track_caller]
    fn check(transfer: Transfer, octets: &[u8], expected: &[u8]) {
        let whole = transfer.encode(octets);
        assert_eq!(
            whole.escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
        for cut in 0..=octets.len() {
            let mut encoder = transfer.encoder();
            let mut out = Vec::new();
            encoder.push(&octets[..cut], &mut out);
            encoder.push(&octets[cut..], &mut out);
            encoder.finish(&mut out);
            assert_eq!(out, expected, "cut at {cut}");
        }
    }

    #[test]
    fn quoted_printable_keeps_lines_and_hides_the_rest() {
        use Transfer::QuotedPrintable;
        check(QuotedPrintable, b"", b"");
        check(QuotedPrintable, b"a b\tc\r\nd", b"a b\tc\r\nd");
        check(QuotedPrintable, b"a=b\0\x7f\xff", b"a=3Db=00=7F=FF");
        check(QuotedPrintable, b"a \r\nb\t\r\nc ", b"a=20\r\nb=09\r\nc=20");
        check(QuotedPrintable, b"a\rb\nc\r", b"a=0Db=0Ac=0D");
        check(QuotedPrintable, b"\r\r\n\r\n", b"=0D\r\n\r\n");
        let long = [b'x'; 80];
        let mut expected = vec![b'x'; 75];
        expected.extend_from_slice(b"=\r\nxxxxx");
        check(QuotedPrintable, &long, &expected);
        let mut edge = vec![b'x'; 74];
        edge.push(0xff);
        let mut expected = vec![b'x'; 74];
        expected.extend_from_slice(b"=\r\n=FF");
        check(QuotedPrintable, &edge, &expected);
    }

    // RFC 4648 section 10.
    #[test]
    fn base64_is_that_of_the_rfc() {
        use Transfer::Base64;
        check(Base64, b"", b"");
        check(Base64, b"f", b"Zg==");
        check(Base64, b"fo", b"Zm8=");
        check(Base64, b"foo", b"Zm9v");
        check(Base64, b"foob", b"Zm9vYg==");
        check(Base64, b"foobar", b"Zm9vYmFy");
        check(Base64, b"\xff\xfe\xfd", b"//79");
        let mut expected = b"AAAA".repeat(19);
        check(Base64, &[0; 57], &expected);
        expected.extend_from_slice(b"\r\nAA==");
        check(Base64, &[0; 58], &expected);
    }

    #[test]
    fn as_it_is_means_as_it_is() {
        check(Transfer::SevenBit, b"a \r\n=\0", b"a \r\n=\0");
        check(Transfer::EightBit, b"\xff", b"\xff");
    }

    #[track_caller]
    fn check_read(transfer: Transfer, encoded: &[u8], expected: Option<&[u8]>) {
        let shown = |octets: &[u8]| octets.escape_ascii().to_string();
        let read = transfer.decode(encoded);
        assert_eq!(read.as_deref().map(shown), expected.map(shown));
    }

    #[test]
    fn what_came_over_a_long_way_is_read() {
        use Transfer::{Base64, QuotedPrintable};
        check_read(QuotedPrintable, b"a=3db=\r\nc \t\r\nd=", Some(b"a=bc\r\nd"));
        check_read(
            QuotedPrintable,
            b"=ZZ=3 =\n=C3=BC\n",
            Some(b"=ZZ=3 \xc3\xbc\n"),
        );
        check_read(Base64, b"Zm9v\r\nYmE=\r\n", Some(b"fooba"));
        check_read(Base64, b" Z m 9 v Y m E ! ", Some(b"fooba"));
        check_read(Base64, b"Zg==Zm8=Zm9v", Some(b"ffofoo"));
        check_read(Base64, b"", Some(b""));
        check_read(Base64, b"Z", None);
        check_read(Transfer::SevenBit, b"=41", Some(b"=41"));
    }

    #[test]
    fn text_gets_the_encoding_that_suits_it() {
        let of = |text: &str| Transfer::suiting(text).0;
        assert_eq!(of("plain\r\n"), Transfer::SevenBit);
        assert_eq!(of(&"a".repeat(998)), Transfer::SevenBit);
        assert_eq!(of(&"a".repeat(999)), Transfer::QuotedPrintable);
        assert_eq!(of("bare\nnew line"), Transfer::QuotedPrintable);
        assert_eq!(of("eine Woche für dich"), Transfer::QuotedPrintable);
        assert_eq!(of("留守です。"), Transfer::Base64);
        for name in ["7bit", "8BIT", "Quoted-Printable", "base64"] {
            let transfer = Transfer::named(name).unwrap();
            assert!(transfer.name().eq_ignore_ascii_case(name));
        }
        assert_eq!(Transfer::named("binary"), None);
    }
}
