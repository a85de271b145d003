//! A TOML file that remembers where everything in it stands.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml_edit::Table;

use super::bounded;
use super::problem::{Place, Problem};

/// A TOML file, parsed, with its name for messages.
#[derive(Debug)]
pub struct Document {
    path: PathBuf,
    toml: toml_edit::Document<String>,
    /// Where each newline is, so that a thousand accounts are placed as fast as one.
    newlines: Vec<usize>,
    /// What stands behind this line is not in the file yet.
    last_line: usize,
}

impl Document {
    /// Reads and parses a file.
    ///
    /// # Errors
    /// When it cannot be read, is larger than any such file, is not UTF-8 or is not TOML.
    pub fn read(path: &Path) -> Result<Self, Problem> {
        Self::read_with(path, "")
    }

    /// The same, as if the file ended with `addition`, on a line of its own.
    ///
    /// # Errors
    /// As [`Document::read`].
    pub fn read_with(path: &Path, addition: &str) -> Result<Self, Problem> {
        let mut text = bounded::read(path, bounded::LARGEST)
            .map_err(|why| Place::file(path).problem(format!("cannot read this file: {why}")))?;
        if !addition.is_empty() && !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        let last_line = match addition {
            "" => usize::MAX,
            _ => text.matches('\n').count(),
        };
        text.push_str(addition);
        Self::parse_to(path, text, last_line)
    }

    /// Parses what would be the contents of `path`, if there were such a file.
    ///
    /// # Errors
    /// When it is not TOML.
    pub fn parse_addition(path: &Path, addition: &str) -> Result<Self, Problem> {
        Self::parse_to(path, addition.to_owned(), 0)
    }

    /// Parses `text` as the contents of `path`, of which there are so many lines: the rest is an addition.
    ///
    /// # Errors
    /// When it is not TOML: the line, the column and what was expected there.
    fn parse_to(path: &Path, text: String, last_line: usize) -> Result<Self, Problem> {
        let newlines: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
        match toml_edit::Document::parse(text.clone()) {
            Ok(toml) => Ok(Self {
                path: path.to_owned(),
                toml,
                newlines,
                last_line,
            }),
            Err(error) => {
                let at = error.span().map_or(text.len(), |span| span.start);
                let before = text.get(..at).unwrap_or(&text);
                let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
                let mut message = error.message().trim().replace('\n', ", ");
                // The parser names what it expected, but not which key or section is there twice.
                if message == "duplicate key"
                    && let Some(key) = error.span().and_then(|span| text.get(span))
                {
                    message = format!("{key:?} is here for the second time");
                }
                Err(place_at(path, line_at(&newlines, at), last_line)
                    .problem(format!("column {column}: {message}")))
            }
        }
    }

    /// The file, as the user named it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its outermost table.
    pub fn table(&self) -> &Table {
        self.toml.as_table()
    }

    /// Where something with this span stands.
    pub fn place(&self, span: Option<Range<usize>>) -> Place {
        match span {
            Some(span) => {
                let line = line_at(&self.newlines, span.start);
                place_at(&self.path, line, self.last_line)
            }
            None => Place::file(&self.path),
        }
    }
}

fn line_at(newlines: &[usize], offset: usize) -> usize {
    newlines.partition_point(|newline| *newline < offset) + 1
}

/// A line of the file, or of what was to be added to it: that has no lines anybody could look up.
fn place_at(path: &Path, line: usize, last_line: usize) -> Place {
    if line > last_line {
        Place::Addition
    } else {
        Place::line(path, line)
    }
}
