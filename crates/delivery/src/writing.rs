//! Header fields as we write them: folded, and with nothing in them that could begin another line.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use address::Mailbox;

/// Longest line to write where words allow it, without its CRLF: 78 by RFC 5322 section 2.1.1, 76 by RFC 2047 section 2
/// where an encoded word is in it, and so 76 everywhere.
const LINE: usize = 76;
/// Octets of text in one encoded word: with `=?UTF-8?B?` and `?=` it fits into the first line of a field, behind the name.
const ENCODED: usize = 39;

/// One field, being written.
pub(crate) struct Writing {
    text: String,
    /// Octets in the line so far.
    column: usize,
    /// A line without words would be all white space, which RFC 5322 section 3.2.2 does not have.
    empty: bool,
}

impl Writing {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            text: format!("{name}:"),
            column: name.len() + 1,
            empty: true,
        }
    }

    /// Adds a word behind a space, on a line of its own if it does not fit.
    pub(crate) fn word(mut self, word: &str) -> Self {
        if self.column + 1 + word.len() > LINE && !self.empty {
            self.text.push_str("\r\n");
            self.column = 0;
        }
        self.text.push(' ');
        // Whatever comes from outside was made harmless where it came in; this is the second lock on the door.
        self.text.extend(
            word.chars()
                .map(|letter| if letter.is_control() { '?' } else { letter }),
        );
        self.column += 1 + word.len();
        self.empty = false;
        self
    }

    pub(crate) fn words<W: AsRef<str>>(self, words: impl IntoIterator<Item = W>) -> Self {
        words
            .into_iter()
            .fold(self, |field, word| field.word(word.as_ref()))
    }

    /// A display name, if there is one, and the mailbox in angle brackets (RFC 5322 section 3.4).
    pub(crate) fn mailbox(self, name: &str, mailbox: &Mailbox) -> Self {
        let words = phrase(name);
        if words.is_empty() {
            return self.word(&mailbox.to_string());
        }
        self.words(words).word(&format!("<{mailbox}>"))
    }

    /// The field with its CRLF.
    pub(crate) fn finish(mut self) -> String {
        self.text.push_str("\r\n");
        self.text
    }
}

/// A text with its ASCII words as they are, the others as encoded words.
///
/// RFC 2047 section 6.2: readers drop the space between two encoded words, so the spaces inside a run of words that
/// must be encoded are encoded with them.
pub(crate) fn text(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut run = String::new();
    for word in text.split(|letter: char| letter.is_whitespace() || letter.is_control()) {
        if word.is_empty() {
            continue;
        }
        if word.is_ascii() {
            words.extend(encoded(&run));
            run.clear();
            words.push(word.to_owned());
        } else {
            if !run.is_empty() {
                run.push(' ');
            }
            run.push_str(word);
        }
    }
    words.extend(encoded(&run));
    words
}

/// All of it as encoded words, cut between characters (RFC 2047 section 5).
fn encoded(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (part, after) = rest.split_at(rest.floor_char_boundary(ENCODED));
        words.push(format!("=?UTF-8?B?{}?=", STANDARD.encode(part)));
        rest = after;
    }
    words
}

/// A display name: as it is where that is a phrase, in quotes, or as encoded words (RFC 5322 section 3.2.5).
pub(crate) fn phrase(name: &str) -> Vec<String> {
    let words: Vec<&str> = name
        .split(|letter: char| letter.is_whitespace() || letter.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let name = words.join(" ");
    // What looks like an encoded word would be read as one; in quotes it is not (RFC 2047 section 5).
    let is_atom = |word: &&str| word.bytes().all(is_atext) && !word.starts_with("=?");
    if !name.is_ascii() {
        return encoded(&name);
    }
    if words.iter().all(is_atom) {
        return words.into_iter().map(str::to_owned).collect();
    }
    vec![format!(
        "\"{}\"",
        name.replace('\\', "\\\\").replace('"', "\\\"")
    )]
}

/// `atext` of RFC 5322 section 3.2.3.
const fn is_atext(octet: u8) -> bool {
    octet.is_ascii_alphanumeric()
        || matches!(
            octet,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'/'
                | b'='
                | b'?'
                | b'^'
                | b'_'
                | b'`'
                | b'{'
                | b'|'
                | b'}'
                | b'~'
        )
}

#[cfg(test)]
mod tests {
    use super::{Writing, phrase, text};

    #[test]
    fn lines_are_folded_between_words() {
        let words = [
            "a".repeat(30),
            "b".repeat(30),
            "c".repeat(30),
            "d".repeat(100),
            "e".to_owned(),
        ];
        let field = Writing::new("X-Test").words(&words).finish();
        let expected = format!(
            "X-Test: {} {}\r\n {}\r\n {}\r\n e\r\n",
            words[0], words[1], words[2], words[3]
        );
        assert_eq!(field, expected);
        let long = Writing::new("X").word(&"a".repeat(100)).finish();
        assert_eq!(
            long,
            format!("X: {}\r\n", "a".repeat(100)),
            "no line of nothing but white space"
        );
    }

    #[test]
    fn hostile_words_begin_no_line() {
        let field = Writing::new("X")
            .word("a\r\nBcc: victim@example.test\u{85}\0")
            .finish();
        assert_eq!(field, "X: a??Bcc: victim@example.test??\r\n");
    }

    #[test]
    fn words_beyond_ascii_are_encoded_together() {
        assert_eq!(text("plain  words\tonly"), ["plain", "words", "only"]);
        assert_eq!(
            text("für dich hier"),
            ["=?UTF-8?B?ZsO8cg==?=", "dich", "hier"]
        );
        assert_eq!(
            text("a für über b"),
            ["a", "=?UTF-8?B?ZsO8ciDDvGJlcg==?=", "b"]
        );
        assert_eq!(text(" \r\n "), Vec::<String>::new());
        let long = "あ".repeat(40);
        assert!(text(&long).len() == 4 && text(&long).iter().all(|word| word.len() <= 75));
        // RFC 2047 section 2: no line with an encoded word is longer than 76.
        for words in [text(&long), phrase(&long)] {
            let field = Writing::new("Subject").words(words).finish();
            assert!(field.split("\r\n").all(|line| line.len() <= 76), "{field}");
        }
    }

    #[test]
    fn display_names_are_written_so_that_they_are_read_as_they_are() {
        assert_eq!(phrase(""), Vec::<String>::new());
        assert_eq!(phrase("Alice Example"), ["Alice", "Example"]);
        assert_eq!(phrase("Example, Alice"), ["\"Example, Alice\""]);
        assert_eq!(
            phrase("Alice \"A\\\" <x@y>"),
            ["\"Alice \\\"A\\\\\\\" <x@y>\""]
        );
        assert_eq!(phrase("A\r\nBcc: x"), ["\"A Bcc: x\""]);
        assert_eq!(phrase("=?x?q?y?="), ["\"=?x?q?y?=\""]);
        assert_eq!(phrase("Jörg Ä"), ["=?UTF-8?B?SsO2cmcgw4Q=?="]);
    }

    #[test]
    fn a_mailbox_is_in_angle_brackets_behind_a_name_only() {
        let mailbox = "a@example.test".parse().unwrap();
        assert_eq!(
            Writing::new("From").mailbox("", &mailbox).finish(),
            "From: a@example.test\r\n"
        );
        let named = Writing::new("From").mailbox("A B", &mailbox).finish();
        assert_eq!(named, "From: A B <a@example.test>\r\n");
    }
}
