//! An explanation as text for people.

use reply::explain::{Explanation, Waits};
use reply::{Language, Row};

use super::shown;
use super::wrap::wrapped;

/// Of more rows than this only the first lines are shown.
const MANY: usize = 8;
/// The same where somebody else's words are known: that is what was asked for.
const MANY_BESIDE_OTHERS: usize = 2;

/// Headings, in both languages.
struct Headings {
    ours: &'static str,
    ours_too: &'static str,
    one_of_many: &'static str,
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
    ours_too: "When tegami says this",
    one_of_many: "`tegami explain` with one of these ids explains it, as does the whole line that was said.",
    numbers: "What the numbers say",
    elsewhere: "What other servers mean by it",
    quoted: "Whose words these are, as far as is known",
    unknown: "Nobody has registered this code; only the server that sent it knows. Its text says more than its number.",
    when: "When: ",
    why: "Why: ",
    what_to_do: "What to do: ",
};

const JAPANESE: Headings = Headings {
    ours: "tegami の応答です",
    ours_too: "tegami がこの番号で送る応答",
    one_of_many: "ID または応答の全文を `tegami explain` に渡すと、詳しい説明が表示されます。",
    numbers: "番号の意味",
    elsewhere: "ほかのサーバーでの意味",
    quoted: "この文面を使うサーバー",
    unknown: "登録されていない番号です。意味は送信したサーバーにしかわかりません。番号より本文を参考にしてください。",
    when: "状況：",
    why: "原因：",
    what_to_do: "対処：",
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
    let quoted = explanation.elsewhere.iter().any(|(_, quoted)| *quoted);
    let ours = replies(explanation, language);
    let numbers = numbers(explanation, language);
    let others = elsewhere(explanation, language);
    // Who is known by the words stands first.
    let order = if quoted {
        [others, numbers, ours]
    } else if explanation.is_ours {
        [ours, numbers, others]
    } else {
        [numbers, ours, others]
    };
    parts.extend(order.into_iter().flatten());
    parts.extend(unsent(explanation, language));
    parts.join("\n\n")
}

/// Our own rows: one by one, or only their first lines where there are many.
fn replies(explanation: &Explanation<'_>, language: Language) -> Option<String> {
    let words = headings(language);
    let rows = &explanation.replies;
    let heading = if explanation.is_ours {
        words.ours
    } else {
        words.ours_too
    };
    let quoted = explanation.elsewhere.iter().any(|(_, quoted)| *quoted);
    let many = if quoted { MANY_BESIDE_OTHERS } else { MANY };
    let mut lines = vec![heading.to_owned()];
    if rows.len() > many {
        let line = |row: &&Row| wrapped(&format!("{}  {}", row.id, row.first_line()), 2);
        lines.extend(rows.iter().map(line));
        lines.push(wrapped(words.one_of_many, 2));
    } else {
        lines.extend(rows.iter().map(|row| entry(row, language)));
    }
    (!rows.is_empty()).then(|| lines.join("\n"))
}

/// What the catalogue names without sending it, by what it waits for.
fn unsent(explanation: &Explanation<'_>, language: Language) -> Option<String> {
    let mut lines = Vec::new();
    for waits in [Waits::Never, Waits::Policy] {
        let mut waiting = explanation
            .unsent
            .iter()
            .filter(|unsent| unsent.waits == waits)
            .map(|unsent| format!("{}  {}", unsent.id, unsent.words.in_language(language)))
            .peekable();
        if waiting.peek().is_some() {
            lines.push(wrapped(waits.words().in_language(language), 0));
            lines.extend(waiting.map(|line| wrapped(&line, 2)));
        }
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn entry(row: &Row, language: Language) -> String {
    let words = headings(language);
    let reasons = row.reasons(language);
    let mut lines = vec![wrapped(&format!("{}  {}", row.id, row.first_line()), 2)];
    let remedy = row
        .is_refusal()
        .then_some((words.what_to_do, reasons.remedy));
    let parts = [(words.when, reasons.when), (words.why, reasons.cause)];
    for (name, text) in parts.into_iter().chain(remedy) {
        lines.push(wrapped(&format!("{name}{text}"), 4));
    }
    lines.push(format!("    {}", row.rfc));
    lines.join("\n")
}

/// The parts of the code.
fn numbers(explanation: &Explanation<'_>, language: Language) -> Option<String> {
    let words = headings(language);
    let mut lines = vec![words.numbers.to_owned()];
    for meaning in &explanation.meanings {
        let text = meaning.words.in_language(language);
        let line = match language {
            Language::English => format!("{}: {text} ({})", meaning.of, meaning.rfc),
            Language::Japanese => format!("{}：{text}（{}）", meaning.of, meaning.rfc),
        };
        lines.push(wrapped(&line, 2));
    }
    if !explanation.is_registered {
        lines.push(wrapped(words.unknown, 2));
    }
    (!explanation.meanings.is_empty()).then(|| lines.join("\n"))
}

fn elsewhere(explanation: &Explanation<'_>, language: Language) -> Option<String> {
    let words = headings(language);
    let quoted = explanation.elsewhere.iter().any(|(_, quoted)| *quoted);
    let lines: Vec<String> = explanation
        .elsewhere
        .iter()
        .map(|(other, _)| {
            let text = other.words.in_language(language);
            let line = match language {
                Language::English => format!("{} ({}): {text}", other.server, other.shown()),
                Language::Japanese => format!("{}（{}）：{text}", other.server, other.shown()),
            };
            wrapped(&line, 2)
        })
        .collect();
    let heading = if quoted {
        words.quoted
    } else {
        words.elsewhere
    };
    (!lines.is_empty()).then(|| format!("{heading}\n{}", lines.join("\n")))
}
