//! Errors as the user reads them: what happened, why, and what to do, in a few lines.

use admin::Refusal;

/// What to do about an error, carried along with it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Stuck {
    message: String,
    remedy: String,
}

impl Stuck {
    /// An error that knows its remedy.
    pub fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            remedy: remedy.into(),
        }
    }
}

/// `error: what: why`, and where there is one a second line with the remedy.
pub fn describe(error: &anyhow::Error) -> String {
    let mut text = String::from("error: ");
    for (depth, cause) in error.chain().enumerate() {
        let cause = cause.to_string();
        // Library errors often say their source themselves.
        if depth > 0 && text.contains(&cause) {
            continue;
        }
        if depth > 0 {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    if let Some(remedy) = error.chain().find_map(remedy) {
        text.push_str("\n  try: ");
        text.push_str(remedy);
    }
    text
}

fn remedy<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a str> {
    let stuck = cause
        .downcast_ref::<Stuck>()
        .map(|stuck| stuck.remedy.as_str());
    stuck.or_else(|| cause.downcast_ref::<Refusal>()?.remedy.as_deref())
}
