//! Words of strangers made harmless: for people in UTF-8, for programs in ASCII. They are never believed, only quoted.

use std::fmt::Write as _;

/// Most lines of a reply that are quoted.
const LINES: usize = 12;
/// Most letters of one of them; an SMTP reply line has 512 octets (RFC 5321 section 4.5.3.1.5).
const LETTERS: usize = 512;
/// Stands for what was left out.
const MORE: &str = "[...]";

/// The lines of a reply for people: what is no letter becomes a space, what is no UTF-8 U+FFFD; bounded. At least one
/// line, perhaps empty.
pub(crate) fn lines(text: &[u8]) -> Vec<String> {
    // No more is looked at than could be shown: four octets to a letter, and the line ends.
    let most = LINES * (LETTERS * 4 + 2);
    let seen = &text[..text.len().min(most)];
    let mut lines: Vec<String> = Vec::new();
    let mut more = seen.len() < text.len();
    for line in seen.split(|octet| matches!(octet, b'\r' | b'\n')) {
        if line.is_empty() {
            continue;
        }
        if lines.len() == LINES {
            more = true;
            break;
        }
        lines.push(one(&String::from_utf8_lossy(line)));
    }
    if more {
        lines.push(MORE.to_owned());
    }
    if lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

/// One line for people, from text that somebody else wrote.
pub(crate) fn one(text: &str) -> String {
    let mut letters = text.chars();
    let mut line: String = letters
        .by_ref()
        .take(LETTERS)
        .map(|letter| if misleads(letter) { ' ' } else { letter })
        .collect();
    line.truncate(line.trim_end().len());
    if letters.next().is_some() {
        line.push_str(MORE);
    }
    line
}

/// The same for programs: letters beyond ASCII as `\x{HEX}`, the way RFC 6533 section 3 writes them.
pub(crate) fn ascii(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii_control() {
            line.push(' ');
        } else if letter.is_ascii() {
            line.push(letter);
        } else {
            let _ = write!(line, "\\x{{{:X}}}", u32::from(letter));
        }
    }
    line
}

/// Controls, line and paragraph separators, and what is not seen but changes what is seen: marks that turn the text
/// around, and letters without width.
fn misleads(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::{LETTERS, LINES, ascii, lines};

    #[track_caller]
    fn check(text: &[u8], expected: &[&str]) {
        assert_eq!(lines(text), expected, "{}", text.escape_ascii());
    }

    #[test]
    fn nothing_that_acts_on_a_screen_or_ends_a_line_is_left() {
        check(b"", &[""]);
        check(b"\r\n\r\n", &[""]);
        check(b"5.1.1 No such user", &["5.1.1 No such user"]);
        check(b"one\r\ntwo\nthree\rfour", &["one", "two", "three", "four"]);
        check(b"a\0b\x1b[2Jc\x7fd\te", &["a b [2Jc d e"]);
        check(b"a\xff\xfeb", &["a\u{fffd}\u{fffd}b"]);
        check("存在しません".as_bytes(), &["存在しません"]);
        check(
            "a\u{85}b\u{2028}c\u{202e}d\u{200b}e\u{feff}".as_bytes(),
            &["a b c d e"],
        );
    }

    #[test]
    fn much_is_bounded_and_says_so() {
        let long = "x".repeat(10_000);
        assert_eq!(
            lines(long.as_bytes()),
            [format!("{}[...]", "x".repeat(LETTERS))]
        );
        let many = "x\n".repeat(1_000);
        let seen = lines(many.as_bytes());
        assert_eq!(seen.len(), LINES + 1);
        assert_eq!(seen.last().unwrap(), "[...]");
        let endless = vec![b'\n'; 10_000_000];
        assert_eq!(lines(&endless), ["[...]"]);
    }

    #[test]
    fn programs_get_ascii() {
        assert_eq!(ascii("jörg \u{1f4e8}\t\u{7f}"), "j\\x{F6}rg \\x{1F4E8}  ");
    }
}
