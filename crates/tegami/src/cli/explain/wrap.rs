//! Text on a page of `tegami explain`: how wide it is, and how far its entries stand in.

use reply::lines::{self, Room};

/// Columns of a page.
const WIDTH: usize = 88;

/// Further lines of one entry stand so much further in.
const HANGING: usize = 2;

/// The text in lines of at most [`WIDTH`] columns after `indent` blanks, those after the first a bit further in.
pub fn wrapped(text: &str, indent: usize) -> String {
    let room = Room {
        first: WIDTH - indent,
        further: WIDTH - indent - HANGING,
        word: usize::MAX,
    };
    let margins = std::iter::once(indent).chain(std::iter::repeat(indent + HANGING));
    let lines: Vec<String> = lines::set(text, room)
        .into_iter()
        .zip(margins)
        .map(|(line, margin)| format!("{:margin$}{line}", ""))
        .collect();
    lines.join("\n")
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
        let marks = "、。）」』】・ー：？！々ぁぃぅぇぉっゃゅょァィゥェォッャュョ),.;:]`";
        let wrapped = wrapped(&text, 2);
        assert!(wrapped.lines().count() > 4);
        for line in wrapped.lines() {
            assert!(lines::width(line) <= WIDTH, "{line:?}");
            let mut letters = line.trim_start().chars();
            assert!(
                !letters.next().is_some_and(|letter| marks.contains(letter)),
                "{line:?}"
            );
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
