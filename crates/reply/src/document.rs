//! The catalogue as documents for people: what a reply means, why it comes, what to do about it.
//!
//! Written to `docs` by `cargo xtask replies`, in English and Japanese. It adds no knowledge of its own: every word
//! but the headings comes from the rows, so that documentation and behaviour cannot drift apart.

mod codes;
mod words;

use std::fmt::Write as _;

use crate::language::Language;
use crate::row::{Enhanced, Protocol, Row, Status};

use words::{CHAPTERS, Chapter, words};

/// Every document, by its path from the root of the workspace.
#[must_use]
pub fn all() -> Vec<(&'static str, String)> {
    vec![
        ("docs/REPLIES.md", markdown()),
        ("docs/REPLIES.ja.md", markdown_in(Language::Japanese)),
        ("docs/PROOF.md", crate::evidence::markdown()),
        ("docs/CODES.md", codes::markdown(Language::English)),
        ("docs/CODES.ja.md", codes::markdown(Language::Japanese)),
    ]
}

/// The whole catalogue in Markdown, sorted by what the client sees, in English.
#[must_use]
pub fn markdown() -> String {
    markdown_in(Language::English)
}

/// The same in this language.
#[must_use]
pub fn markdown_in(language: Language) -> String {
    let words = words(language);
    let mut text = format!("# {}\n\n{}\n", words.title, words.introduction);
    index(&mut text, language);
    for chapter in &CHAPTERS {
        let _ = write!(
            text,
            "\n## {}\n\n{}\n",
            chapter.heading.in_language(language),
            chapter.introduction.in_language(language)
        );
        for row in rows_of(chapter) {
            entry(row, &mut text, language);
        }
    }
    text
}

fn rows_of(chapter: &Chapter) -> Vec<&'static Row> {
    let mut rows: Vec<&Row> = crate::rows().filter(|row| (chapter.holds)(row)).collect();
    rows.sort_by_key(|row| sort_key(row));
    rows
}

/// Codes with links to the replies that have them.
fn index(text: &mut String, language: Language) {
    let words = words(language);
    let _ = write!(
        text,
        "\n## {}\n\n| {} | {} |\n|---|---|\n",
        words.index, words.code, words.replies
    );
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for row in CHAPTERS.iter().flat_map(rows_of) {
        let code = code(row.status);
        let link = format!("[{}](#{})", row.id, anchor(row.id));
        match lines.last_mut() {
            Some((known, links)) if *known == code => links.push(link),
            Some(_) | None => lines.push((code, vec![link])),
        }
    }
    for (code, links) in lines {
        let _ = writeln!(text, "| `{code}` | {} |", links.join(" "));
    }
}

/// What a link to an entry ends in. It stays as long as the id does.
fn anchor(id: &str) -> String {
    id.to_ascii_lowercase()
}

fn entry(row: &Row, text: &mut String, language: Language) {
    let words = words(language);
    let reasons = row.reasons(language);
    let _ = write!(
        text,
        "\n<a id=\"{}\"></a>\n\n### `{}`\n\n",
        anchor(row.id),
        first_line(row)
    );
    if let Some(ja) = row.ja.filter(|ja| *ja != row.text) {
        let _ = writeln!(text, "- {}`{ja}`", words.in_japanese);
    }
    let _ = writeln!(
        text,
        "- {}{}\n- {}{}",
        words.when, reasons.when, words.why, reasons.cause
    );
    if row.is_refusal() {
        let _ = writeln!(text, "- {}{}", words.what_to_do, reasons.remedy);
    }
    let _ = writeln!(text, "- {}, `{}`", row.rfc, row.id);
}

/// The row as it looks on the wire, its arguments still in braces.
pub(crate) fn first_line(row: &Row) -> String {
    let text = row.text;
    match row.status {
        Status::Smtp(code, Some(Enhanced(class, subject, detail))) => {
            format!("{code} {class}.{subject}.{detail} {text}")
        }
        Status::Smtp(code, None) => format!("{code} {text}"),
        Status::Ok => format!("+OK {text}"),
        Status::Err(Some(code)) => format!("-ERR [{code}] {text}"),
        Status::Err(None) => format!("-ERR {text}"),
        Status::Continue => format!("+ {text}"),
    }
}

/// The code of a row, without its text.
fn code(status: Status) -> String {
    match status {
        Status::Smtp(code, Some(enhanced)) => format!("{code} {enhanced}"),
        Status::Smtp(code, None) => code.to_string(),
        Status::Ok => "+OK".to_owned(),
        Status::Err(Some(code)) => format!("-ERR [{code}]"),
        Status::Err(None) => "-ERR".to_owned(),
        Status::Continue => "+".to_owned(),
    }
}

/// Protocol, code, enhanced code; of POP3, the response code. Rows that agree in these keep the order of the table.
fn sort_key(row: &Row) -> (bool, u16, u16, u16, &'static str) {
    let pop3 = row.protocol() == Protocol::Pop3;
    match row.status {
        Status::Smtp(code, Some(Enhanced(_, subject, detail))) => (pop3, code, subject, detail, ""),
        Status::Smtp(code, None) => (pop3, code, 0, 0, ""),
        Status::Ok | Status::Err(None) => (pop3, 0, 0, 0, ""),
        Status::Err(Some(code)) => (pop3, 0, 0, 0, code),
        Status::Continue => (pop3, 1, 0, 0, ""),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_row_stands_in_exactly_one_chapter() {
        for row in crate::rows() {
            let chapters = CHAPTERS
                .iter()
                .filter(|chapter| (chapter.holds)(row))
                .count();
            assert_eq!(chapters, 1, "{}", row.id);
        }
    }

    #[test]
    fn an_entry_shows_the_reply_as_clients_see_it() {
        assert_eq!(
            first_line(&crate::smtp::BAD_CREDENTIALS),
            "535 5.7.8 User name or password incorrect"
        );
        assert_eq!(
            first_line(&crate::pop3::IN_USE),
            "-ERR [IN-USE] Maildrop locked by another session"
        );
    }

    #[test]
    fn every_link_of_every_document_leads_somewhere() {
        let documents = all();
        for (path, text) in &documents {
            let links: Vec<&str> = text
                .split("](")
                .skip(1)
                .filter_map(|tail| tail.split(')').next())
                .collect();
            assert!(links.len() > 10, "{path} has few links");
            for link in links {
                let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
                if let Some(file) = file.strip_prefix("../") {
                    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
                    assert!(root.join(file).exists(), "{path}: no {link}");
                    continue;
                }
                let target = if file.is_empty() {
                    text
                } else {
                    let path = format!("docs/{file}");
                    let target = documents.iter().find(|(known, _)| *known == path);
                    &target.unwrap_or_else(|| panic!("{path}: no {link}")).1
                };
                let mark = format!("<a id=\"{fragment}\"></a>");
                let times = target.matches(&mark).count();
                assert!(fragment.is_empty() || times == 1, "{path}: {link}: {times}");
            }
        }
    }

    #[test]
    fn every_row_is_linked_from_the_index() {
        for (path, text) in all().iter().take(2) {
            for row in crate::rows() {
                let link = format!("[{}](#{})", row.id, anchor(row.id));
                assert_eq!(text.matches(&link).count(), 1, "{path}: {link}");
            }
        }
    }
}
