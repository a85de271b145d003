//! The catalogue as a document for people: what a reply means, why it comes, what to do about it.
//!
//! Written to `docs/REPLIES.md` by `cargo xtask replies`. It adds no knowledge of its own: every word but the
//! headings comes from the rows, so that documentation and behaviour cannot drift apart.

use std::fmt::Write as _;

use crate::row::{Enhanced, Protocol, Row, Status};

/// One group of replies: heading, introduction, and which rows belong to it.
struct Chapter {
    heading: &'static str,
    introduction: &'static str,
    holds: fn(&Row) -> bool,
}

const CHAPTERS: [Chapter; 5] = [
    Chapter {
        heading: "SMTP: done, or go on",
        introduction: "Codes that begin with 2 or 3. Mail programs act on them by themselves.",
        holds: |row| matches!(row.status, Status::Smtp(..=399, _)),
    },
    Chapter {
        heading: "SMTP: not now",
        introduction: "Codes that begin with 4. The same thing may work later; mail servers retry for days.",
        holds: |row| matches!(row.status, Status::Smtp(400..=499, _)),
    },
    Chapter {
        heading: "SMTP: no",
        introduction: "Codes that begin with 5. Trying again without a change will not help.",
        holds: |row| matches!(row.status, Status::Smtp(500.., _)),
    },
    Chapter {
        heading: "POP3: yes",
        introduction: "Replies that begin with `+`. Mail programs act on them by themselves.",
        holds: |row| matches!(row.status, Status::Ok | Status::Continue),
    },
    Chapter {
        heading: "POP3: no",
        introduction: "Replies that begin with `-ERR`. A word in brackets tells the mail program what kind of \
                       refusal it is: `[AUTH]` wrong credentials, `[IN-USE]` another session holds the maildrop, \
                       `[LOGIN-DELAY]` the last login was too short a time ago, `[UTF8]` the message needs UTF8 mode, \
                       `[SYS/TEMP]` try later, `[SYS/PERM]` an administrator is needed.",
        holds: |row| matches!(row.status, Status::Err(_)),
    },
];

/// The whole catalogue in Markdown, sorted by what the client sees.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(
        "# Replies\n\n\
         <!-- Written by `cargo xtask replies` from crates/reply; edit the rows there. -->\n\n\
         Every line tegami can answer over SMTP and POP3: when it comes, why, and what to do. Words in braces are\n\
         filled in at run time. The three dotted numbers are the enhanced code of RFC 3463. The id at the end of an\n\
         entry is what the log shows. POP3 clients that say `LANG ja` read the texts in Japanese.\n",
    );
    for chapter in &CHAPTERS {
        let mut rows: Vec<&Row> = crate::rows().filter(|row| (chapter.holds)(row)).collect();
        rows.sort_by_key(|row| sort_key(row));
        let _ = write!(
            text,
            "\n## {}\n\n{}\n",
            chapter.heading, chapter.introduction
        );
        for row in rows {
            entry(row, &mut text);
        }
    }
    text
}

fn entry(row: &Row, text: &mut String) {
    let _ = write!(text, "\n### `{}`\n\n", row.first_line());
    if let Some(ja) = row.ja.filter(|ja| *ja != row.text) {
        let _ = writeln!(text, "- In Japanese: `{ja}`");
    }
    let _ = writeln!(text, "- When: {}\n- Why: {}", row.when, row.cause);
    if row.is_refusal() {
        let _ = writeln!(text, "- What to do: {}", row.remedy);
    }
    let _ = writeln!(text, "- {}, `{}`", row.rfc, row.id);
}

/// Protocol, code, enhanced code; rows that agree in these keep the order of the table.
fn sort_key(row: &Row) -> (bool, u16, u16, u16) {
    match row.status {
        Status::Smtp(code, Some(Enhanced(_, subject, detail))) => (false, code, subject, detail),
        Status::Smtp(code, None) => (false, code, 0, 0),
        Status::Ok | Status::Err(_) | Status::Continue => {
            (row.protocol() == Protocol::Pop3, 0, 0, 0)
        }
    }
}

#[cfg(test)]
mod tests {
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
            crate::smtp::BAD_CREDENTIALS.first_line(),
            "535 5.7.8 User name or password incorrect"
        );
        assert_eq!(
            crate::pop3::IN_USE.first_line(),
            "-ERR [IN-USE] Maildrop locked by another session"
        );
    }
}
