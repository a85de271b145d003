//! An explanation as JSON for programs.

use reply::explain::{Code, Explanation, Waits};
use reply::{Language, Row};
use serde::Serialize;

use super::shown;

/// All explanations.
#[derive(Serialize)]
pub struct Document {
    language: &'static str,
    codes: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enhanced_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_code: Option<String>,
    text: String,
    /// The text is word for word one of ours.
    ours: bool,
    replies: Vec<Reply>,
    not_sent: Vec<NotSent>,
    meanings: Vec<Part>,
    elsewhere: Vec<Other>,
}

#[derive(Serialize)]
struct Reply {
    id: &'static str,
    reply: String,
    when: &'static str,
    cause: &'static str,
    remedy: &'static str,
    rfc: &'static str,
}

#[derive(Serialize)]
struct NotSent {
    id: &'static str,
    /// `never`, `outbound` or `policy`.
    waits: &'static str,
    meaning: &'static str,
}

#[derive(Serialize)]
struct Part {
    of: String,
    meaning: &'static str,
    rfc: &'static str,
}

#[derive(Serialize)]
struct Other {
    server: &'static str,
    code: String,
    meaning: &'static str,
    /// Its words are in the text.
    quoted: bool,
}

/// The explanations in this language.
pub fn document(explanations: &[Explanation<'_>], language: Language) -> Document {
    Document {
        language: language.tag(),
        codes: explanations
            .iter()
            .map(|explanation| entry(explanation, language))
            .collect(),
    }
}

fn entry(explanation: &Explanation<'_>, language: Language) -> Entry {
    let (reply_code, enhanced, response) = parts(&explanation.found.code);
    Entry {
        code: shown(explanation.found),
        reply_code,
        enhanced_code: enhanced,
        response_code: response,
        text: explanation.found.text.clone(),
        ours: explanation.is_ours,
        replies: explanation
            .replies
            .iter()
            .map(|row| reply(row, language))
            .collect(),
        not_sent: explanation
            .unsent
            .iter()
            .map(|unsent| NotSent {
                id: unsent.id,
                waits: match unsent.waits {
                    Waits::Never => "never",
                    Waits::Policy => "policy",
                },
                meaning: unsent.words.in_language(language),
            })
            .collect(),
        meanings: explanation
            .meanings
            .iter()
            .map(|meaning| Part {
                of: meaning.of.to_string(),
                meaning: meaning.words.in_language(language),
                rfc: meaning.rfc,
            })
            .collect(),
        elsewhere: explanation
            .elsewhere
            .iter()
            .map(|(other, quoted)| Other {
                server: other.server,
                code: other.shown(),
                meaning: other.words.in_language(language),
                quoted: *quoted,
            })
            .collect(),
    }
}

fn parts(code: &Code) -> (Option<u16>, Option<String>, Option<String>) {
    match code {
        Code::Smtp(code, enhanced) => (
            Some(*code),
            enhanced.map(|enhanced| enhanced.to_string()),
            None,
        ),
        Code::Enhanced(enhanced) => (None, Some(enhanced.to_string()), None),
        Code::Err(response) => (None, None, response.clone()),
        Code::Ok | Code::Row(_) | Code::Unsent(_) => (None, None, None),
    }
}

fn reply(row: &Row, language: Language) -> Reply {
    let reasons = row.reasons(language);
    Reply {
        id: row.id,
        reply: row.first_line(),
        when: reasons.when,
        cause: reasons.cause,
        remedy: reasons.remedy,
        rfc: row.rfc,
    }
}
