//! mbox: messages one behind the other in one file, each after a line "From sender date".
//!
//! A line of a message that looks like this one is quoted with `>`; how exactly is the [`Dialect`]. Which one a file has
//! cannot be told from the file, so it is not guessed: a letter could lie.

mod lines;
mod read;
mod separator;
mod write;

pub use read::Reader;
pub use write::Writer;

/// How lines that look like the one between messages are told apart from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// `From ` behind any number of `>` got one more `>`: nothing is lost. What we write, and right for most files.
    #[default]
    Rd,
    /// `From ` got a `>`; `>From ` did not.
    O,
    /// As [`Dialect::O`], and `Content-Length` says how long the body is.
    Cl,
    /// Nothing is quoted; `Content-Length` says how long the body is.
    Cl2,
}

impl Dialect {
    pub(crate) fn has_length(self) -> bool {
        match self {
            Self::Rd | Self::O => false,
            Self::Cl | Self::Cl2 => true,
        }
    }

    /// How many octets of quoting a line begins with.
    pub(crate) fn quoting(self, line: &[u8]) -> usize {
        let quotes = line.iter().take_while(|octet| **octet == b'>').count();
        let quoted = quotes > 0 && line[quotes..].starts_with(b"From ");
        match self {
            Self::Rd => usize::from(quoted),
            Self::O | Self::Cl => usize::from(quoted && quotes == 1),
            Self::Cl2 => 0,
        }
    }
}
