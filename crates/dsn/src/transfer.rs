//! How octets get through: as they are, in quoted-printable or in base64 (RFC 2045 section 6), in pieces.

const HEX: &[u8; 16] = b"0123456789ABCDEF";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Longest line of either encoding (RFC 2045 sections 6.7 and 6.8), without its CRLF.
const LINE: usize = 76;

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

    /// Something that encodes so, at its beginning.
    #[must_use]
    pub const fn encoder(self) -> Encoder {
        match self {
            Self::SevenBit | Self::EightBit => Encoder(State::Identity),
            Self::QuotedPrintable => Encoder(State::QuotedPrintable {
                column: 0,
                held: None,
            }),
            Self::Base64 => Encoder(State::Base64 {
                column: 0,
                held: [0; 2],
                count: 0,
            }),
        }
    }

    /// Encodes what is at hand as a whole.
    pub(crate) fn encode(self, octets: &[u8]) -> Vec<u8> {
        let mut encoder = self.encoder();
        let mut out = Vec::with_capacity(octets.len());
        encoder.push(octets, &mut out);
        encoder.finish(&mut out);
        out
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
        column: usize,
        held: [u8; 2],
        count: usize,
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
            State::Base64 {
                column,
                held,
                count,
            } => {
                for octet in octets {
                    if *count < 2 {
                        held[*count] = *octet;
                        *count += 1;
                    } else {
                        four(&[held[0], held[1], *octet], column, out);
                        *count = 0;
                    }
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
            State::Base64 {
                mut column,
                held,
                count,
            } => {
                if count > 0 {
                    four(&held[..count], &mut column, out);
                }
            }
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

/// One to three octets as four letters.
fn four(octets: &[u8], column: &mut usize, out: &mut Vec<u8>) {
    if *column == LINE {
        out.extend_from_slice(b"\r\n");
        *column = 0;
    }
    let octet = |at: usize| u32::from(octets.get(at).copied().unwrap_or(0));
    let bits = octet(0) << 16 | octet(1) << 8 | octet(2);
    for (at, shift) in [18, 12, 6, 0].into_iter().enumerate() {
        let letter = BASE64[(bits >> shift & 63) as usize];
        out.push(if at > octets.len() { b'=' } else { letter });
    }
    *column += 4;
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
}
