//! Text for people, set in lines. In Japanese there are no blanks: a line may end between any two letters, but for marks
//! that belong to the letter beside them. Margins, and what the words mean, are not known here.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What may not begin a line in Japanese.
const NOT_FIRST: &str =
    "、。，．・：；？！）」』】〉》”’ーぁぃぅぇぉっゃゅょァィゥェォッャュョ々…)]},.:;?!`";
/// What may not end a line in Japanese.
const NOT_LAST: &str = "（「『【〈《“‘([{`";

/// How much fits, in columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// In the first line.
    pub first: usize,
    /// In every other.
    pub further: usize,
    /// In a word: a longer one is broken.
    pub word: usize,
}

/// The lines of a text, without blanks at their ends; at least one. Only a word that may be as long outgrows its line.
#[must_use]
pub fn set(text: &str, room: Room) -> Vec<&str> {
    let mut lines = Vec::new();
    let (mut start, mut at, mut column, mut most) = (0, 0, 0, room.first);
    while at < text.len() {
        let piece = &text[at..at + cut(&text[at..], room.word)];
        if column > 0 && column + width(piece.trim_end()) > most {
            lines.push(text[start..at].trim_end());
            (start, column, most) = (at, 0, room.further);
        }
        column += width(piece);
        at += piece.len();
    }
    lines.push(text[start..].trim_end());
    lines
}

/// Columns that text takes, as UAX 11 has it: letters of East Asia take two.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// Where the first piece that is never divided ends: a word with the blanks behind it, or a letter of East Asia with the
/// marks that belong to it.
fn cut(text: &str, longest: usize) -> usize {
    // A letter with what stands on it is one (UAX 29).
    let mut letters = text.grapheme_indices(true).peekable();
    let mut column = 0;
    while let Some((_, letter)) = letters.next() {
        column += width(letter);
        let Some((at, next)) = letters.peek().copied() else {
            break;
        };
        let divides = if letter == " " || next == " " {
            next != " "
        } else {
            let glued = next.starts_with(|mark| NOT_FIRST.contains(mark))
                || letter.starts_with(|mark| NOT_LAST.contains(mark));
            (is_wide(letter) || is_wide(next)) && !glued
        };
        if divides || column + width(next) > longest {
            return at;
        }
    }
    text.len()
}

/// Letters of other alphabets may be as wide when they are put together; a line does not end beside those.
fn is_wide(letter: &str) -> bool {
    letter.chars().next().and_then(UnicodeWidthChar::width) == Some(2)
}

#[cfg(test)]
mod tests {
    use super::{NOT_FIRST, Room, set, width};

    #[track_caller]
    fn check(columns: usize, text: &str, expected: &[&str]) {
        let room = Room {
            first: columns,
            further: columns,
            word: columns,
        };
        let lines = set(text, room);
        assert_eq!(lines, expected, "{text:?}");
        assert!(lines.iter().all(|line| width(line) <= columns), "{lines:?}");
    }

    #[test]
    fn lines_end_between_words() {
        check(5, "", &[""]);
        check(5, "   ", &[""]);
        check(5, "a b c d", &["a b c", "d"]);
        check(5, "a  bc  d", &["a  bc", "d"]);
        check(5, "aaaaaaabb", &["aaaaa", "aabb"]);
        let room = Room {
            first: 3,
            further: 5,
            word: 100,
        };
        assert_eq!(
            set("aa bb cc 123456 d", room),
            ["aa", "bb cc", "123456", "d"]
        );
    }

    #[test]
    fn japanese_ends_lines_anywhere_but_beside_its_marks() {
        check(6, "あいうえ", &["あいう", "え"]);
        check(6, "あいう。え", &["あい", "う。え"]);
        check(6, "あい（う）", &["あい", "（う）"]);
        check(6, "あいtegamiう", &["あい", "tegami", "う"]);
        check(6, "あいう え", &["あいう", "え"]);
        let text =
            "受信者のメールボックスがいっぱいです。しばらくしてから、もう一度お試しください。"
                .repeat(6);
        let room = Room {
            first: 86,
            further: 84,
            word: usize::MAX,
        };
        let lines = set(&text, room);
        assert!(lines.len() > 4);
        for line in &lines {
            assert!(width(line) <= 86, "{line:?}");
            assert!(
                !line.starts_with(|mark| NOT_FIRST.contains(mark)),
                "{line:?}"
            );
        }
        assert_eq!(lines.concat(), text);
    }

    #[test]
    fn a_letter_is_never_torn_apart() {
        // With a mark of its own, as a family, and put together from three.
        for letter in [
            "か\u{3099}",
            "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
            "각",
        ] {
            assert_eq!(width(letter), 2, "{letter:?}");
            check(2, &letter.repeat(3), &[letter; 3]);
        }
        let accents = "e\u{301}\u{302}".repeat(5);
        check(3, &accents, &[&accents[..15], &accents[15..]]);
        assert_eq!(width("a\u{301}漢字ｱ…"), 7);
        // Two columns, but no letter of East Asia.
        check(4, "क्षक्ष नम", &["क्षक्ष", "नम"]);
    }
}
