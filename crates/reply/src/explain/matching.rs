//! Gathers what is known about a code: our rows, best first, the meaning of its digits, what others mean by it.

use std::borrow::Cow;
use std::cmp::Reverse;

use super::elsewhere::{ELSEWHERE, Elsewhere};
use super::unsent::{UNSENT, Unsent};
use super::{Code, Found, Meaning, codes, digits, registry, response};
use crate::row::{Enhanced, Row, Status, next_argument};

/// Everything known about a code that was found.
#[derive(Clone, Debug)]
pub struct Explanation<'a> {
    /// What was found.
    pub found: &'a Found,
    /// Whether an id of ours was found, or the text behind the code is word for word that of the first of `replies`.
    pub is_ours: bool,
    /// Replies of ours with this code, best first.
    pub replies: Vec<&'static Row>,
    /// What the catalogue names for this code but this release does not send.
    pub unsent: Vec<&'static Unsent>,
    /// What the code says by its parts.
    pub meanings: Vec<Meaning>,
    /// Whether a standard knows this very code, and not only its digits.
    pub is_registered: bool,
    /// What other servers mean by it; those whose words are in the text come first.
    pub elsewhere: Vec<(&'static Elsewhere, bool)>,
}

/// Explains a code.
#[must_use]
pub fn explain(found: &Found) -> Explanation<'_> {
    let code = &found.code;
    let mut replies = replies(code);
    let says = |row: &&Row| !found.text.is_empty() && fits(row, &found.text);
    replies.sort_by_key(|row| Reverse(says(row)));
    let named = matches!(code, Code::Row(_) | Code::Unsent(_));
    let said = replies.first().is_some_and(says);
    if said && !named {
        replies.retain(|row| fits(row, &found.text));
    }
    let is_ours = said || named;
    let numbers = match code {
        Code::Row(row) => status_code(row.status),
        Code::Unsent(unsent) => Code::Smtp(unsent.code, unsent.enhanced),
        Code::Smtp(..) | Code::Enhanced(_) | Code::Ok | Code::Err(_) => code.clone(),
    };
    let unsent = match code {
        Code::Unsent(unsent) => vec![*unsent],
        Code::Smtp(..) | Code::Enhanced(_) if !is_ours => unsent(code),
        Code::Smtp(..) | Code::Enhanced(_) | Code::Row(_) | Code::Ok | Code::Err(_) => Vec::new(),
    };
    Explanation {
        found,
        is_ours,
        replies,
        unsent,
        is_registered: is_registered(&numbers),
        meanings: meanings(&numbers),
        // Who asks for a row, or shows a line of ours, wants to know about this server.
        elsewhere: if is_ours {
            Vec::new()
        } else {
            elsewhere(&numbers, &found.text)
        },
    }
}

fn status_code(status: Status) -> Code {
    match status {
        Status::Smtp(code, enhanced) => Code::Smtp(code, enhanced),
        Status::Err(response) => Code::Err(response.map(str::to_owned)),
        Status::Ok | Status::Continue => Code::Ok,
    }
}

/// Our rows with this code. With an enhanced code, only those that agree in it, if there are any.
fn replies(code: &Code) -> Vec<&'static Row> {
    let with = |fits: &dyn Fn(&Status) -> bool| -> Vec<&'static Row> {
        crate::rows().filter(|row| fits(&row.status)).collect()
    };
    match code {
        Code::Row(row) => vec![row],
        Code::Unsent(_) => Vec::new(),
        Code::Smtp(code, None) => with(&|status| matches!(status, Status::Smtp(c, _) if c == code)),
        Code::Smtp(code, Some(enhanced)) => {
            let exact = with(&|status| *status == Status::Smtp(*code, Some(*enhanced)));
            // Greetings carry no enhanced code, so a line with one is never theirs (RFC 2034 section 4).
            if exact.is_empty() {
                with(&|status| agrees(status, *enhanced))
            } else {
                exact
            }
        }
        Code::Enhanced(enhanced) => with(&|status| agrees(status, *enhanced)),
        Code::Ok => with(&|status| matches!(status, Status::Ok)),
        Code::Err(Some(name)) => {
            with(&|status| matches!(status, Status::Err(Some(response)) if response == name))
        }
        Code::Err(None) => with(&|status| matches!(status, Status::Err(None))),
    }
}

fn agrees(status: &Status, wanted: Enhanced) -> bool {
    matches!(status, Status::Smtp(_, Some(enhanced)) if *enhanced == wanted)
}

/// Whether `said` is the row's text with its arguments filled in, perhaps with more behind it.
fn fits(row: &Row, said: &str) -> bool {
    let mut said = said;
    let mut rest = row.text;
    let mut words = 0;
    while let Some((before, _, after)) = next_argument(rest) {
        let Some((skipped, tail)) = said.split_once(before) else {
            return false;
        };
        // What stands before the first argument opens the text.
        if rest == row.text && !skipped.is_empty() {
            return false;
        }
        words += before.trim().len();
        said = tail;
        rest = after;
    }
    words += rest.trim().len();
    let ends = if rest == row.text {
        said.starts_with(rest)
    } else {
        said.contains(rest)
    };
    ends && words >= 2
}

fn unsent(code: &Code) -> Vec<&'static Unsent> {
    let fits = |unsent: &&Unsent| match code {
        Code::Smtp(code, None) => unsent.code == *code,
        Code::Smtp(code, Some(enhanced)) => {
            unsent.code == *code && unsent.enhanced.is_none_or(|known| known == *enhanced)
        }
        Code::Enhanced(enhanced) => unsent.enhanced == Some(*enhanced),
        Code::Ok | Code::Err(_) | Code::Row(_) | Code::Unsent(_) => false,
    };
    UNSENT.iter().filter(fits).collect()
}

fn is_registered(code: &Code) -> bool {
    match code {
        Code::Smtp(_, Some(enhanced)) | Code::Enhanced(enhanced) => {
            registry::meaning(enhanced.1, enhanced.2).is_some()
        }
        Code::Smtp(code, None) => codes::meaning(*code).is_some(),
        Code::Err(Some(name)) => response::meaning(name).is_some(),
        Code::Ok | Code::Err(None) | Code::Row(_) | Code::Unsent(_) => true,
    }
}

/// What the parts say, the most precise first. Where a part is known, the ones that say less are left out.
fn meanings(code: &Code) -> Vec<Meaning> {
    match code {
        Code::Smtp(code, Some(enhanced)) => {
            let mut meanings = by_enhanced(*enhanced);
            if !is_registered(&Code::Enhanced(*enhanced)) || enhanced.2 == 0 {
                meanings.extend(by_digits(*code).into_iter().take(1));
            }
            meanings
        }
        Code::Smtp(code, None) => by_digits(*code),
        Code::Enhanced(enhanced) => by_enhanced(*enhanced),
        Code::Err(Some(name)) => match response::meaning(name) {
            Some((known, words, rfc)) => vec![Meaning {
                of: format!("[{known}]").into(),
                words,
                rfc,
            }],
            None => by_status(1).collect(),
        },
        Code::Err(None) => by_status(1).collect(),
        Code::Ok => by_status(0).collect(),
        Code::Row(_) | Code::Unsent(_) => Vec::new(),
    }
}

fn by_status(index: usize) -> impl Iterator<Item = Meaning> {
    let status = response::STATUS.get(index).copied();
    status.into_iter().map(|(of, words)| Meaning {
        of: Cow::Borrowed(of),
        words,
        rfc: "RFC 1939 section 3",
    })
}

fn by_digits(code: u16) -> Vec<Meaning> {
    let known = codes::meaning(code).map(|(words, rfc)| Meaning {
        of: code.to_string().into(),
        words,
        rfc,
    });
    let digit = |table: &[(u16, super::Words)], digit: u16, of: String| {
        let found = table.iter().find(|(known, _)| *known == digit);
        found.map(|(_, words)| Meaning {
            of: of.into(),
            words: *words,
            rfc: "RFC 5321 section 4.2.1",
        })
    };
    let (first, second) = (code / 100, code / 10 % 10);
    let general = digit(digits::SECOND, second, format!("x{second}z")).filter(|_| known.is_none());
    known
        .into_iter()
        .chain(digit(digits::FIRST, first, format!("{first}yz")))
        .chain(general)
        .collect()
}

fn by_enhanced(Enhanced(class, subject, detail): Enhanced) -> Vec<Meaning> {
    let known = registry::meaning(subject, detail).map(|(words, rfc)| Meaning {
        of: format!("x.{subject}.{detail}").into(),
        words,
        rfc,
    });
    let classes = digits::CLASSES.iter().find(|(known, _)| *known == class);
    let class = classes.map(|(_, words)| Meaning {
        of: format!("{class}.x.x").into(),
        words: *words,
        rfc: "RFC 3463 section 2",
    });
    let subjects = digits::SUBJECTS.iter().find(|(known, _)| *known == subject);
    let subject = subjects.map(|(_, words)| Meaning {
        of: format!("x.{subject}.x").into(),
        words: *words,
        rfc: "RFC 3463 section 3",
    });
    let subject = subject.filter(|_| known.is_none());
    known.into_iter().chain(class).chain(subject).collect()
}

/// What others mean by it. Where the very words of some are in the text, only those; else the most precise first.
fn elsewhere(code: &Code, said: &str) -> Vec<(&'static Elsewhere, bool)> {
    let said = said.to_ascii_lowercase();
    let meant = ELSEWHERE.iter().flat_map(|server| server.iter());
    let mut found: Vec<(usize, &'static Elsewhere)> = meant
        .filter(|other| other.has(code))
        .map(|other| {
            let quoted = other
                .phrases
                .iter()
                .filter(|phrase| said.contains(**phrase));
            (quoted.map(|phrase| phrase.len()).max().unwrap_or(0), other)
        })
        .collect();
    let longest = found.iter().map(|(length, _)| *length).max().unwrap_or(0);
    if longest > 0 {
        found.retain(|(length, _)| *length == longest);
    } else if matches!(code, Code::Smtp(_, None)) {
        // Servers that send enhanced codes would have sent one.
        found.retain(|(_, other)| other.enhanced.is_none());
    }
    found.sort_by_key(|(_, other)| other.breadth());
    found
        .into_iter()
        .map(|(_, other)| (other, longest > 0))
        .collect()
}
