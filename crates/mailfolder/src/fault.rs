//! What is wrong with a folder, and exactly where.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<Path>,
    /// Octets before it.
    pub octet: u64,
    /// Lines before it, and one; 0 where lines do not count, that is in a file which is one message.
    pub line: u64,
}

impl Place {
    /// All of a file.
    #[must_use]
    pub fn of(file: impl Into<PathBuf>) -> Self {
        Self {
            file: file.into().into(),
            octet: 0,
            line: 0,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ", line {} (octet {})", self.line, self.octet)?;
        }
        Ok(())
    }
}

/// Something that is no message, or no unique id, where one should be.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct Fault {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub problem: Problem,
}

/// What can be wrong.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Problem {
    /// An mbox file begins with something else than the line "From ...".
    #[error("a line \"From sender date\" is expected here; all up to the next one is no message")]
    NoSeparator,
    /// There is nothing between two messages.
    #[error("an empty message")]
    Empty,
    /// A file that is no message: it does not begin with a header field.
    #[error("no message: it does not begin with a header field")]
    NoHeader,
    /// The file ends within a message.
    #[error("the file ends in the middle of this message; was it cut off?")]
    CutOff,
    /// Larger than the caller takes.
    #[error("a message of more than {limit} octets")]
    TooLarge {
        /// What the caller takes, in octets.
        limit: u64,
    },
    /// `Content-Length` leads somewhere else than behind the message.
    #[error("its Content-Length of {stated} does not lead to the end of the message")]
    ContentLength {
        /// What it says, in octets.
        stated: u64,
    },
    /// A directory, a symbolic link or a device where a message should be.
    #[error("not a regular file")]
    NotAFile,
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] Arc<io::Error>),
    /// The first line of a list of unique ids is not that of a version which is known.
    #[error("not the first line of {0}")]
    ListVersion(&'static str),
    /// A line of a list of unique ids that is none of its entries.
    #[error("not an entry of the list: a name or number and a unique id")]
    ListEntry,
}

impl Problem {
    pub(crate) fn io(error: io::Error) -> Self {
        Self::Unreadable(Arc::new(error))
    }
}
