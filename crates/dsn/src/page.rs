//! Text for people, set in lines of 72 columns: letters of East Asia are two wide, and there a line may end between any
//! two of them. Words and meanings are not known here.

/// Widest line.
const COLUMNS: usize = 72;
/// A word longer than this is broken, so that no line outgrows what mail can carry (RFC 5322 section 2.1.1). An
/// address (RFC 5321 section 4.5.3.1) is shorter.
const LONGEST_WORD: usize = 330;
/// What may not begin a line in Japanese.
const NOT_FIRST: &str =
    "、。，．・：；？！）」』】〉》”’ーぁぃぅぇぉっゃゅょァィゥェォッャュョ々…)]},.:;?!";
/// What may not end a line in Japanese.
const NOT_LAST: &str = "（「『【〈《“‘([{";

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

    /// Somebody's words: as a paragraph, and no word outgrows its line.
    pub(crate) fn quote(&mut self, margin: &str, text: &str) {
        self.set(margin, text, COLUMNS - margin.len());
    }

    /// What was written.
    pub(crate) fn finish(self) -> String {
        self.0
    }

    fn set(&mut self, margin: &str, text: &str, longest: usize) {
        let room = COLUMNS - margin.len();
        let mut line = String::new();
        let mut column = 0;
        for piece in pieces(text, longest) {
            let wide = width(piece.trim_end());
            if column > 0 && column + wide > room {
                self.line(margin, &line);
                line.clear();
                column = 0;
            }
            line.push_str(piece);
            column += width(piece);
        }
        self.line(margin, &line);
    }

    fn line(&mut self, margin: &str, line: &str) {
        let line = line.trim_end();
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

/// Cuts text where a line may end. Spaces stay with what is in front of them.
fn pieces(text: &str, longest: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, behind) = rest.split_at(cut(rest, longest));
        rest = behind;
        Some(piece)
    })
}

/// Where the first piece of `text` ends.
fn cut(text: &str, longest: usize) -> usize {
    let mut letters = text.char_indices().peekable();
    let mut column = 0;
    while let Some((_, letter)) = letters.next() {
        column += width_of(letter);
        let Some((at, next)) = letters.peek().copied() else {
            break;
        };
        let wide = width_of(letter) == 2 || width_of(next) == 2;
        let may = (letter == ' ' && next != ' ')
            || (wide && next != ' ' && !NOT_FIRST.contains(next) && !NOT_LAST.contains(letter));
        if may || column + width_of(next) > longest {
            return at;
        }
    }
    text.len()
}

/// Columns that text takes.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(width_of).sum()
}

/// Columns that a letter takes, as UAX 11 has it for the letters that are found in mail.
const fn width_of(letter: char) -> usize {
    match letter {
        '\u{300}'..='\u{36f}' | '\u{3099}' | '\u{309a}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff01}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::{COLUMNS, Page, width};

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
