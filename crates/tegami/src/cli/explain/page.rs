//! An explanation as text for people.

use reply::explain::{Explanation, Words};
use reply::{Language, Row};

use super::shown;
use super::wrap::wrapped;

/// Headings, in both languages.
struct Headings {
    ours: &'static str,
    ours_too: &'static str,
    numbers: &'static str,
    elsewhere: &'static str,
    quoted: &'static str,
    unknown: &'static str,
    when: &'static str,
    why: &'static str,
    what_to_do: &'static str,
}

const ENGLISH: Headings = Headings {
    ours: "A reply of tegami",
    ours_too: "tegami says this, too",
    numbers: "What the numbers say",
    elsewhere: "What other servers mean by it",
    quoted: "Whose words these are, as far as is known",
    unknown: "Nobody has registered this code; only the server that sent it knows. Its text says more than its number.",
    when: "When",
    why: "Why",
    what_to_do: "What to do",
};

const JAPANESE: Headings = Headings {
    ours: "tegami の応答です",
    ours_too: "tegami が同じ番号で送る応答",
    numbers: "番号の意味",
    elsewhere: "ほかのサーバーでの意味",
    quoted: "この文面を使うサーバー",
    unknown: "登録されていない番号です。意味は送信したサーバーにしかわかりません。番号より本文を参考にしてください。",
    when: "状況",
    why: "原因",
    what_to_do: "対処",
};

fn headings(language: Language) -> &'static Headings {
    match language {
        Language::English => &ENGLISH,
        Language::Japanese => &JAPANESE,
    }
}

/// All of them, one below the other.
pub fn pages(explanations: &[Explanation<'_>], language: Language) -> String {
    let pages: Vec<String> = explanations
        .iter()
        .map(|explanation| page(explanation, language))
        .collect();
    pages.join("\n\n\n")
}

fn page(explanation: &Explanation<'_>, language: Language) -> String {
    let code = shown(explanation.found);
    let title = format!("{code}  {}", explanation.found.text);
    let mut parts = vec![wrapped(title.trim_end(), 0)];
    let ours = || replies(explanation, language);
    let others = || elsewhere(explanation, language);
    // Who is known by the text stands first.
    let quoted = explanation.elsewhere.iter().any(|(_, quoted)| *quoted);
    if quoted {
        parts.extend(others());
        parts.extend(numbers(explanation, language));
        parts.extend(ours());
    } else if explanation.is_ours || explanation.meanings.is_empty() {
        parts.extend(ours());
        parts.extend(numbers(explanation, language));
        parts.extend(others());
    } else {
        parts.extend(numbers(explanation, language));
        parts.extend(ours());
        parts.extend(others());
    }
    parts.join("\n\n")
}

/// Our own rows, and what the catalogue names without sending it.
fn replies(explanation: &Explanation<'_>, language: Language) -> Option<String> {
    let words = headings(language);
    let mut entries: Vec<String> = explanation
        .replies
        .iter()
        .map(|row| entry(row, language))
        .collect();
    for unsent in &explanation.unsent {
        let said = |words: Words| wrapped(words.in_language(language), 4);
        entries.push(format!(
            "  {}\n{}\n{}",
            unsent.id,
            said(unsent.words),
            said(unsent.waits.words())
        ));
    }
    let heading = if explanation.is_ours || explanation.meanings.is_empty() {
        words.ours
    } else {
        words.ours_too
    };
    (!entries.is_empty()).then(|| format!("{heading}\n{}", entries.join("\n")))
}

fn entry(row: &Row, language: Language) -> String {
    let words = headings(language);
    let reasons = row.reasons(language);
    let mut lines = vec![wrapped(&format!("{}  {}", row.id, row.first_line()), 2)];
    for (name, text) in [
        (words.when, reasons.when),
        (words.why, reasons.cause),
        (words.what_to_do, reasons.remedy),
    ] {
        if name != words.what_to_do || row.is_refusal() {
            lines.push(wrapped(&format!("{name}: {text}"), 4));
        }
    }
    lines.push(format!("    {}", row.rfc));
    lines.join("\n")
}

/// The parts of the code.
fn numbers(explanation: &Explanation<'_>, language: Language) -> Option<String> {
    let words = headings(language);
    let mut lines: Vec<String> = explanation
        .meanings
        .iter()
        .map(|meaning| {
            let text = meaning.words.in_language(language);
            wrapped(&format!("{}: {text} ({})", meaning.of, meaning.rfc), 2)
        })
        .collect();
    if lines.is_empty() {
        return None;
    }
    if !explanation.is_registered {
        lines.push(wrapped(words.unknown, 2));
    }
    Some(format!("{}\n{}", words.numbers, lines.join("\n")))
}

fn elsewhere(explanation: &Explanation<'_>, language: Language) -> Option<String> {
    let words = headings(language);
    let quoted = explanation.elsewhere.iter().any(|(_, quoted)| *quoted);
    let lines: Vec<String> = explanation
        .elsewhere
        .iter()
        .map(|(other, _)| {
            let text = other.words.in_language(language);
            wrapped(&format!("{} ({}): {text}", other.server, other.shown()), 2)
        })
        .collect();
    let heading = if quoted {
        words.quoted
    } else {
        words.elsewhere
    };
    (!lines.is_empty()).then(|| format!("{heading}\n{}", lines.join("\n")))
}
