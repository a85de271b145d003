//! Makes what comes from the wire harmless in a log line of text: nothing in a value ends the line, looks like another
//! field, turns the text around or drives a terminal.

use std::fmt;

use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::debug_fn;

/// Fields of text lines: `name=value`, in quotes where the value is more than a word; the message as it is.
pub fn fields() -> impl for<'w> FormatFields<'w> + Send + Sync + 'static {
    debug_fn(|writer, field, value| {
        let text = format!("{value:?}");
        match field.name() {
            "message" => escape(writer, &text),
            name => {
                let name = name.strip_prefix("r#").unwrap_or(name);
                write!(writer, "{name}=")?;
                show(writer, &text)
            }
        }
    })
    .delimited(" ")
}

/// Writes the Debug form of a value as one word, a list, or in quotes.
fn show(to: &mut impl fmt::Write, text: &str) -> fmt::Result {
    let inner = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    if is_word(inner.unwrap_or(text)) {
        to.write_str(inner.unwrap_or(text))
    } else if inner.is_some() || is_list(text) {
        escape(to, text)
    } else {
        write!(to, "{text:?}")
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && !text
            .contains(|c: char| c.is_whitespace() || matches!(c, '"' | '=' | '\\') || is_harmful(c))
}

fn is_list(text: &str) -> bool {
    text.starts_with('[') && text.ends_with(']') && !text.contains('=')
}

/// Control characters, line separators, and marks that change the direction of what follows.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escape(to: &mut impl fmt::Write, text: &str) -> fmt::Result {
    text.chars().try_for_each(|c| {
        if is_harmful(c) {
            write!(to, "{}", c.escape_default())
        } else {
            to.write_char(c)
        }
    })
}
