//! The header section of a message, field by field, as far as rules have to look into it. Every octet is somewhere in
//! what comes out; nothing is judged and nothing repaired.

use address::Mailbox;

/// Longest message identifier that is repeated in what we write.
const LONGEST_ID: usize = 250;

/// Walks over the fields of a header section; behind them, says how it ended.
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

/// One field with its folded lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    /// Its name as written.
    pub(crate) name: &'a [u8],
    /// All of it, line ends too.
    pub(crate) whole: &'a [u8],
    /// Behind the colon, line ends too.
    pub(crate) value: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Starts at the first octet of a message.
    pub(crate) fn new(header: &'a [u8]) -> Self {
        Self { rest: header }
    }

    /// What is left when all fields were taken: the blank line and what is behind it, or a line that is no field.
    /// Nothing at all if the octets ended before that.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let name = name(self.rest)?;
        let colon = self.rest.iter().position(|octet| *octet == b':')?;
        let mut end = line_length(self.rest);
        // RFC 5322 section 2.2.3: a line that begins with white space goes on with the field.
        while matches!(self.rest.get(end), Some(b' ' | b'\t')) {
            end += line_length(&self.rest[end..]);
        }
        let (whole, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(Field {
            name,
            whole,
            value: whole.get(colon + 1..).unwrap_or_default(),
        })
    }
}

fn line_length(octets: &[u8]) -> usize {
    let newline = octets.iter().position(|octet| *octet == b'\n');
    newline.map_or(octets.len(), |at| at + 1)
}

/// The field name a line begins with.
///
/// ```text
/// field      = field-name ":" unstructured CRLF     ; RFC 5322 section 2.2
/// field-name = 1*ftext                              ; %d33-57 / %d59-126
/// obs-form   = field-name *WSP ":"                  ; RFC 5322 section 4.5
/// ```
fn name(line: &[u8]) -> Option<&[u8]> {
    let length = line
        .iter()
        .position(|octet| !matches!(octet, 33..=57 | 59..=126))?;
    let (name, behind) = line.split_at(length);
    let behind = behind.iter().find(|octet| !matches!(octet, b' ' | b'\t'));
    (!name.is_empty() && behind == Some(&b':')).then_some(name)
}

impl Field<'_> {
    /// Whether this is its name, in any case.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// Whether its name begins so, in any case.
    pub(crate) fn begins(&self, name: &str) -> bool {
        let start = self.name.get(..name.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Its value on one line: folds undone, controls as spaces, what is no UTF-8 replaced.
    pub(crate) fn text(&self) -> String {
        let text = String::from_utf8_lossy(self.value);
        let mut line = String::with_capacity(text.len());
        for letter in text.chars() {
            match letter {
                '\r' | '\n' => {}
                letter if letter.is_control() => line.push(' '),
                letter => line.push(letter),
            }
        }
        line.trim().to_owned()
    }

    /// The first word of its value in lower case, comments passed over (RFC 5322 section 3.2.2).
    pub(crate) fn keyword(&self) -> String {
        let text = without_comments(&self.text());
        let words = text.trim_start();
        let end = words.find(|letter: char| letter.is_whitespace() || matches!(letter, ';' | ','));
        words[..end.unwrap_or(words.len())].to_lowercase()
    }

    /// The mailboxes its value names; what cannot be read is passed over.
    pub(crate) fn mailboxes(&self) -> Vec<Mailbox> {
        mailboxes(&self.text())
    }

    /// The message identifiers in it, angle brackets and all, those that can be written as they are.
    pub(crate) fn message_ids(&self) -> Vec<String> {
        let text = self.text();
        let inside = text
            .split('<')
            .skip(1)
            .filter_map(|part| part.split_once('>'));
        inside
            .map(|(id, _)| id)
            .filter(|id| (1..=LONGEST_ID).contains(&id.len()))
            .filter(|id| id.bytes().all(|octet| octet.is_ascii_graphic()))
            .map(|id| format!("<{id}>"))
            .collect()
    }
}

/// A text without what stands in parentheses; inside quotes they are letters like others.
fn without_comments(text: &str) -> String {
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    let mut kept = String::with_capacity(text.len());
    for letter in text.chars() {
        let was_escaped = std::mem::take(&mut escaped);
        match letter {
            '\\' if !was_escaped && (quoted || depth > 0) => escaped = true,
            '"' if !was_escaped && depth == 0 => quoted = !quoted,
            '(' if !was_escaped && !quoted => depth += 1,
            ')' if !was_escaped && depth > 0 => {
                depth -= 1;
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            kept.push(letter);
        }
    }
    kept
}

/// ```text
/// address-list = (address *("," address))          ; RFC 5322 section 3.4
/// group        = display-name ":" [group-list] ";"
/// angle-addr   = "<" [route] addr-spec ">"         ; the route is obsolete, section 4.4
/// ```
fn mailboxes(text: &str) -> Vec<Mailbox> {
    let mut found = Vec::new();
    let mut item = Item::default();
    for letter in without_comments(text).chars() {
        if item.take(letter) {
            found.extend(std::mem::take(&mut item).mailbox());
        }
    }
    found.extend(item.mailbox());
    found
}

/// One entry of an address list, being read.
#[derive(Default)]
struct Item {
    /// What may be an address; only what is in angle brackets, once they opened.
    text: String,
    quoted: bool,
    escaped: bool,
    angle: bool,
    closed: bool,
    literal: bool,
}

impl Item {
    /// Takes the next letter in; true when it ended the entry.
    fn take(&mut self, letter: char) -> bool {
        if std::mem::take(&mut self.escaped) {
            self.push(letter);
            return false;
        }
        match letter {
            '\\' if self.quoted => {
                self.escaped = true;
                self.push(letter);
            }
            '"' => {
                self.quoted = !self.quoted;
                self.push(letter);
            }
            letter if self.quoted => self.push(letter),
            '<' if !self.closed => {
                self.text.clear();
                self.angle = true;
            }
            '>' if self.angle => {
                self.angle = false;
                self.closed = true;
            }
            ',' | ';' if !self.angle => return true,
            ':' if !self.angle && !self.literal => return true,
            letter if letter.is_whitespace() => {}
            letter => {
                self.literal = (self.literal || letter == '[') && letter != ']';
                self.push(letter);
            }
        }
        false
    }

    fn push(&mut self, letter: char) {
        if !self.closed {
            self.text.push(letter);
        }
    }

    fn mailbox(self) -> Option<Mailbox> {
        let address = match self.text.split_once(':') {
            Some((route, address)) if route.starts_with('@') => address,
            Some(_) | None => &self.text,
        };
        Mailbox::parse_user(address).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Fields;

    #[track_caller]
    fn check(header: &[u8], fields: &[(&str, &str)], rest: &[u8]) {
        let mut walk = Fields::new(header);
        let mut whole = Vec::new();
        let seen: Vec<(String, String)> = walk
            .by_ref()
            .map(|field| {
                whole.extend_from_slice(field.whole);
                (
                    String::from_utf8_lossy(field.name).into_owned(),
                    field.text(),
                )
            })
            .collect();
        let expected: Vec<(String, String)> = fields
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect();
        assert_eq!(seen, expected, "{}", header.escape_ascii());
        assert_eq!(walk.rest(), rest);
        whole.extend_from_slice(walk.rest());
        assert_eq!(whole, header);
    }

    #[test]
    fn fields_end_where_the_next_begins() {
        check(b"", &[], b"");
        check(b"\r\nbody", &[], b"\r\nbody");
        check(
            b"A: 1\r\nB:2\r\n\r\nC: 3\r\n",
            &[("A", "1"), ("B", "2")],
            b"\r\nC: 3\r\n",
        );
        check(
            b"A: 1\r\n 2\r\n\t3\r\nB:\r\n",
            &[("A", "1 2 3"), ("B", "")],
            b"",
        );
        check(
            b"A : 1\r\nno field\r\nB: 2\r\n",
            &[("A", "1")],
            b"no field\r\nB: 2\r\n",
        );
        check(b": 1\r\n", &[], b": 1\r\n");
        check(b"A: 1", &[("A", "1")], b"");
        check(b"A: \xff\x001\x1b\r\n", &[("A", "\u{fffd} 1")], b"");
        check(b" A: 1\r\n", &[], b" A: 1\r\n");
        check("A: jörg\n\n".as_bytes(), &[("A", "jörg")], b"\n");
    }

    #[track_caller]
    fn keyword(value: &str, expected: &str) {
        let header = format!("X:{value}\r\n");
        let field = Fields::new(header.as_bytes()).next().unwrap();
        assert_eq!(field.keyword(), expected, "{value:?}");
    }

    #[test]
    fn a_keyword_is_found_behind_comments_and_before_parameters() {
        keyword(" no", "no");
        keyword("AUTO-Replied; x=y", "auto-replied");
        keyword(" (a (nested) one) no (really)", "no");
        keyword("(\\)) yes", "yes");
        keyword(" bulk, list", "bulk");
        keyword("", "");
        keyword("(never closed", "");
    }

    #[track_caller]
    fn mailboxes(value: &str, expected: &[&str]) {
        let header = format!("To: {value}\r\n");
        let field = Fields::new(header.as_bytes()).next().unwrap();
        let seen: Vec<String> = field.mailboxes().iter().map(ToString::to_string).collect();
        assert_eq!(seen, expected, "{value:?}");
    }

    #[test]
    fn mailboxes_are_found_however_they_are_written() {
        mailboxes("a@b.test", &["a@b.test"]);
        mailboxes("A <a@b.test>, c@d.test", &["a@b.test", "c@d.test"]);
        mailboxes("\"A, <x@y.test>\" <a@b.test>", &["a@b.test"]);
        mailboxes(
            "\"A \\\" , z@z.test\" <a@b.test>, c@d.test",
            &["a@b.test", "c@d.test"],
        );
        mailboxes(
            "a@b.test (x@y.test, (z@z.test)), c@d.test",
            &["a@b.test", "c@d.test"],
        );
        mailboxes(
            "Team: a@b.test, C <c@d.test>;, e@f.test",
            &["a@b.test", "c@d.test", "e@f.test"],
        );
        mailboxes("undisclosed-recipients:;", &[]);
        mailboxes("<@one.test,@two.test:a@b.test>", &["a@b.test"]);
        mailboxes("\"a b\"@b.test", &["\"a b\"@b.test"]);
        mailboxes("a @ b.test", &["a@b.test"]);
        mailboxes(
            "a@[IPv6:2001:db8::1], c@[192.0.2.1]",
            &["a@[IPv6:2001:db8::1]", "c@[192.0.2.1]"],
        );
        mailboxes("=?UTF-8?B?w6Q=?= <a@b.test>", &["a@b.test"]);
        mailboxes("jörg@bücher.example", &["jörg@xn--bcher-kva.example"]);
        mailboxes("nonsense, <>, @, a@b@c, ,", &[]);
        mailboxes("\"never closed <a@b.test>", &[]);
        mailboxes("<a@b.test> <c@d.test>", &["a@b.test"]);
        mailboxes("A\r\n <a@b.test>,\r\n\tc@d.test", &["a@b.test", "c@d.test"]);
    }

    #[test]
    fn identifiers_are_those_that_can_be_repeated() {
        let long = format!("<{}@x> <ok@x>", "a".repeat(250));
        for (value, expected) in [
            ("<a@b>", &["<a@b>"][..]),
            ("<a@b> text <c@d>\r\n <e@f>", &["<a@b>", "<c@d>", "<e@f>"]),
            ("<a b@c> <> <ä@b> <open", &[]),
            (long.as_str(), &["<ok@x>"]),
        ] {
            let header = format!("References: {value}\r\n");
            let field = Fields::new(header.as_bytes()).next().unwrap();
            assert_eq!(field.message_ids(), expected, "{value:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn no_octet_is_lost_and_no_text_breaks_a_line(
            octets in prop::collection::vec(prop::sample::select(b"Ab:: \t\r\n\r\n<>(\"\\,;@\xff\0".to_vec()), 0..120),
        ) {
            let mut walk = Fields::new(&octets);
            let mut whole = Vec::new();
            for field in walk.by_ref() {
                whole.extend_from_slice(field.whole);
                prop_assert!(!field.text().contains(char::is_control));
                prop_assert!(!field.keyword().contains(char::is_whitespace));
                let _ = (field.mailboxes(), field.message_ids());
            }
            whole.extend_from_slice(walk.rest());
            prop_assert_eq!(whole, octets);
        }
    }
}
