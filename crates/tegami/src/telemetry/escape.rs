//! Makes what comes from the wire harmless in a log line: nothing in a value ends the line, looks like another field,
//! turns the text around or drives a terminal.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::fmt::{FormatFields, MakeWriter};

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

/// Finishes what JSON leaves alone: it escapes C0 controls, but neither DEL nor the C1 controls, which some terminals
/// obey.
pub struct Json<W>(pub W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Json<W> {
    type Writer = JsonLine<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        JsonLine(self.0.make_writer())
    }
}

/// Takes one line of JSON; it comes in a single write.
pub struct JsonLine<W>(W);

impl<W: Write> Write for JsonLine<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(&escaped_json(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn escaped_json(line: &[u8]) -> Cow<'_, [u8]> {
    let late = |c: char| matches!(c, '\u{7f}'..='\u{9f}');
    match str::from_utf8(line) {
        Ok(text) if text.contains(late) => {
            let escaped = text.chars().map(|c| {
                if late(c) {
                    format!("\\u{:04x}", u32::from(c))
                } else {
                    c.to_string()
                }
            });
            Cow::Owned(escaped.collect::<String>().into_bytes())
        }
        Ok(_) | Err(_) => Cow::Borrowed(line),
    }
}
