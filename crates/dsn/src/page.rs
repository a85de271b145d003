//! Text for people, set in lines of 72 columns behind a margin. Words and meanings are not known here.

use reply::lines::{self, Room};

/// Widest line.
const COLUMNS: usize = 72;
/// A word longer than this is broken, so that no line outgrows what mail can carry (RFC 5322 section 2.1.1). An
/// address (RFC 5321 section 4.5.3.1) is shorter.
const LONGEST_WORD: usize = 330;

/// A page being written. Lines end in CRLF.
#[derive(Debug, Default)]
pub(crate) struct Page(String);

impl Page {
    /// A part of a page, to be put behind something.
    pub(crate) fn inside() -> Self {
        Self("\r\n".to_owned())
    }

    /// Whether anything has been written.
    pub(crate) fn is_begun(&self) -> bool {
        !self.0.is_empty()
    }

    /// An empty line; never two, and none at the top.
    pub(crate) fn gap(&mut self) {
        if !matches!(self.0.as_str(), "" | "\r\n") && !self.0.ends_with("\r\n\r\n") {
            self.0.push_str("\r\n");
        }
    }

    /// What was written as a part.
    pub(crate) fn append(&mut self, part: &str) {
        if part != "\r\n" {
            self.0.push_str(part);
        }
    }

    /// A paragraph, with this in front of each line.
    pub(crate) fn paragraph(&mut self, margin: &str, text: &str) {
        self.set(margin, text, LONGEST_WORD);
    }

    /// What is to be typed as it stands, however wide it is.
    pub(crate) fn command(&mut self, margin: &str, command: &str) {
        self.line(margin, command);
    }

    /// Somebody's words: as a paragraph, and no word outgrows its line.
    pub(crate) fn quote(&mut self, margin: &str, text: &str) {
        self.set(margin, text, COLUMNS - margin.len());
    }

    /// What was written.
    pub(crate) fn finish(self) -> String {
        self.0
    }

    fn set(&mut self, margin: &str, text: &str, word: usize) {
        let columns = COLUMNS - margin.len();
        let room = Room {
            first: columns,
            further: columns,
            word,
        };
        for line in lines::set(text, room) {
            self.line(margin, line);
        }
    }

    fn line(&mut self, margin: &str, line: &str) {
        let margin = if line.is_empty() {
            margin.trim_end()
        } else {
            margin
        };
        self.0.push_str(margin);
        self.0.push_str(line);
        self.0.push_str("\r\n");
    }
}

#[cfg(test)]
mod tests {
    use reply::lines::width;

    use super::{COLUMNS, Page};

    #[track_caller]
    fn check(margin: &str, text: &str, expected: &[&str]) {
        let mut page = Page::default();
        page.quote(margin, text);
        let page = page.finish();
        let lines: Vec<&str> = page.strip_suffix("\r\n").unwrap().split("\r\n").collect();
        assert_eq!(lines, expected, "{text:?}");
        assert!(lines.iter().all(|line| width(line) <= COLUMNS), "{lines:?}");
    }

    #[test]
    fn lines_end_between_words() {
        check("", "", &[""]);
        check("> ", "", &[">"]);
        check("  ", "one two", &["  one two"]);
        let text = format!("{} {} tail", "a".repeat(35), "b".repeat(36));
        check("", &text, &[text.strip_suffix(" tail").unwrap(), "tail"]);
        let long = "c".repeat(100);
        check(
            "> ",
            &long,
            &[&format!("> {}", &long[..70]), &format!("> {}", &long[70..])],
        );
    }

    #[test]
    fn japanese_ends_lines_anywhere_but_before_a_full_stop() {
        let text = format!("{}。次", "あ".repeat(36));
        check("", &text, &[&"あ".repeat(35), "あ。次"]);
        let text = format!("{}（注）", "あ".repeat(35));
        check("", &text, &[&"あ".repeat(35), "（注）"]);
    }

    #[test]
    fn addresses_stay_whole() {
        let mut page = Page::default();
        let address = format!("{}@{}.example", "a".repeat(64), "b".repeat(60));
        page.paragraph("    ", &format!("to {address} now"));
        assert!(page.finish().contains(&address));
    }

    #[test]
    fn gaps_are_single() {
        let mut page = Page::default();
        page.gap();
        page.paragraph("", "one");
        page.gap();
        page.gap();
        page.paragraph("", "two");
        assert_eq!(page.finish(), "one\r\n\r\ntwo\r\n");
    }
}
