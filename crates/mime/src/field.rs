//! Header fields as we write them: folded, and with nothing in them that could begin another line.

use std::fmt::Display;

use crate::{LINE, encoded, phrase, text};

/// One field, being written.
#[derive(Clone, Debug)]
pub struct Field {
    text: String,
    /// Octets in the line so far.
    column: usize,
    /// There is nothing behind the name yet.
    empty: bool,
}

impl Field {
    /// A field with nothing behind its name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            text: format!("{name}:"),
            column: name.len() + 1,
            empty: true,
        }
    }

    /// Adds a word behind a space, on a line of its own if it does not fit.
    #[must_use]
    pub fn word(mut self, word: &str) -> Self {
        // Some programs read a name that is alone on its line as an empty field. It is left alone only where RFC 2047
        // section 2 leaves no choice.
        let may_fold = !self.empty || word.starts_with("=?");
        if self.column + 1 + word.len() > LINE && may_fold {
            self.text.push_str("\r\n");
            self.column = 0;
        }
        self.text.push(' ');
        // Whatever comes from outside was made harmless where it came in; this is the second lock on the door.
        self.text.extend(word.chars().map(|letter| match letter {
            '\t' => '\t',
            letter if letter.is_control() => '?',
            letter => letter,
        }));
        self.column += 1 + word.len();
        self.empty = false;
        self
    }

    /// Adds words, folded where a line would get too long.
    #[must_use]
    pub fn words<W: AsRef<str>>(self, words: impl IntoIterator<Item = W>) -> Self {
        words
            .into_iter()
            .fold(self, |field, word| field.word(word.as_ref()))
    }

    /// Adds text for people, those of its words that need it as encoded words ([`text`]).
    #[must_use]
    pub fn text(self, words: &str) -> Self {
        let taken = self.taken();
        self.words(text(words, taken))
    }

    /// Adds text for people, all of it as encoded words ([`encoded`]).
    #[must_use]
    pub fn encoded(self, words: &str) -> Self {
        let taken = self.taken();
        self.words(encoded(words, taken))
    }

    /// Adds a name ([`phrase`]).
    #[must_use]
    pub fn phrase(self, name: &str) -> Self {
        let taken = self.taken();
        self.words(phrase(name, taken))
    }

    /// Adds a display name, if there is one, and the mailbox, in angle brackets behind a name (RFC 5322 section 3.4).
    #[must_use]
    pub fn mailbox(self, name: &str, mailbox: &impl Display) -> Self {
        let field = self.phrase(name);
        if field.empty {
            field.word(&mailbox.to_string())
        } else {
            field.word(&format!("<{mailbox}>"))
        }
    }

    /// The field with its CRLF.
    #[must_use]
    pub fn finish(mut self) -> String {
        self.text.push_str("\r\n");
        self.text
    }

    /// What the name takes of the line, where the next word stands behind it; other words have another line to go to.
    fn taken(&self) -> usize {
        if self.empty { self.column } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::Field;

    #[test]
    fn lines_are_folded_between_words() {
        let words = [
            "a".repeat(30),
            "b".repeat(30),
            "c".repeat(30),
            "d".repeat(100),
            "e".to_owned(),
        ];
        let field = Field::new("X-Test").words(&words).finish();
        let expected = format!(
            "X-Test: {} {}\r\n {}\r\n {}\r\n e\r\n",
            words[0], words[1], words[2], words[3]
        );
        assert_eq!(field, expected);
        let long = Field::new("X").word(&"a".repeat(100)).finish();
        assert_eq!(
            long,
            format!("X: {}\r\n", "a".repeat(100)),
            "no line of nothing but white space"
        );
    }

    #[test]
    fn hostile_words_begin_no_line() {
        let field = Field::new("X")
            .word("a\r\nBcc: victim@example.test\u{85}\0")
            .finish();
        assert_eq!(field, "X: a??Bcc: victim@example.test??\r\n");
        let text = Field::new("Subject").text("a\r\nBcc: b").finish();
        assert_eq!(text, "Subject: a Bcc: b\r\n");
    }

    #[test]
    fn encoded_words_are_made_to_fit_behind_the_name() {
        let long = "手".repeat(30);
        let lengths = |name: usize| -> Vec<usize> {
            let field = Field::new(&"N".repeat(name)).text(&long).finish();
            field.trim_end().split("\r\n").map(str::len).collect()
        };
        assert_eq!(lengths(7), [73, 65, 29]);
        assert_eq!(lengths(10), [72, 65, 33]);
        assert_eq!(lengths(27), [73, 65, 49]);
        assert_eq!(lengths(57), [75, 65, 65, 25]);
        // Nothing fits behind such a name.
        assert_eq!(lengths(58), [59, 65, 65, 29]);
        assert_eq!(lengths(100), [101, 65, 65, 29]);
    }

    #[test]
    fn a_mailbox_is_in_angle_brackets_behind_a_name_only() {
        let mailbox = "a@example.test";
        assert_eq!(
            Field::new("From").mailbox("", &mailbox).finish(),
            "From: a@example.test\r\n"
        );
        let named = Field::new("From").mailbox("A B", &mailbox).finish();
        assert_eq!(named, "From: A B <a@example.test>\r\n");
        // From dsn: what is no phrase is in quotes.
        let quoted = Field::new("From").mailbox("a \"b\" \\", &"c@d").finish();
        assert_eq!(quoted, "From: \"a \\\"b\\\" \\\\\" <c@d>\r\n");
    }
}
