//! Log lines as JSON: one object an event, written straight into the line.
//!
//! A busy server logs a line for every message, so nothing is kept in a form in between: fields are written as they
//! are visited, and those of a span once, when it begins. Members have the names and the places that
//! `tracing_subscriber` gives them. What comes from the wire cannot end a line or drive a terminal: besides what JSON
//! asks for, DEL and the C1 controls, which some terminals obey, are escaped.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime as _;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use super::stamp::Stamp;

/// What `tracing_log` calls the target of an event that was a record of the `log` crate.
const LOG_TARGET: &str = "log.target";

/// Octets that the fields of nearly every span fit into.
const SPAN_ROOM: usize = 192;

/// Events as lines.
pub struct Lines;

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut to: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        to.write_str("{\"timestamp\":\"")?;
        Stamp.format_time(&mut to)?;
        to.write_str("\",\"level\":\"")?;
        to.write_str(event.metadata().level().as_str())?;
        to.write_str("\"")?;
        let mut members = Members::behind_others(to);
        event.record(&mut members);
        let (mut to, target) = members.end()?;
        to.write_str(",\"target\":")?;
        string(
            &mut to,
            target.as_deref().unwrap_or(event.metadata().target()),
        )?;
        if let Some(scope) = context.event_scope() {
            to.write_str(",\"spans\":[")?;
            for (n, span) in scope.from_root().enumerate() {
                to.write_str(if n == 0 { "{" } else { ",{" })?;
                if let Some(fields) = span.extensions().get::<FormattedFields<N>>()
                    && !fields.fields.is_empty()
                {
                    to.write_str(&fields.fields)?;
                    to.write_str(",")?;
                }
                to.write_str("\"name\":")?;
                string(&mut to, span.name())?;
                to.write_str("}")?;
            }
            to.write_str("]")?;
        }
        to.write_str("}\n")
    }
}

/// The fields of spans: members without the braces around them. A field is expected to be recorded once.
pub struct Fields;

impl<'w> FormatFields<'w> for Fields {
    fn format_fields<R: RecordFields>(&self, mut to: Writer<'w>, fields: R) -> fmt::Result {
        // Every connection has them: gathered in room for all of them, they are not moved again and again.
        let mut gathered = String::with_capacity(SPAN_ROOM);
        let mut members = Members::first(Writer::new(&mut gathered));
        fields.record(&mut members);
        members.end().map(drop)?;
        to.write_str(&gathered)
    }

    fn add_fields(
        &self,
        current: &'w mut FormattedFields<Self>,
        fields: &tracing::span::Record<'_>,
    ) -> fmt::Result {
        let mut members = if current.fields.is_empty() {
            Members::first(current.as_writer())
        } else {
            Members::behind_others(current.as_writer())
        };
        fields.record(&mut members);
        members.end().map(drop)
    }
}

/// Writes members of an object, with commas between them.
struct Members<'w> {
    to: Writer<'w>,
    comma: bool,
    /// The first failure; nothing is written after it.
    outcome: fmt::Result,
    /// Of an event that was a record of the `log` crate.
    target: Option<String>,
}

impl<'w> Members<'w> {
    fn first(to: Writer<'w>) -> Self {
        Self {
            to,
            comma: false,
            outcome: Ok(()),
            target: None,
        }
    }

    fn behind_others(to: Writer<'w>) -> Self {
        Self {
            comma: true,
            ..Self::first(to)
        }
    }

    fn end(self) -> Result<(Writer<'w>, Option<String>), fmt::Error> {
        self.outcome.map(|()| (self.to, self.target))
    }

    fn member(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'w>) -> fmt::Result) {
        if self.outcome.is_ok() {
            self.outcome = self.try_member(field, value);
        }
    }

    fn try_member(
        &mut self,
        field: &Field,
        value: impl FnOnce(&mut Writer<'w>) -> fmt::Result,
    ) -> fmt::Result {
        if std::mem::replace(&mut self.comma, true) {
            self.to.write_str(",")?;
        }
        let name = field.name();
        string(&mut self.to, name.strip_prefix("r#").unwrap_or(name))?;
        self.to.write_str(":")?;
        value(&mut self.to)
    }
}

impl Visit for Members<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == LOG_TARGET {
            self.target = Some(value.to_owned());
        } else {
            self.member(field, |to| string(to, value));
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, |to| write!(to, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, |to| write!(to, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, |to| number(to, value));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.member(field, |to| write!(to, "{value}"));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.member(field, |to| write!(to, "{value}"));
    }

    /// JSON has no word for what is not a finite number.
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.member(field, |to| {
            if value.is_finite() {
                write!(to, "{value:?}")
            } else {
                to.write_str("null")
            }
        });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.member(field, |to| {
            to.write_str("\"")?;
            write!(Inside(to), "{value:?}")?;
            to.write_str("\"")
        });
    }
}

/// Writes a number, without the formatting machinery: most lines have some.
fn number(to: &mut Writer<'_>, mut value: u64) -> fmt::Result {
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return to.write_str(str::from_utf8(&digits[first..]).unwrap_or_default());
        }
    }
}

/// Octets that may be more than themselves: what JSON and terminals mind, and 0xC2, which leads the C1 controls.
const MINDED: [bool; 256] = {
    let mut minded = [false; 256];
    let mut octet = 0;
    while octet < 0x20 {
        minded[octet] = true;
        octet += 1;
    }
    minded[b'"' as usize] = true;
    minded[b'\\' as usize] = true;
    minded[0x7f] = true;
    minded[0xc2] = true;
    minded
};

/// Writes a string with its quotes.
fn string(to: &mut Writer<'_>, text: &str) -> fmt::Result {
    to.write_str("\"")?;
    Inside(to).write_str(text)?;
    to.write_str("\"")
}

/// The inside of a string: escapes what comes, in however many pieces.
struct Inside<'a, 'w>(&'a mut Writer<'w>);

impl fmt::Write for Inside<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut plain = 0;
        let octets = text.as_bytes();
        for (at, octet) in octets.iter().enumerate() {
            // Nearly always nothing is to be done, and a look at single octets shows it.
            if !MINDED[usize::from(*octet)] {
                continue;
            }
            let (escaped, length) = match octet {
                0xc2 => match octets.get(at + 1) {
                    Some(second @ 0x80..=0x9f) => (char::from(*second), 2),
                    Some(_) | None => continue,
                },
                other => (char::from(*other), 1),
            };
            self.0.write_str(&text[plain..at])?;
            match escaped {
                '"' => self.0.write_str("\\\"")?,
                '\\' => self.0.write_str("\\\\")?,
                '\n' => self.0.write_str("\\n")?,
                '\r' => self.0.write_str("\\r")?,
                '\t' => self.0.write_str("\\t")?,
                other => write!(self.0, "\\u{:04x}", u32::from(other))?,
            }
            plain = at + length;
        }
        self.0.write_str(&text[plain..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pieces: &[&str], expected: &str) {
        let mut line = String::new();
        let mut writer = Writer::new(&mut line);
        for piece in pieces {
            Inside(&mut writer).write_str(piece).unwrap();
        }
        assert_eq!(line, expected);
        let back: String = serde_json::from_str(&format!("\"{line}\"")).unwrap();
        assert_eq!(back, pieces.concat());
    }

    #[test]
    fn numbers_are_written_as_they_are() {
        for value in [0, 7, 10, 909, 1_000_000, u64::MAX] {
            let mut line = String::new();
            number(&mut Writer::new(&mut line), value).unwrap();
            assert_eq!(line, value.to_string());
        }
    }

    #[test]
    fn strings_are_escaped_and_read_back_as_they_were() {
        check(&["plain"], "plain");
        check(&[""], "");
        check(&["say \"a\\b\""], "say \\\"a\\\\b\\\"");
        check(&["a\r\n\tb"], "a\\r\\n\\tb");
        check(&["\0\u{1b}[2J\u{7f}"], "\\u0000\\u001b[2J\\u007f");
        check(&["\u{80}x\u{9b}31m\u{9f}"], "\\u0080x\\u009b31m\\u009f");
        // The same lead octet, but letters.
        check(&["\u{a0}\u{bf}é手紙"], "\u{a0}\u{bf}é手紙");
        check(&["\"", "手\u{85}", "\\"], "\\\"手\\u0085\\\\");
    }
}
