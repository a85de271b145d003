//! Breaks text into lines for a terminal, Japanese too: no blanks there, and each character is two columns wide.

/// Columns of a page.
const WIDTH: usize = 88;

/// Further lines of one entry stand so much further in.
const HANGING: usize = 2;

/// The text in lines of at most [`WIDTH`] columns after `indent` blanks, those after the first a bit further in.
pub fn wrapped(text: &str, indent: usize) -> String {
    let mut lines = vec![String::new()];
    let mut column = indent;
    for piece in pieces(text) {
        let width: usize = piece.trim_end().chars().map(columns).sum();
        if column + width > WIDTH && !lines.last().is_none_or(String::is_empty) {
            lines.push(String::new());
            column = indent + HANGING;
        }
        column += piece.chars().map(columns).sum::<usize>();
        if let Some(line) = lines.last_mut() {
            line.push_str(piece);
        }
    }
    let margins = std::iter::once(indent).chain(std::iter::repeat(indent + HANGING));
    let lines: Vec<String> = lines
        .iter()
        .zip(margins)
        .map(|(line, margin)| format!("{:margin$}{}", "", line.trim_end()))
        .collect();
    lines.join("\n")
}

/// What is never divided: a word with the blank behind it, a Japanese character with the mark that belongs to it.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut before: Option<char> = None;
    for (at, c) in text.char_indices() {
        let divides = before.is_some_and(|before| {
            let wide = columns(before) == 2 || columns(c) == 2;
            (before == ' ' && c != ' ') || (wide && !closes(c) && !opens(before) && c != ' ')
        });
        if divides {
            pieces.push(&text[start..at]);
            start = at;
        }
        before = Some(c);
    }
    pieces.push(&text[start..]);
    pieces
}

/// Marks that may not begin a line.
fn closes(c: char) -> bool {
    matches!(
        c,
        '、' | '。'
            | '）'
            | '」'
            | '』'
            | '】'
            | '・'
            | 'ー'
            | '：'
            | '？'
            | '！'
            | '々'
            | 'ぁ'
            | 'ぃ'
            | 'ぅ'
            | 'ぇ'
            | 'ぉ'
            | 'っ'
            | 'ゃ'
            | 'ゅ'
            | 'ょ'
            | 'ァ'
            | 'ィ'
            | 'ゥ'
            | 'ェ'
            | 'ォ'
            | 'ッ'
            | 'ャ'
            | 'ュ'
            | 'ョ'
            | ')'
            | ','
            | '.'
            | ';'
            | ':'
            | ']'
            | '`'
    )
}

/// Marks that may not end one.
fn opens(c: char) -> bool {
    matches!(c, '（' | '「' | '『' | '【' | '(' | '[' | '`')
}

/// Columns a character takes.
fn columns(c: char) -> usize {
    match c {
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole_and_lines_stay_short() {
        let text = "one two three ".repeat(20);
        let wrapped = wrapped(&text, 4);
        assert!(wrapped.lines().count() > 3);
        for line in wrapped.lines() {
            assert!(line.starts_with("    ") && line.len() <= WIDTH, "{line:?}");
            for word in line.split_whitespace() {
                assert!(["one", "two", "three"].contains(&word), "{line:?}");
            }
        }
    }

    #[test]
    fn japanese_is_broken_by_its_width_and_no_line_begins_with_a_mark() {
        let text =
            "受信者のメールボックスがいっぱいです。しばらくしてから、もう一度お試しください。"
                .repeat(6);
        let wrapped = wrapped(&text, 2);
        assert!(wrapped.lines().count() > 4);
        for line in wrapped.lines() {
            let width: usize = line.chars().map(columns).sum();
            assert!(width <= WIDTH + 4, "{width}: {line:?}");
            assert!(!line.trim_start().starts_with(closes), "{line:?}");
        }
        assert_eq!(wrapped.replace(['\n', ' '], ""), text);
    }

    #[test]
    fn a_word_longer_than_a_line_is_left_whole() {
        let word = "x".repeat(200);
        assert_eq!(
            wrapped(&format!("a {word} b"), 0),
            format!("a\n  {word}\n  b")
        );
    }
}
