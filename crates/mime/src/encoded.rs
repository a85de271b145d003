//! Encoded words (RFC 2047): text beyond ASCII in places where only ASCII may stand.
//!
//! Always written as UTF-8 in base64: it suits every alphabet, and is valid in a phrase as in a text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::transfer::{Transfer, push_unescaped};
use crate::{LINE, LONGEST_LINE};

/// Most octets of text in one encoded word: it fits into a line behind most names, and is within the 75 of RFC 2047
/// section 2.
const OCTETS: usize = 39;
/// What an encoded word has besides: `=?utf-8?B?` and `?=`, and perhaps a comma.
const FRAME: usize = 13;
/// A word longer than this is encoded so that it can be cut: behind a name it could outgrow a line.
const LONGEST_WORD: usize = LONGEST_LINE - LINE;

/// All of it as encoded words, cut between letters (RFC 2047 section 5). The first fits behind what has taken so many
/// octets of its line, if anything does.
#[must_use]
pub fn encoded(text: &str, taken: usize) -> Vec<String> {
    let room = LINE.saturating_sub(taken + 1 + FRAME) / 4 * 3;
    let (mut rest, mut most) = (text, room.min(OCTETS));
    let mut words = Vec::new();
    while !rest.is_empty() {
        let end = match rest.floor_char_boundary(most) {
            0 => rest.floor_char_boundary(OCTETS),
            end => end,
        };
        let (part, behind) = rest.split_at(end);
        words.push(format!("=?utf-8?B?{}?=", STANDARD.encode(part)));
        (rest, most) = (behind, OCTETS);
    }
    words
}

/// A text with its ASCII words as they are, the others as encoded words. The first word may stand behind something
/// ([`encoded`]).
///
/// RFC 2047 section 6.2: readers drop the space between two encoded words, so the spaces inside a run of words that
/// must be encoded are encoded with them.
#[must_use]
pub fn text(text: &str, taken: usize) -> Vec<String> {
    let mut words = Vec::new();
    let mut run = String::new();
    let flush = |run: &mut String, words: &mut Vec<String>| {
        let taken = if words.is_empty() { taken } else { 0 };
        words.extend(encoded(&std::mem::take(run), taken));
    };
    for word in text.split_ascii_whitespace() {
        if word.bytes().all(|octet| octet.is_ascii_graphic()) && word.len() <= LONGEST_WORD {
            flush(&mut run, &mut words);
            words.push(word.to_owned());
        } else {
            if !run.is_empty() {
                run.push(' ');
            }
            run.push_str(word);
        }
    }
    flush(&mut run, &mut words);
    words
}

/// A display name: as it is where that is a phrase, in quotes, or as encoded words (RFC 5322 section 3.2.5). The first
/// word may stand behind something ([`encoded`]).
#[must_use]
pub fn phrase(name: &str, taken: usize) -> Vec<String> {
    let parts = name.split(['\r', '\n', '\t']).map(str::trim_ascii);
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    let name = parts.join(" ");
    if !name.bytes().all(|octet| matches!(octet, b' '..=b'~')) || name.len() > LONGEST_WORD {
        return encoded(&name, taken);
    }
    // What looks like an encoded word would be read as one; in quotes it is not (RFC 2047 section 5).
    let is_atom = |word: &str| word.bytes().all(is_atext) && !word.starts_with("=?");
    if name.split(' ').all(is_atom) {
        return name.split_ascii_whitespace().map(str::to_owned).collect();
    }
    vec![format!(
        "\"{}\"",
        name.replace('\\', "\\\\").replace('"', "\\\"")
    )]
}

/// `atext` of RFC 5322 section 3.2.3.
#[must_use]
pub fn is_atext(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&octet)
}

/// A text, on one line, with its encoded words read: their octets, in whatever alphabet they are. What only looks like
/// one stays.
#[must_use]
pub fn decode(text: &str) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len());
    let (mut rest, mut after_encoded) = (text, false);
    while !rest.is_empty() {
        let (blanks, behind) = split(rest, |letter| !letter.is_ascii_whitespace());
        let (word, behind) = split(behind, |letter| letter.is_ascii_whitespace());
        let read = decoded(word);
        // RFC 2047 section 6.2.
        if !after_encoded || read.is_none() {
            octets.extend_from_slice(blanks.as_bytes());
        }
        after_encoded = read.is_some();
        octets.extend(read.unwrap_or_else(|| word.as_bytes().to_vec()));
        rest = behind;
    }
    octets
}

/// Splits in front of the first letter that is such a one.
fn split(text: &str, is: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(is).unwrap_or(text.len()))
}

/// RFC 2047 section 2: `"=?" charset "?" encoding "?" encoded-text "?="`.
fn decoded(word: &str) -> Option<Vec<u8>> {
    let inside = word.strip_prefix("=?")?.strip_suffix("?=")?;
    let (_, rest) = inside.split_once('?')?;
    match rest.split_once('?')? {
        ("B" | "b", octets) => Transfer::Base64.decode(octets.as_bytes()),
        ("Q" | "q", octets) => {
            let mut read = Vec::with_capacity(octets.len());
            push_unescaped(octets.replace('_', " ").as_bytes(), &mut read);
            Some(read)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{decode, phrase, text};
    use crate::Field;

    #[test]
    fn words_beyond_ascii_are_encoded_together() {
        let text = |words| text(words, 0);
        assert_eq!(text("plain  words\tonly"), ["plain", "words", "only"]);
        assert_eq!(
            text("für dich hier"),
            ["=?utf-8?B?ZsO8cg==?=", "dich", "hier"]
        );
        assert_eq!(
            text("a für über b"),
            ["a", "=?utf-8?B?ZsO8ciDDvGJlcg==?=", "b"]
        );
        assert_eq!(text(" \r\n "), Vec::<String>::new());
        let long = "あ".repeat(40);
        assert!(text(&long).len() == 4 && text(&long).iter().all(|word| word.len() <= 75));
        // RFC 2047 section 2: no line with an encoded word is longer than 76.
        for words in [text(&long), phrase(&long, 0)] {
            let field = Field::new("Subject").words(words).finish();
            assert!(field.split("\r\n").all(|line| line.len() <= 76), "{field}");
        }
        // No line could hold it.
        let endless = "a".repeat(2_000);
        assert!(text(&endless).iter().all(|word| word.len() <= 75));
    }

    // The words of a delivery report.
    #[test]
    fn text_beyond_ascii_becomes_encoded_words() {
        assert_eq!(
            Field::new("Subject").text("plain").finish(),
            "Subject: plain\r\n"
        );
        assert_eq!(
            Field::new("Subject")
                .encoded("メールを配送できませんでした")
                .finish(),
            "Subject: =?utf-8?B?44Oh44O844Or44KS6YWN6YCB44Gn44GN44G+44Gb44KT44Gn44GX?=\r\n \
             =?utf-8?B?44Gf?=\r\n"
        );
    }

    #[test]
    fn display_names_are_written_so_that_they_are_read_as_they_are() {
        let phrase = |name| phrase(name, 0);
        assert_eq!(phrase(""), Vec::<String>::new());
        assert_eq!(phrase(" \r\n "), Vec::<String>::new());
        assert_eq!(phrase("Alice Example"), ["Alice", "Example"]);
        assert_eq!(phrase("Example, Alice"), ["\"Example, Alice\""]);
        assert_eq!(
            phrase("Alice \"A\\\" <x@y>"),
            ["\"Alice \\\"A\\\\\\\" <x@y>\""]
        );
        assert_eq!(phrase("A\r\nBcc: x"), ["\"A Bcc: x\""]);
        assert_eq!(phrase("=?x?q?y?="), ["\"=?x?q?y?=\""]);
        assert_eq!(phrase("Jörg Ä"), ["=?utf-8?B?SsO2cmcgw4Q=?="]);
        assert_eq!(phrase("a\0"), ["=?utf-8?B?YQA=?="]);
    }

    #[test]
    fn encoded_words_are_read_in_both_encodings() {
        let check = |text: &str, expected: &[u8]| {
            assert_eq!(
                decode(text).escape_ascii().to_string(),
                expected.escape_ascii().to_string()
            );
        };
        check("  plain  text ", b"  plain  text ");
        // RFC 2047 section 8.
        check("(=?ISO-8859-1?Q?a?=", b"(=?ISO-8859-1?Q?a?=");
        check("=?ISO-8859-1?Q?a?= b", b"a b");
        check("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", b"ab");
        check("=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", b"ab");
        check("=?ISO-8859-1?Q?a_b?=", b"a b");
        check("=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", b"a b");
        check("=?iso-8859-1?q?f=FCr=5f=zz?=", b"f\xfcr_=zz");
        check("x =?utf-8?b?ZsO8cg?= y", "x für y".as_bytes());
        for same in ["=?utf-8?B?A?=", "=?utf-8?X?a?=", "=?utf-8?B?=", "=??=", "="] {
            check(same, same.as_bytes());
        }
    }
}
