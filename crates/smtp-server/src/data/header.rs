//! The header section of a message as it streams by: Return-Path fields are taken out, Received fields counted,
//! its size bounded. Nothing else in it is looked at, nothing is
//! judged (RFC 5321 section 3.3), and nothing is repaired (section 6.4).

/// Longest field name in octets before a line is taken for text (RFC 5322 section 2.1.1).
const MAX_NAME: usize = 998;

/// A filter over a message; any split gives the same result.
#[derive(Debug)]
pub(super) struct Header {
    place: Place,
    /// The beginning of a line that is too short yet to tell what it is.
    held: Vec<u8>,
    /// Octets of the section so far, with those taken out.
    octets: usize,
    limit: usize,
    received_fields: u32,
}

/// Where the filter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At the start of a line; the field before it was kept or taken out.
    LineStart(Fate),
    /// Within a line.
    Line(Fate),
    /// Behind the header section, which ended or grew too large.
    Behind,
}

/// What becomes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Keep,
    Drop,
}

/// What the first octets of a line tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Goes on with the field before it (RFC 5322 section 2.2.3).
    Continuation,
    ReturnPath,
    Received,
    OtherField,
    /// The empty line, or a line that is no field: the body begins.
    NoField,
}

impl Header {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            place: Place::LineStart(Fate::Keep),
            held: Vec::new(),
            octets: 0,
            limit,
            received_fields: 0,
        }
    }

    /// Whether the rest of the message can be left alone.
    pub(super) fn is_finished(&self) -> bool {
        self.place == Place::Behind
    }

    /// Whether the section is larger than the limit.
    pub(super) fn is_too_large(&self) -> bool {
        self.octets > self.limit
    }

    /// Received fields so far.
    pub(super) fn received_fields(&self) -> u32 {
        self.received_fields
    }

    /// Takes in the next octets of the message and appends to `out` those that stay in it.
    pub(super) fn scan(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        if self.held.is_empty() {
            self.scan_joined(octets, out);
        } else {
            let mut joined = std::mem::take(&mut self.held);
            joined.extend_from_slice(octets);
            self.scan_joined(&joined, out);
        }
    }

    /// The message has ended: gives out what was held back.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.held);
    }

    fn scan_joined(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        let mut rest = octets;
        while !rest.is_empty() {
            rest = match self.place {
                Place::LineStart(fate) => {
                    let Some(kind) = kind(rest) else {
                        self.held.extend_from_slice(rest);
                        return;
                    };
                    self.begin_line(kind, fate);
                    rest
                }
                Place::Line(fate) => self.line(fate, rest, out),
                Place::Behind => {
                    out.extend_from_slice(rest);
                    return;
                }
            };
        }
    }

    fn begin_line(&mut self, kind: Kind, before: Fate) {
        self.place = match kind {
            Kind::Continuation => Place::Line(before),
            // RFC 5321 section 4.4: one Return-Path, and final delivery writes it.
            Kind::ReturnPath => Place::Line(Fate::Drop),
            Kind::Received => {
                self.received_fields = self.received_fields.saturating_add(1);
                Place::Line(Fate::Keep)
            }
            Kind::OtherField => Place::Line(Fate::Keep),
            Kind::NoField => Place::Behind,
        };
    }

    /// Moves on within a line, to its end if it is there.
    fn line<'a>(&mut self, fate: Fate, rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        // Just far enough to notice that the section is too large.
        let room = self.limit.saturating_sub(self.octets).saturating_add(1);
        let near = &rest[..rest.len().min(room)];
        let newline = memchr::memchr(b'\n', near);
        let (line, behind) = rest.split_at(newline.map_or(near.len(), |at| at + 1));
        if fate == Fate::Keep {
            out.extend_from_slice(line);
        }
        self.octets += line.len();
        if self.is_too_large() {
            self.place = Place::Behind;
        } else if newline.is_some() {
            self.place = Place::LineStart(fate);
        }
        behind
    }
}

/// Tells what a line is from its first octets.
///
/// ```text
/// field      = field-name ":" unstructured CRLF     ; RFC 5322 section 2.2
/// field-name = 1*ftext                              ; %d33-57 / %d59-126
/// obs-form   = field-name *WSP ":"                  ; RFC 5322 section 4.5
/// ```
/// `None` when too little has arrived to tell.
fn kind(line: &[u8]) -> Option<Kind> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Some(Kind::Continuation);
    }
    // No further than a field name may reach, so that the answer is the same however the octets were split.
    let window = &line[..line.len().min(MAX_NAME + 1)];
    let is_name = |octet: &u8| matches!(octet, 33..=57 | 59..=126);
    let name = &window[..window
        .iter()
        .position(|octet| !is_name(octet))
        .unwrap_or(window.len())];
    let Some(behind) = window[name.len()..]
        .iter()
        .find(|octet| !matches!(octet, b' ' | b'\t'))
    else {
        return (window.len() > MAX_NAME).then_some(Kind::NoField);
    };
    Some(match behind {
        b':' if name.eq_ignore_ascii_case(b"Return-Path") => Kind::ReturnPath,
        b':' if name.eq_ignore_ascii_case(b"Received") => Kind::Received,
        b':' if !name.is_empty() => Kind::OtherField,
        _ => Kind::NoField,
    })
}

#[cfg(test)]
mod tests {
    use super::Header;

    /// What comes out, whole and octet by octet, with the count of Received fields.
    #[track_caller]
    fn check(message: &[u8], kept: &[u8], received_fields: u32) {
        for size in [message.len().max(1), 1, 2, 3, 7] {
            let mut header = Header::new(1000);
            let mut out = Vec::new();
            for piece in message.chunks(size) {
                header.scan(piece, &mut out);
            }
            header.finish(&mut out);
            assert_eq!(
                out.escape_ascii().to_string(),
                kept.escape_ascii().to_string(),
                "by {size}"
            );
            assert_eq!(header.received_fields(), received_fields, "by {size}");
            assert!(!header.is_too_large());
        }
    }

    #[test]
    fn messages_stay_as_they_are() {
        for message in [
            &b""[..],
            b"\r\n",
            b"body only\r\n",
            b"Subject: x\r\n\r\nbody\r\n",
            b"Subject: x\r\n folded\r\n\tagain\r\n\r\nbody\r\n",
            b"Subject : obsolete\r\n\r\nbody\r\n",
            b"Subject:\r\nTo:\r\n",
            b": no name\r\n\r\nx\r\n",
            b"From alice Sun Nov 22 2026\r\nSubject: x\r\n\r\nbody\r\n",
            b"Return-Pathology: x\r\n\r\n",
            b"Return-Path without colon\r\n\r\n",
            b"X-Return-Path: x\r\n\r\n",
            b"\r\nReturn-Path: <in@body>\r\n",
            b"Subject: x\r\n\r\nReturn-Path: <in@body>\r\nReceived: in body\r\n",
            b"Subject: x\r\nno field\r\nReturn-Path: <in@body>\r\n",
            b"Subject: \xff\r\n\xff\r\n",
        ] {
            check(message, message, 0);
        }
    }

    #[test]
    fn return_path_fields_are_taken_out_with_their_folds() {
        check(
            b"Return-Path: <a@b>\r\nSubject: x\r\n\r\nbody\r\n",
            b"Subject: x\r\n\r\nbody\r\n",
            0,
        );
        check(
            b"A: 1\r\nreturn-PATH:<a@b>\r\n x\r\n\ty\r\nB: 2\r\n\r\n",
            b"A: 1\r\nB: 2\r\n\r\n",
            0,
        );
        check(
            b"Return-Path : <a@b>\r\nReturn-Path\t: <c@d>\r\nB: 2\r\n\r\n",
            b"B: 2\r\n\r\n",
            0,
        );
        check(b"Return-Path: <a@b>\r\n\r\nbody\r\n", b"\r\nbody\r\n", 0);
        check(b"Return-Path: <a@b>\r\n", b"", 0);
    }

    #[test]
    fn received_fields_are_counted_in_any_case() {
        check(
            b"Received: x\r\n y\r\nRECEIVED: z\r\n\r\nReceived: no\r\n",
            b"Received: x\r\n y\r\nRECEIVED: z\r\n\r\nReceived: no\r\n",
            2,
        );
        check(
            b"Received : x\r\nX-Received: y\r\n\r\n",
            b"Received : x\r\nX-Received: y\r\n\r\n",
            1,
        );
    }

    #[track_caller]
    fn too_large(message: &[u8], expected: bool) {
        for size in [message.len(), 1, 5] {
            let mut header = Header::new(1000);
            let mut out = Vec::new();
            for piece in message.chunks(size) {
                header.scan(piece, &mut out);
            }
            assert_eq!(header.is_too_large(), expected, "by {size}");
        }
    }

    #[test]
    fn limit_is_on_the_section_and_counts_what_is_taken_out() {
        let field = |octets: usize| format!("X: {}\r\n", "x".repeat(octets - 5)).into_bytes();
        too_large(&field(1000), false);
        too_large(&field(1001), true);
        too_large(&[&field(500)[..], &field(500), b"\r\n"].concat(), false);
        too_large(&[&field(500)[..], b"Y: 1\r\n", &field(500)].concat(), true);
        too_large(&[b"Return-Path: ", &[b'x'; 2000][..]].concat(), true);
        too_large(&[&b"X: 1\r\n\r\n"[..], &[b'x'; 5000]].concat(), false);
        too_large(&[b'x'; 5000], false);
        too_large(b"x  ", false);
    }

    #[test]
    fn little_is_held_back_whatever_comes() {
        for filler in [b'x', b' '] {
            let mut header = Header::new(1 << 20);
            let mut out = Vec::new();
            header.scan(b"x", &mut out);
            for _ in 0..100_000 {
                header.scan(&[filler], &mut out);
                assert!(header.held.len() <= 1000);
            }
        }
    }
}
