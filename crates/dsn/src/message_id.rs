//! The Message-ID of the original, checked, so that it may stand in a header of ours.

/// Longest one that is repeated. Longer ones exist in attacks only.
const MOST: usize = 256;

/// A Message-ID, brackets and all.
///
/// ```
/// use dsn::MessageId;
/// assert!(MessageId::parse(" <a.b@example.test> ").is_some());
/// assert!(MessageId::parse("<a@b>\r\nBcc: c@d").is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageId(String);

impl MessageId {
    /// Reads the value of a Message-ID field; `None` when it is none that may be repeated.
    ///
    /// ```text
    /// msg-id = [CFWS] "<" id-left "@" id-right ">" [CFWS]     ; RFC 5322 section 3.6.4
    /// ```
    /// Both sides are taken as they are, as long as they hold no white space, control or further bracket: many programs
    /// write what the grammar does not allow, and the sender's program looks for what it wrote.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let value = value.trim_matches([' ', '\t', '\r', '\n']);
        let inside = value.strip_prefix('<')?.strip_suffix('>')?;
        let plain = |letter: char| {
            !letter.is_whitespace() && !letter.is_control() && !matches!(letter, '<' | '>')
        };
        let whole = inside.contains('@') && value.len() <= MOST && inside.chars().all(plain);
        whole.then(|| Self(value.to_owned()))
    }

    /// Finds it in the header of a message.
    #[must_use]
    pub fn find(header: &[u8]) -> Option<Self> {
        const NAME: &[u8] = b"message-id:";
        let mut lines = header.split_inclusive(|octet| *octet == b'\n');
        let first = lines
            .by_ref()
            .take_while(|line| !matches!(*line, b"\r\n" | b"\n"))
            .find(|line| {
                line.get(..NAME.len())
                    .is_some_and(|name| name.eq_ignore_ascii_case(NAME))
            })?;
        let mut value = first[NAME.len()..].to_vec();
        // RFC 5322 section 2.2.3: a line that begins with white space goes on with the field.
        for line in lines.take_while(|line| matches!(line.first(), Some(b' ' | b'\t'))) {
            value.extend_from_slice(line);
            if value.len() > 2 * MOST {
                return None;
            }
        }
        Self::parse(str::from_utf8(&value).ok()?)
    }

    /// The text, brackets and all.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::MessageId;

    #[track_caller]
    fn check(header: &str, expected: Option<&str>) {
        let found = MessageId::find(header.as_bytes());
        assert_eq!(
            found.as_ref().map(MessageId::as_str),
            expected,
            "{header:?}"
        );
    }

    #[test]
    fn finds_what_may_be_repeated() {
        check("Message-ID: <a@b>\r\n\r\n", Some("<a@b>"));
        check("From: c\r\nMESSAGE-ID:<a@b>\r\n", Some("<a@b>"));
        check("Message-Id:\r\n <a@b>\r\nTo: d\r\n", Some("<a@b>"));
        check("Message-ID: <odd..$one@[x]>\r\n", Some("<odd..$one@[x]>"));
        check("Message-ID: <jörg@b>\r\n", Some("<jörg@b>"));
        check("From: c\r\n\r\nMessage-ID: <a@b>\r\n", None);
        check("X-Message-ID: <a@b>\r\n", None);
        check("Message-ID: a@b\r\n", None);
        check("Message-ID: <ab>\r\n", None);
        check("Message-ID: <a@b> <c@d>\r\n", None);
        check("Message-ID: <a b@c>\r\n", None);
        check("Message-ID: <a@b\0>\r\n", None);
        check("Message-ID: <a@b>\r\n Bcc: <c@d>\r\n", None);
        check(&format!("Message-ID: <{}@b>\r\n", "a".repeat(300)), None);
        check(&format!("Message-ID:\r\n{}", " x\r\n".repeat(10_000)), None);
        check("Message-ID", None);
        check("", None);
        assert_eq!(MessageId::find(b"Message-ID: <a\xff@b>\r\n"), None);
    }
}
