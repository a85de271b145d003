//! Header fields of the report: folded, and what is not ASCII in encoded words (RFC 2047).

use crate::harmless;
use crate::transfer::Transfer;

/// Most octets of text in one encoded word: 39 become 52 letters of base64, so that the word has at most 64 and its
/// line, with `Subject: ` in front, at most 76 (RFC 2047 section 2).
const WORD: usize = 39;

/// Longest line to write where folding allows it (RFC 5322 section 2.1.1).
const LINE: usize = 78;

/// A header section being written.
#[derive(Debug, Default)]
pub(crate) struct Header(String);

impl Header {
    /// A field whose value is made of our own words and of addresses, neither of which can hold a line break.
    pub(crate) fn field(&mut self, name: &str, value: &str) {
        self.0.push_str(name);
        self.0.push_str(": ");
        self.0.extend(value.chars().map(|letter| match letter {
            '\r' | '\n' | '\0' => ' ',
            other => other,
        }));
        self.0.push_str("\r\n");
    }

    /// A field of text for people.
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.field_folded(name, &phrase(value, false));
    }

    /// A field with a display name and an address.
    pub(crate) fn named(&mut self, name: &str, display: &str, address: &str) {
        let display = phrase(display, true);
        let fits = name.len() + display.len() + address.len() <= LINE - ": ".len() - " <>".len();
        let space = if fits { " " } else { "\r\n " };
        self.field_folded(name, &format!("{display}{space}<{address}>"));
    }

    /// A field with a parameter on a line of its own.
    pub(crate) fn parameter(&mut self, name: &str, value: &str, parameter: &str) {
        self.field_folded(name, &format!("{value};\r\n {parameter}"));
    }

    /// The header so far.
    pub(crate) fn finish(self) -> String {
        self.0
    }

    /// Takes line ends as they are: they are made here.
    fn field_folded(&mut self, name: &str, value: &str) {
        self.0.push_str(name);
        self.0.push_str(": ");
        self.0.push_str(value);
        self.0.push_str("\r\n");
    }
}

/// Text in a header: as it is when it is printable ASCII (in quotes where it is a name), else in encoded words.
fn phrase(text: &str, is_name: bool) -> String {
    let text = harmless::one(text);
    if text.bytes().all(|octet| matches!(octet, 32..=126)) {
        if is_name {
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
            return format!("\"{escaped}\"");
        }
        return text;
    }
    let mut words = Vec::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        // RFC 2047 section 5: a letter is never torn apart.
        let (word, behind) = rest.split_at(rest.floor_char_boundary(WORD));
        let encoded = Transfer::Base64.encode(word.as_bytes());
        words.push(format!("=?utf-8?B?{}?=", String::from_utf8_lossy(&encoded)));
        rest = behind;
    }
    words.join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::Header;

    #[test]
    fn text_beyond_ascii_becomes_encoded_words() {
        let mut header = Header::default();
        header.text("Subject", "plain");
        header.text("Subject", "メールを配送できませんでした");
        assert_eq!(
            header.finish(),
            "Subject: plain\r\n\
             Subject: =?utf-8?B?44Oh44O844Or44KS6YWN6YCB44Gn44GN44G+44Gb44KT44Gn44GX?=\r\n \
             =?utf-8?B?44Gf?=\r\n"
        );
    }

    #[test]
    fn names_are_quoted() {
        let mut header = Header::default();
        header.named("From", "a \"b\" \\", "c@d");
        assert_eq!(header.finish(), "From: \"a \\\"b\\\" \\\\\" <c@d>\r\n");
    }

    #[test]
    fn no_value_can_end_its_field() {
        let mut header = Header::default();
        header.field("In-Reply-To", "a\r\nBcc: b\0");
        header.text("Subject", "a\r\nBcc: b");
        assert_eq!(
            header.finish(),
            "In-Reply-To: a  Bcc: b \r\nSubject: a  Bcc: b\r\n"
        );
    }
}
